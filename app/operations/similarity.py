"""POST /v1/text/similarity: compares texts with candidates, or with each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint

from app.backends.base import Backend
from app.backends.responses.embeddings import Vector
from app.backends.responses.ranking import cosine_similarities
from app.context.call_context import CallContext
from app.errors import UpstreamUnavailable
from app.inference.service import InferenceService
from app.openapi.route_doc import Example, RouteDoc
from app.operations.endpoint import OperationEndpoint
from app.operations.text_operation import register_text, text_responses
from app.schemas.similarity import TextSimilarityRequestSchema, TextSimilarityResultSchema
from app.schemas.texts import texts_of
from app.texts.document import Document

SCORE_DIGITS = 4

_DOC = RouteDoc(
    tag="Text",
    summary="Compare texts by their meaning",
    description="The cosine of the angle between embeddings. `candidates` are embedded once for all texts; without "
    "them, several texts are compared with each other.",
    responses=text_responses(TextSimilarityResultSchema),
    examples={
        "candidates": Example(
            request={"text": "What warns ships?", "candidates": ["Bread is baked.", "A lighthouse warns of rocks."]},
            response={
                "scores": [0.0426, 0.3081],
                "best": 1,
                "model": "universal-sentence-encoder-multilingual-3",
            },
        )
    },
)


def blueprint(endpoint: OperationEndpoint) -> Blueprint:
    """Return the blueprint of the operation."""
    routes = Blueprint("similarity", __name__)
    schema = TextSimilarityRequestSchema(endpoint.config)
    comparison = _Comparison(endpoint.inference, schema)
    register_text(endpoint, routes, "/v1/text/similarity", schema, comparison.handle, _DOC, comparison.prepare)
    return routes


@dataclass(frozen=True)
class _Comparison:
    inference: InferenceService
    schema: TextSimilarityRequestSchema

    def prepare(self, context: CallContext, body: Mapping[str, Any]) -> dict[str, Any]:
        """Embed the texts that others are compared with, once for all; a single text is embedded with its candidates.

        `others` has these texts, None for one that is invalid.
        """
        others = body.get("candidates") or [self._text(body, text) for text in texts_of(body)]
        known = [] if "text" in body else _distinct(others)
        vectors, model = self._embed(context, known, body.get("model")) if known else ({}, "")
        return {"others": others, "vectors": vectors, "vectors_model": model}

    def handle(self, context: CallContext, document: Document, options: Mapping[str, Any]) -> dict[str, Any]:
        text, others = document.text, options["others"]
        vectors, model = options["vectors"], options["vectors_model"]
        missing = [one for one in _distinct([text, *others]) if one not in vectors]
        if missing:
            added, found_model = self._embed(context, missing, options.get("model"))
            if model not in ("", found_model):  # a fallback answered; vectors of two models cannot be compared
                raise UpstreamUnavailable
            vectors, model = {**vectors, **added}, found_model
        scores = [one and _score(vectors[text], vectors[one]) for one in others]
        same = () if "candidates" in options else (text, None)
        rivals = [(score, -place) for place, score in enumerate(scores) if others[place] not in same]
        return {"scores": scores, "best": -max(rivals)[1] if rivals else None, "model": model}

    def _text(self, body: Mapping[str, Any], text: str) -> str | None:
        """Return the text itself of one of several texts, None if it is invalid."""
        return None if self.schema.text_error(text) else Document(text, body["format"]).text

    def _embed(self, context: CallContext, texts: list[str], model: str | None) -> tuple[dict[str, Vector], str]:
        """Return the vector of each text, and the model."""
        found = self.inference.run(context, Backend.vectors, texts, model)
        return dict(zip(texts, found.vectors, strict=True)), found.model


def _distinct(texts: Sequence[str | None]) -> list[str]:
    return [text for text in dict.fromkeys(texts) if text is not None]


def _score(own: Vector, other: Vector) -> float:
    return round(cosine_similarities(own, [other])[0], SCORE_DIGITS)
