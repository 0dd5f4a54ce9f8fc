"""Questions to a chat model that it answers in JSON of a fixed schema."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

from app.backends.plan import Plan
from app.backends.tasks.sentiment_from_chat import strip_reasoning
from app.backends.types import Generation
from app.errors import UpstreamInvalidResponse

# takes messages and a body, all of whose fields the service may take back
Chat = Callable[[list[dict[str, str]], dict[str, Any]], Plan[Generation]]

_OBJECT = re.compile(r"\{")
_DECODER = json.JSONDecoder()
# far above the longest answer, and the objects that may stand before it
MAX_CHARS, MAX_OBJECTS = 20_000, 20


def ask_json(
    chat: Chat, instruction: str, text: str, schema: Mapping[str, Any], max_tokens: int
) -> Plan[tuple[dict[str, Any], Generation]]:
    """Return the object that the model writes about a text, and the generation itself.

    The server is asked to enforce the schema; if it does not, the answer may be any object. Raise
    UpstreamInvalidResponse if it has none.
    """
    schema = {**schema, "type": "object", "required": list(schema["properties"]), "additionalProperties": False}
    messages = [{"role": "system", "content": instruction}, {"role": "user", "content": text}]
    response_format = {"type": "json_schema", "json_schema": {"name": "result", "strict": True, "schema": schema}}
    body = {"max_tokens": max_tokens, "temperature": 0, "response_format": response_format}
    generation = yield from chat(messages, body)
    found = _object(strip_reasoning(generation.text)[:MAX_CHARS], list(schema["properties"]))
    if found is None:
        raise UpstreamInvalidResponse("The model gave no JSON of the required form; use another model.")
    return found, generation


def _object(text: str, names: list[str]) -> dict[str, Any] | None:
    """Return the first JSON object of a text that has all names; of a list that was cut, its complete items."""
    for match in islice(_OBJECT.finditer(text), MAX_OBJECTS):
        for complete in _completions(text[match.start() :]):
            try:
                value, _ = _DECODER.raw_decode(complete)
            except (ValueError, RecursionError):
                continue
            if isinstance(value, dict) and all(name in value for name in names):
                return value
    return None


def _completions(text: str) -> Iterator[str]:
    """Yield a text that begins with an object, and the text up to the last item of the object's list, closed."""
    yield text
    yield text[: text.rfind("},") + 1] + "]}"
    yield text[: text.rfind('",') + 1] + "]}"
