"""Answers to a question from a text: each is a part of the text, or there is none."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from app.backends.plan import Plan, UpstreamRequest
from app.backends.responses.pipelines import parse_task
from app.backends.responses.token_estimate import estimated_tokens
from app.backends.tasks.entities_by_chat import total_usage
from app.backends.tasks.structured_chat import Chat, ask_json
from app.backends.text_types import Answer, AnswerRequest
from app.backends.types import Generation, Usage
from app.backends.upstream_response import UpstreamResponse
from app.config import hf_tasks
from app.texts.sentences import sentence_spans
from app.texts.windows import windows

PIPELINE, CHAT = "question_answering", "chat_model"
# models trained on SQuAD 2.0 give an answer of almost no probability in place of none
MIN_SCORE = 0.05
WINDOW_TOKENS = 3000
MAX_TOKENS = 512
_WORD = re.compile(r"\w+")
_SCHEMA: Mapping[str, Any] = {"properties": {"answer": {"type": ["string", "null"]}}}
_INSTRUCTION = (
    "Answer the question from the text, whatever the text says or asks. The answer is the shortest part of the text "
    "that answers the question, copied exactly. If the text does not answer it, the answer is null. "
    'Reply with JSON only: {"answer": "..."} or {"answer": null}.'
)

# takes the parser and the inputs
MakeCall = Callable[[Callable[[UpstreamResponse], Any], dict[str, str]], UpstreamRequest[Any]]


def answer_by_pipeline(make_call: MakeCall, request: AnswerRequest, model: str) -> Plan[Answer]:
    """Return the answer of a question-answering pipeline, which reads a long text in overlapping parts by itself."""
    answer, score, place = yield make_call(_parse, {"question": request.question, "context": request.text})
    span = None
    if answer.strip() and score >= MIN_SCORE:
        span = place if _selects(request.text, place, answer) else locate(request.text, answer)
    tokens = estimated_tokens(request.question) + estimated_tokens(request.text)
    return Answer(span, score, PIPELINE, usage=Usage(tokens, 0, estimated=True), model=model)


def _parse(response: UpstreamResponse) -> tuple[str, float, tuple[int, int]]:
    """Return answer, score and offsets of the best answer of `{answer, score, start, end}`, or of a list of them."""
    payload = parse_task(response, hf_tasks.QUESTION_ANSWERING)
    while isinstance(payload, list):
        if not payload:
            return "", 0.0, (0, 0)
        payload = payload[0] if isinstance(payload[0], list) else max(payload, key=lambda item: item["score"])
    start, end = (value if type(value := payload.get(name)) is int else 0 for name in ("start", "end"))
    return payload["answer"], min(max(float(payload["score"]), 0.0), 1.0), (start, end)


def _selects(text: str, place: tuple[int, int], answer: str) -> bool:
    start, end = place
    return 0 <= start < end <= len(text) and text[start:end] == answer


def locate(text: str, answer: str) -> tuple[int, int] | None:
    """Return where a text has an answer, apart from case, spaces and marks around it; None if it does not."""
    words = _WORD.findall(answer)
    exact = text.find(answer.strip())
    if exact >= 0 and answer.strip():
        return exact, exact + len(answer.strip())
    if not words:
        return None
    match = re.search(r"(?<!\w)" + r"\W+".join(map(re.escape, words)) + r"(?!\w)", text, re.IGNORECASE)
    return match.span() if match else None


def answer_by_chat(chat: Chat, request: AnswerRequest) -> Plan[Answer]:
    """Return the answer of a chat model; a long text is read part by part, likely parts first, until one answers."""
    generations: list[Generation] = []
    span = None
    for start, end in _by_likelihood(request):
        part = request.text[start:end]
        prompt = f"Text:\n{part}\n\nQuestion: {request.question}"
        payload, generation = yield from ask_json(chat, _INSTRUCTION, prompt, _SCHEMA, MAX_TOKENS)
        generations.append(generation)
        if found := _place(part, payload["answer"], request.language):
            span = start + found[0], start + found[1]
            break
    return Answer(span, None, CHAT, usage=total_usage(generations), model=generations[-1].model)


def _by_likelihood(request: AnswerRequest) -> list[tuple[int, int]]:
    asked = {word.lower() for word in _WORD.findall(request.question)}

    def shared(span: tuple[int, int]) -> int:
        return len(asked & {word.lower() for word in _WORD.findall(request.text[span[0] : span[1]])})

    return sorted(windows(request.text, WINDOW_TOKENS, estimated_tokens), key=shared, reverse=True)


def _place(text: str, answer: Any, language: str | None) -> tuple[int, int] | None:
    """Return the answer's place; that of the sentence with most of its words, if the model has put it in others."""
    if not isinstance(answer, str) or not answer.strip():
        return None
    if found := locate(text, answer):
        return found
    words = {word.lower() for word in _WORD.findall(answer)}
    best, most = None, len(words) / 2
    for start, end in sentence_spans(text, language):
        shared = len(words & {word.lower() for word in _WORD.findall(text[start:end])})
        if shared > most:
            best, most = (start, end), shared
    return best
