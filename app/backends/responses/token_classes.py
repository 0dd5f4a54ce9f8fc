"""Reads entities from token-classification pipelines, grouped or token by token, with offsets or without."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from app.backends.responses.pipelines import parse_task
from app.backends.upstream_response import UpstreamResponse
from app.config import hf_tasks
from app.errors import UpstreamInvalidResponse
from app.texts.entities import Entity, Spans, trimmed

# labels of well-known models on the Hub: CoNLL-2003, OntoNotes 5, and models for personal data
_TYPES: Mapping[str, str] = {
    "per": "person",
    "person": "person",
    "org": "organization",
    "organization": "organization",
    "loc": "place",
    "location": "place",
    "gpe": "place",
    "fac": "place",
    "facility": "place",
    "date": "date",
    "time": "time",
    "money": "money",
    "percent": "percent",
    "quantity": "quantity",
    "cardinal": "number",
    "ordinal": "number",
    "product": "product",
    "prod": "product",
    "event": "event",
    "work_of_art": "work",
    "law": "law",
    "language": "language",
    "norp": "nationality",
    "email": "email",
    "url": "url",
    "phone": "phone",
    "phonenumber": "phone",
}
# the position of a token in its entity, in the schemes IOB2, BILOU and BIOES
_PREFIX = re.compile(r"\A([BILUES])[-_](?=.)")
# how tokenizers mark a piece that continues a word, or that begins one: WordPiece, SentencePiece, byte-level BPE
_CONTINUES = "##"
_MARKS = re.compile(r"[▁Ġ]")
# scripts from Hebrew on write words without spaces, or join particles to names
_AFTER_CYRILLIC = "\u0590"


@dataclass(frozen=True, slots=True)
class _Token:
    """A token, or a group of tokens, with its place in the text and its position in its entity."""

    entity: Entity
    position: str
    continues_word: bool


def type_of_label(label: str) -> str:
    """Return the type of entities that a model's label stands for; "other" for an unknown label."""
    return _TYPES.get(_PREFIX.sub("", label).lower(), "other")


def parse_entities(response: UpstreamResponse, text: str) -> list[Entity]:
    """Return the entities of a text from `[{entity_group or entity, score, word, start?, end?}]`, maybe nested once.

    Raise UpstreamInvalidResponse for a response of another kind.
    """
    payload = parse_task(response, hf_tasks.TOKEN_CLASSIFICATION)
    if isinstance(payload, list) and len(payload) == 1 and isinstance(payload[0], list):
        payload = payload[0]
    if not isinstance(payload, list) or not all(isinstance(item, dict) for item in payload):
        raise UpstreamInvalidResponse
    tokens = [token for token in _tokens(payload, text) if token is not None]
    grouped = (_whole_words(text, entity) for entity in _grouped(tokens, text))
    taken = Spans()
    return [entity for entity in grouped if entity and taken.add(entity.start, entity.end)]


def _tokens(items: Iterable[dict[str, Any]], text: str) -> Iterable[_Token | None]:
    """Return the tokens in order; None for one that is outside of entities, or that the text does not have."""
    cursor = 0
    for item in items:
        label, word = item.get("entity_group") or item.get("entity"), item["word"]
        if not isinstance(label, str):
            raise UpstreamInvalidResponse
        place = _place(item, word, text, cursor)
        if label == "O" or place is None:
            yield None
            continue
        cursor = place[1]
        prefix = _PREFIX.match(label)
        # a group is an entity of its own, unless it begins within a word
        position = "B" if "entity_group" in item else prefix[1] if prefix else "I"
        yield _Token(Entity(type_of_label(label), *place, _score(item)), position, word.startswith(_CONTINUES))


def _score(item: Mapping[str, Any]) -> float:
    return min(max(float(item["score"]), 0.0), 1.0)


def _place(item: Mapping[str, Any], word: str, text: str, cursor: int) -> tuple[int, int] | None:
    """Return the offsets of a word: those of the response if they are right, else the next place that has the word."""
    plain = _MARKS.sub(" ", word).strip() if not word.startswith(_CONTINUES) else word[len(_CONTINUES) :]
    start, end = item.get("start"), item.get("end")
    if type(start) is int and type(end) is int and 0 <= start < end <= len(text) and _same(text[start:end], plain):
        return start, end
    pattern = r"\s*".join(re.escape(part) for part in re.findall(r"\w+|[^\w\s]", plain.replace(" ##", "")))
    match = re.compile(pattern, re.IGNORECASE).search(text, cursor) if pattern else None
    return match.span() if match else None


def _same(part: str, word: str) -> bool:
    """Return whether a part of the text is a model's word, apart from spaces, marks, case, accents and unknowns."""
    return "[UNK]" in word or _letters(part) == _letters(word)


def _letters(text: str) -> str:
    return re.sub(r"##|\W", "", unicodedata.normalize("NFKD", text)).casefold()


def _grouped(tokens: Iterable[_Token], text: str) -> list[Entity]:
    """Join tokens of an entity: those that go on, and pieces of one word."""
    groups: list[list[_Token]] = []
    for token in tokens:
        if groups and _goes_on(groups[-1][-1], token, text):
            groups[-1].append(token)
        else:
            groups.append([token])
    return [_joined([token.entity for token in group]) for group in groups]


def _goes_on(last: _Token, token: _Token, text: str) -> bool:
    start = token.entity.start
    between = text[last.entity.end : start]
    if start < last.entity.end:
        return False
    if not between and (token.continues_word or _is_within_word(text, start)):
        return True
    is_inside = token.position in "IEL" and token.entity.type == last.entity.type
    return is_inside and len(between) <= 1 and not between.strip(" -'’.&/")


def _is_within_word(text: str, position: int) -> bool:
    """Return whether a position is between two letters of one word, in scripts that write spaces."""
    around = text[position - 1 : position + 1] if position else ""
    return len(around) == 2 and around.isalnum() and max(around) < _AFTER_CYRILLIC


def _joined(parts: list[Entity]) -> Entity:
    """Return the entity of its parts: the type of the first part, and the mean of the scores."""
    score = sum(part.score or 0 for part in parts) / len(parts)
    return replace(parts[0], end=parts[-1].end, score=score)


def _whole_words(text: str, entity: Entity) -> Entity | None:
    """Return the entity up to the ends of its words, which a tokenizer may have cut."""
    found = trimmed(text, entity)
    if found is None:
        return None
    start, end = found.start, found.end
    while _is_within_word(text, start):
        start -= 1
    while _is_within_word(text, end):
        end += 1
    return replace(found, start=start, end=end)
