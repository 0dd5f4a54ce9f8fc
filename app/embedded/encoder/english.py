"""spaCy's small pipeline for English texts: entities and noun phrases (https://spacy.io/models/en#en_core_web_sm)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import spacy

from app.embedded.encoder.files import ENGLISH_PIPELINE
from app.texts.entities import Entity
from app.texts.windows import windows

if TYPE_CHECKING:
    from app.embedded.encoder.models import Models

# the labels of OntoNotes 5
TYPES: Mapping[str, str] = {
    "PERSON": "person",
    "NORP": "nationality",
    "FAC": "place",
    "ORG": "organization",
    "GPE": "place",
    "LOC": "place",
    "PRODUCT": "product",
    "EVENT": "event",
    "WORK_OF_ART": "work",
    "LAW": "law",
    "LANGUAGE": "language",
    "DATE": "date",
    "TIME": "time",
    "PERCENT": "percent",
    "MONEY": "money",
    "QUANTITY": "quantity",
    "ORDINAL": "number",
    "CARDINAL": "number",
}
_SYNTAX = ("tagger", "parser", "attribute_ruler")
# memory grows with the length of a text: 44,000 characters took 150 MB
WINDOW_CHARS = 4000


MAX_PHRASE_WORDS = 4


class English:
    """The pipeline without its lemmatizer."""

    def __init__(self, _models: "Models") -> None:
        self._pipeline = spacy.load(ENGLISH_PIPELINE.checked(), exclude=["lemmatizer", "senter"])

    def entities(self, text: str) -> tuple[list[Entity], int]:
        """Return the entities of a text without scores, which the model has none of, and the tokens of the text."""
        found: list[Entity] = []
        tokens = 0
        for start, end in windows(text, WINDOW_CHARS, len):
            # the zone frees the words that the pipeline has learned from the text
            with self._pipeline.memory_zone():
                parsed = self._pipeline(text[start:end], disable=list(_SYNTAX))
                tokens += len(parsed)
                spans = [(TYPES[span.label_], span.start_char, span.end_char) for span in parsed.ents]
            found += [Entity(kind, first + start, last + start) for kind, first, last in spans]
        return found, tokens

    def noun_phrases(self, sentence: str) -> list[tuple[int, int]]:
        """Return the offsets of the noun phrases of a sentence that are no pronouns."""
        with self._pipeline.memory_zone():
            parsed = self._pipeline(sentence[:WINDOW_CHARS], disable=["ner"])
            return [
                (span.start_char, span.end_char) for span in parsed.noun_chunks if span.root.pos_ not in ("PRON", "DET")
            ]

    def keyword_phrases(self, text: str) -> tuple[list[tuple[int, int]], int]:
        """Return the offsets of noun phrases without articles and numbers before them, and the tokens of the text."""
        found: list[tuple[int, int]] = []
        tokens = 0
        for start, end in windows(text, WINDOW_CHARS, len):
            with self._pipeline.memory_zone():
                parsed = self._pipeline(text[start:end], disable=["ner"])
                tokens += len(parsed)
                phrases = [phrase for span in parsed.noun_chunks if (phrase := _core(span)) is not None]
            found += [(first + start, last + start) for first, last in phrases]
        return found, tokens


def _core(phrase: Any) -> tuple[int, int] | None:
    """Return the offsets of the last words of a noun phrase, from its first word with a meaning of its own."""
    words = list(phrase)
    while words and (words[0].is_stop or words[0].like_num or words[0].pos_ in ("DET", "PRON", "NUM", "PUNCT")):
        words = words[1:]
    while words and sum(bool(word.whitespace_) for word in words[:-1]) >= MAX_PHRASE_WORDS:
        words = words[1:]
    if not words or words[-1].pos_ not in ("NOUN", "PROPN"):
        return None
    return words[0].idx, words[-1].idx + len(words[-1])
