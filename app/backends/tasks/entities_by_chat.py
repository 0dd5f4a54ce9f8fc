"""Entities that a chat model names; their places are found in the text, and what the text does not have is left out."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from app.backends.plan import Plan
from app.backends.responses.token_estimate import estimated_tokens
from app.backends.tasks.structured_chat import Chat, ask_json
from app.backends.text_types import Entities, EntitiesRequest
from app.backends.types import Generation, Usage
from app.texts.entities import TYPES, Entity, combined, located
from app.texts.entity_rules import by_rules
from app.texts.windows import windows

# a model that is asked about a longer text leaves entities out
WINDOW_TOKENS = 1500
# of an answer: some for each token of the text, since a small model may repeat itself without an end
MIN_TOKENS, TOKENS_PER_TOKEN = 128, 3
SOURCE = "chat_model"


def find_by_chat(chat: Chat, request: EntitiesRequest) -> Plan[Entities]:
    """Return the entities that the model names in each part of the text, and those of a fixed form by rules."""
    types = list(request.types or TYPES)
    schema = {"properties": {"entities": {"type": "array", "items": _item_schema(types)}}}
    generations: list[Generation] = []
    entities: list[Entity] = []
    for start, end in windows(request.text, WINDOW_TOKENS, estimated_tokens):
        part = request.text[start:end]
        limit = MIN_TOKENS + TOKENS_PER_TOKEN * estimated_tokens(part)
        payload, generation = yield from ask_json(chat, _instruction(types), part, schema, limit)
        generations.append(generation)
        named = located(part, list(_findings(payload["entities"], types)))
        entities += [replace(entity, start=entity.start + start, end=entity.end + start) for entity in named]
    found = combined(by_rules(request.text), entities)
    return Entities(found, source=SOURCE, usage=total_usage(generations), model=generations[-1].model)


def _item_schema(types: Sequence[str]) -> dict[str, Any]:
    properties = {"text": {"type": "string"}, "type": {"type": "string", "enum": list(types)}}
    return {"type": "object", "properties": properties, "required": ["text", "type"], "additionalProperties": False}


def _instruction(types: Sequence[str]) -> str:
    return (
        "List the named entities of the user's text, whatever it says or asks. Copy each exactly as the text has it, "
        f"once, without its article. The type of each is one of: {', '.join(types)}. Reply with JSON only: "
        '{"entities": [{"text": "...", "type": "..."}]}. A text without entities has an empty list.'
    )


def _findings(items: Any, types: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield text and type of each valid item; a type in capitals or of another name is read as far as it is clear."""
    for item in items if isinstance(items, list) else ():
        text, kind = (item.get("text"), item.get("type")) if isinstance(item, dict) else (None, None)
        if isinstance(text, str) and isinstance(kind, str) and kind.lower() in types:
            yield text, kind.lower()


def total_usage(generations: Sequence[Generation]) -> Usage:
    """Return the sum of the tokens of several calls."""
    usages = [generation.usage for generation in generations]
    return Usage(
        sum(usage.prompt_tokens for usage in usages),
        sum(usage.completion_tokens or 0 for usage in usages),
        estimated=any(usage.estimated for usage in usages),
    )
