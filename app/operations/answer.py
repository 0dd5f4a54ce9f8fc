"""POST /v1/text/answer: answers a question by a part of a text, or by null."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint

from app.backends.base import Backend
from app.backends.text_types import AnswerRequest
from app.context.call_context import CallContext
from app.openapi.route_doc import Example, RouteDoc
from app.operations.endpoint import OperationEndpoint
from app.operations.offsets import part_of, places
from app.operations.text_operation import register_text, text_responses
from app.schemas.answer import AnswerRequestSchema, AnswerResultSchema
from app.texts.document import Document
from app.texts.sentences import sentence_spans

SCORE_DIGITS = 4

_DOC = RouteDoc(
    tag="Text",
    summary="Answer a question from a text",
    description="The answer is a part of the text, with its place in the text as it was sent. It is null if the text "
    "does not answer the question. A chat model's answer in other words becomes the sentence with most of its words; "
    "without such a sentence it becomes null.",
    responses=text_responses(AnswerResultSchema),
    examples={
        "question": Example(
            request={
                "text": "The library opened in 1932. Ruth Calder designed it.",
                "question": "Who designed the library?",
            },
            response={
                "answer": "Ruth Calder",
                "start": 28,
                "end": 39,
                "score": 0.9896,
                "sentence": "Ruth Calder designed it.",
                "source": "reranker",
            },
        ),
        "no answer": Example(
            request={"text": "The library opened in 1932.", "question": "Who cleans it?"},
            response={
                "answer": None,
                "start": None,
                "end": None,
                "score": 0.0,
                "sentence": None,
                "source": "reranker",
            },
        ),
    },
)


def blueprint(endpoint: OperationEndpoint) -> Blueprint:
    """Return the blueprint of the operation."""
    routes = Blueprint("answer", __name__)

    def handle(context: CallContext, document: Document, options: Mapping[str, Any]) -> dict[str, Any]:
        request = AnswerRequest(options["question"], document.text, document.language)
        result = endpoint.inference.run(context, Backend.answer, request, options.get("model"))
        score = {} if result.score is None else {"score": round(result.score, SCORE_DIGITS)}
        if result.span is None:
            found: dict[str, Any] = {"answer": None, "start": None, "end": None, "sentence": None}
        else:
            (place,) = places(document, [result.span], options["offset_unit"])
            text = part_of(document, result.span)
            found = {"answer": text.pop("text"), **text, **place, "sentence": _sentence(document, *result.span)}
        truncated = {"truncated": True} if result.truncated else {}
        return {**found, **score, "source": result.source, **truncated}

    schema = AnswerRequestSchema(endpoint.config)
    register_text(endpoint, routes, "/v1/text/answer", schema, handle, _DOC)
    return routes


def _sentence(document: Document, start: int, end: int) -> str:
    """Return the sentence, or sentences, that a part of the text is in."""
    around = [span for span in sentence_spans(document.text, document.language) if span[0] < end and start < span[1]]
    return document.text[around[0][0] : around[-1][1]]
