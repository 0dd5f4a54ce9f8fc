"""POST /v1/text/language: finds out the language of a text, without a backend."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint

from app.context.call_context import CallContext
from app.openapi.route_doc import Example, RouteDoc
from app.operations.endpoint import OperationEndpoint
from app.operations.offsets import places
from app.operations.text_operation import register_text, text_responses
from app.schemas.language import LanguageRequestSchema, LanguageResultSchema
from app.texts.document import Document
from app.texts.language_names import LANGUAGE_NAMES
from app.texts.languages import MIN_CONFIDENCE, Part, candidates, parts

DIGITS = 4
# a language below this probability is no alternative
MIN_ALTERNATIVE = 0.001

_DOC = RouteDoc(
    tag="Text",
    summary="Find out the language of a text",
    description="The service itself finds out the language, so no backend is called and no tokens are used. It knows "
    "66 languages. Names, addresses and numbers do not count. A text below a confidence of 0.5 has the language null; "
    "`alternatives` lists the guesses. With `parts` the parts of a mixed text are listed.",
    responses=text_responses(LanguageResultSchema),
    examples={
        "question": Example(
            request={"text": "Wann kommt mein Paket an?"},
            response={"language": "de", "name": "German", "confidence": 0.9993, "alternatives": []},
        ),
        "mixed": Example(
            request={"text": "Danke für die Hilfe. Could you call me tomorrow?", "parts": True},
            response={
                "language": "de",
                "name": "German",
                "confidence": 0.9795,
                "alternatives": [
                    {"language": "en", "name": "English", "confidence": 0.018},
                    {"language": "nl", "name": "Dutch", "confidence": 0.0016},
                ],
                "parts": [
                    {"start": 0, "end": 21, "language": "de", "name": "German", "confidence": 0.9985},
                    {"start": 21, "end": 48, "language": "en", "name": "English", "confidence": 0.9982},
                ],
            },
        ),
    },
)


def blueprint(endpoint: OperationEndpoint) -> Blueprint:
    """Return the blueprint of the operation."""
    routes = Blueprint("language", __name__)
    schema = LanguageRequestSchema(endpoint.config)
    register_text(endpoint, routes, "/v1/text/language", schema, _find_out, _DOC)
    return routes


def _find_out(_context: CallContext, document: Document, options: Mapping[str, Any]) -> dict[str, Any]:
    found = [_named(one.language, one.confidence) for one in candidates(document.text)]
    confidence = found[0]["confidence"] if found else 0.0
    best = found[0] if confidence >= MIN_CONFIDENCE else {"language": None, "name": None, "confidence": confidence}
    others = [one for one in found if one is not best and one["confidence"] >= MIN_ALTERNATIVE]
    result = {**best, "alternatives": others}
    return {**result, "parts": _parts(document, options["offset_unit"])} if options["parts"] else result


def _named(language: str, confidence: float) -> dict[str, Any]:
    return {"language": language, "name": LANGUAGE_NAMES[language], "confidence": round(confidence, DIGITS)}


def _parts(document: Document, unit: str) -> list[dict[str, Any]]:
    found: list[Part] = parts(document.text)
    spans = places(document, [(part.start, part.end) for part in found], unit)
    return [{**span, **_named(part.language, part.confidence)} for span, part in zip(spans, found, strict=True)]
