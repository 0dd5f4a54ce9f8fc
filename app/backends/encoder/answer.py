"""Answers of the encoder's reranker."""

from typing import Any

from app.backends.encoder.calls import EncoderCalls
from app.backends.plan import Plan
from app.backends.text_types import Answer, AnswerRequest
from app.backends.types import Usage

SOURCE = "reranker"
MODEL = "ms-marco-MiniLM-L-12-v2"


def answer_by_encoder(encoder: EncoderCalls, request: AnswerRequest) -> Plan[Answer]:
    """Return the part of the sentence that the encoder's reranker finds best."""

    def parse(output: Any, tokens: int) -> Answer:
        span = (output["span"][0], output["span"][1]) if output["span"] else None
        truncated = output.get("truncated", False)
        return Answer(span, output["score"], SOURCE, usage=Usage(tokens, 0), model=MODEL, truncated=truncated)

    options = {"question": request.question, "language": request.language}
    return (yield encoder.call("answer", request.text, options, parse))
