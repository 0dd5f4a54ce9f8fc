"""POST /v1/text/keywords: finds the words and phrases that a text is about."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint

from app.backends.base import Backend
from app.backends.text_types import Keyword, KeywordsRequest
from app.context.call_context import CallContext
from app.openapi.route_doc import Example, RouteDoc
from app.operations.endpoint import OperationEndpoint
from app.operations.offsets import part_of, places
from app.operations.text_operation import register_text, text_responses
from app.schemas.keywords import KeywordsRequestSchema, KeywordsResultSchema
from app.texts.document import Document

SCORE_DIGITS = 4

_DOC = RouteDoc(
    tag="Text",
    summary="Find the keywords of a text",
    description="Keywords are words and phrases of up to four words that the text itself has, the most important "
    "first. A chat model names them; the embedded engine takes the noun phrases of English texts. Where neither can, "
    "the service counts words between stop words: `source` is `statistics` then. `score` is the weight in relation to "
    "the best keyword.",
    responses=text_responses(KeywordsResultSchema),
    examples={
        "complaint": Example(
            request={"text": "The hotel room was tiny. Breakfast was excellent.", "max_keywords": 2},
            response={
                "keywords": [
                    {"text": "hotel room", "start": 4, "end": 14, "score": 1.0},
                    {"text": "Breakfast", "start": 25, "end": 34, "score": 0.8774},
                ],
                "language": "en",
                "source": "noun_phrases",
            },
        )
    },
)


def blueprint(endpoint: OperationEndpoint) -> Blueprint:
    """Return the blueprint of the operation."""
    routes = Blueprint("keywords", __name__)

    def handle(context: CallContext, document: Document, options: Mapping[str, Any]) -> dict[str, Any]:
        request = KeywordsRequest(document.text, options["max_keywords"], document.language)
        result = endpoint.inference.run(context, Backend.keywords, request, options.get("model"))
        spans = places(document, [(one.start, one.end) for one in result.keywords], options["offset_unit"])
        listed = [_entry(document, one, span) for one, span in zip(result.keywords, spans, strict=True)]
        response = {"keywords": listed, "language": document.language, "source": result.source}
        return {**response, "truncated": True} if result.truncated else response

    schema = KeywordsRequestSchema(endpoint.config)
    register_text(endpoint, routes, "/v1/text/keywords", schema, handle, _DOC)
    return routes


def _entry(document: Document, keyword: Keyword, span: Mapping[str, int]) -> dict[str, Any]:
    score = {} if keyword.score is None else {"score": round(keyword.score, SCORE_DIGITS)}
    return {**part_of(document, (keyword.start, keyword.end)), **span, **score}
