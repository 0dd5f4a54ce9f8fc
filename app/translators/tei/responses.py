"""Responses in the form of text-embeddings-inference (TEI)."""

import math
from typing import Any

from app.backends.types import Classification, Ranking
from app.errors import ValidationError
from app.translators.cohere.rerank import ranked


def without_others(body: dict[str, Any], *names: str) -> dict[str, Any]:
    """Return the fields of these names, as far as the body has them."""
    return {name: body[name] for name in names if name in body}


def ranks(texts: list[str], ranking: Ranking, *, return_text: bool) -> list[dict[str, Any]]:
    """Return the scores with the places of their texts, the highest first."""
    found: list[dict[str, Any]] = []
    for index in ranked(ranking):
        text = {"text": texts[index]} if return_text else {}
        found.append({"index": index, **text, "score": ranking.scores[index]})
    return found


def predictions(result: Classification) -> list[dict[str, Any]]:
    """Return the labels with their scores."""
    return [{"score": score, "label": label} for label, score in result.labels]


def normalized(vector: list[float]) -> list[float]:
    """Return a vector of the same direction and the length 1; one without a direction stays as it is."""
    length = math.hypot(*vector)
    return [number / length for number in vector] if length else vector


def require_complete(truncate: bool | None, *, truncated: bool) -> None:
    """Raise ValidationError if a text was cut although the client forbids it."""
    if truncated and truncate is False:
        raise ValidationError(
            details={"inputs": ["A text is longer than the model reads; shorten it, or send truncate: true."]}
        )
