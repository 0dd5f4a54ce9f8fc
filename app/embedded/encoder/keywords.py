"""Keywords of English texts: noun phrases by spaCy's pipeline, ranked by frequency, length and place."""

from collections.abc import Callable, Mapping
from typing import Any

from app.embedded.encoder.entities import EntityFinder
from app.embedded.encoder.errors import InvalidInput, ModelFileMissing
from app.embedded.encoder.models import Models
from app.texts.keywords import ranked


def load(models: Models) -> Callable[[Any, Mapping[str, Any]], tuple[Any, int]]:
    """Return the function that takes a text and `max_keywords`; keywords are lists of start, end and score."""
    english = models.get(EntityFinder).english()
    if english is None:
        raise ModelFileMissing("spaCy and its pipeline for English are not installed.")

    def run(text: Any, options: Mapping[str, Any]) -> tuple[Any, int]:
        limit = options.get("max_keywords")
        if not isinstance(text, str) or type(limit) is not int or limit < 1:
            raise InvalidInput("Each input must be a text, and max_keywords a number.")
        phrases, tokens = english.keyword_phrases(text)
        return [[one.start, one.end, one.score] for one in ranked(text, phrases, limit)], tokens

    return run
