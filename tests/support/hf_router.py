"""Hugging Face's router and Hub on a real socket: a pipeline for each task, and chat completions."""

from http.server import BaseHTTPRequestHandler
from typing import Any

from support.openai_server import respond as respond_as_openai
from support.servers import Upstream, reply

VECTOR = [0.6, 0.8]
# the shapes of recorded responses
RESPONSES: dict[str, Any] = {
    "text-classification": [[{"label": "POSITIVE", "score": 0.9}, {"label": "NEGATIVE", "score": 0.1}]],
    "summarization": [{"summary_text": "It is a tower."}],
    "translation": [{"translation_text": "Hallo Welt"}],
    "zero-shot-classification": [{"label": "sea", "score": 0.8}, {"label": "sky", "score": 0.2}],
    "token-classification": [{"entity_group": "PER", "score": 0.9, "word": "Ada", "start": 0, "end": 3}],
    "question-answering": {"answer": "Ada", "score": 0.9, "start": 0, "end": 3},
    "table-question-answering": {"answer": "5", "coordinates": [[0, 1]], "cells": ["5"], "aggregator": "NONE"},
    "fill-mask": [{"score": 0.9, "token": 7, "token_str": " sea", "sequence": "The sea."}],
    "feature-extraction": VECTOR,
    "sentence-similarity": [0.9, 0.1],
}
MODELS = {
    "cardiffnlp/twitter-roberta-base-sentiment-latest": "text-classification",
    "facebook/bart-large-cnn": "summarization",
    "google-t5/t5-small": "translation",
    "facebook/bart-large-mnli": "zero-shot-classification",
    "dslim/bert-base-NER": "token-classification",
    "deepset/roberta-base-squad2": "question-answering",
    "google/tapas-base-finetuned-wtq": "table-question-answering",
    "google-bert/bert-base-uncased": "fill-mask",
    "sentence-transformers/all-MiniLM-L6-v2": "sentence-similarity",
    "org/generator": "text-generation",
}
TOKEN = {"id": 7, "text": " five", "logprob": -0.5, "special": False}
GENERATED = {
    "generated_text": " five",
    "details": {"finish_reason": "length", "generated_tokens": 1, "seed": None, "prefill": [], "tokens": [TOKEN]},
}
STREAM = (
    b'data:{"index":1,"token":{"id":7,"text":" five","logprob":-0.5,"special":false},"generated_text":null,'
    b'"details":null}\n\n'
    b'data:{"index":2,"token":{"id":2,"text":"</s>","logprob":-0.1,"special":true},"generated_text":" five",'
    b'"details":{"finish_reason":"eos_token","generated_tokens":2,"seed":null,"input_length":3}}\n\n'
)


class HuggingFaceRouter(Upstream):
    """Serves each model's task, and the Hub's information on the models."""

    def __init__(self) -> None:
        super().__init__()
        self.respond = _respond


def _respond(handler: BaseHTTPRequestHandler) -> None:
    path = handler.path.partition("?")[0]
    if path.startswith("/api/models/"):
        _describe(handler, path.removeprefix("/api/models/"))
    elif path.startswith("/hf-inference/models/"):
        _run(handler, *path.removeprefix("/hf-inference/models/").partition("/pipeline/")[::2])
    else:
        respond_as_openai(handler)


def _describe(handler: BaseHTTPRequestHandler, model: str) -> None:
    task = MODELS.get(model)
    if task is None:
        reply(handler, {"error": "Repository not found"}, 404)
        return
    mapping = {"hf-inference": {"status": "live", "task": task}}
    reply(handler, {"id": model, "pipeline_tag": task, "inferenceProviderMapping": mapping})


def _run(handler: BaseHTTPRequestHandler, model: str, task: str) -> None:
    task = task or MODELS.get(model, "")
    if task == "text-generation":
        if handler.asked.get("stream"):
            handler.send_response(200)
            handler.send_header("Content-Type", "text/event-stream")
            handler.send_header("Content-Length", str(len(STREAM)))
            handler.end_headers()
            handler.wfile.write(STREAM)
        else:
            reply(handler, [GENERATED])
    elif task in RESPONSES:
        reply(handler, RESPONSES[task])
    else:
        reply(handler, {"error": "Model not supported by provider hf-inference"}, 400)
