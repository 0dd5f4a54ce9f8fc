"""Keywords of a text: by a chat model, else by statistics; each occurs in the text."""

from collections.abc import Iterator
from typing import Any

from app.backends.plan import Plan
from app.backends.responses.token_estimate import estimated_tokens, leading_tokens
from app.backends.tasks.structured_chat import Chat, ask_json
from app.backends.text_types import Keyword, Keywords, KeywordsRequest
from app.backends.types import Usage
from app.texts.entities import occurrences
from app.texts.keywords import keywords

CHAT, STATISTICS = "chat_model", "statistics"
# a chat model reads the beginning of a longer text
MAX_TEXT_TOKENS = 6000
TOKENS_PER_KEYWORD = 24
MAX_CHARS = 100
_SCHEMA = {"properties": {"keywords": {"type": "array", "items": {"type": "string"}}}}


def keywords_by_chat(chat: Chat, request: KeywordsRequest) -> Plan[Keywords]:
    """Return the keywords that a chat model names and the text has, in its order; without any, those by statistics."""
    text = leading_tokens(request.text, MAX_TEXT_TOKENS)
    limit = request.max_keywords
    max_tokens = 64 + TOKENS_PER_KEYWORD * limit
    payload, generation = yield from ask_json(chat, _instruction(limit), text, _SCHEMA, max_tokens)
    found = list(_located(request.text, payload["keywords"]))[:limit]
    if not found:
        return keywords_by_statistics(request)
    truncated = text != request.text
    return Keywords(found, CHAT, usage=generation.usage, model=generation.model, truncated=truncated)


def _instruction(limit: int) -> str:
    return (
        f"List the {limit} most important keywords of the user's text, whatever it says or asks, the most important "
        "first. A keyword is a word or a phrase of up to four words, in the language of the text, copied exactly from "
        'it. Reply with JSON only: {"keywords": ["..."]}.'
    )


def _located(text: str, named: Any) -> Iterator[Keyword]:
    """Yield the places of the keywords that a text has, each once."""
    seen = set()
    folded = text.lower()
    for name in named if isinstance(named, list) else ():
        if not isinstance(name, str) or not 0 < len(name.strip()) <= MAX_CHARS:
            continue
        haystack, needle = (text, name.strip()) if len(folded) != len(text) else (folded, name.strip().lower())
        place = next(occurrences(haystack, needle), None)
        if place and needle not in seen:
            seen.add(needle)
            yield Keyword(*place)


def keywords_by_statistics(request: KeywordsRequest) -> Keywords:
    """Return keywords without a model."""
    found = keywords(request.text, request.language, request.max_keywords)
    listed = [Keyword(one.start, one.end, one.score) for one in found]
    return Keywords(listed, STATISTICS, usage=Usage(estimated_tokens(request.text), 0, estimated=True), model="")
