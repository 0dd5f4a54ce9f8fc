"""Secrets for tests, and the search for them."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from support.keys import made

PROMPT = "a-canary-that-sings"
PASSWORD = "redis-canary-1729"
KEY, LINE = made("team")
WRONG_KEY, WRONG_LINE = made("team")
UPSTREAM_KEYS = {"HUGGINGFACE_API_KEY": "hf_huggingface-canary", "OPENAI_API_KEY": "any/openai-canary-271"}
# what is searched for, letter case aside: the telling part of each
SECRETS = {
    "HUGGINGFACE_API_KEY": "huggingface-canary",
    "OPENAI_API_KEY": "openai-canary",
    "REDIS_URL": PASSWORD,
    "the client's key": KEY[5:],
    "its hash": LINE.partition(":")[2],
    "a wrong key": WRONG_KEY[5:],
    "the hash of a wrong key": WRONG_LINE.partition(":")[2],
}
# in what callers are not answered
EVERYWHERE = {**SECRETS, "a prompt": PROMPT}


def told_in(text: str, secrets: dict[str, str]) -> list[str]:
    """The names of the secrets that are in the text."""
    return [name for name, secret in secrets.items() if secret.lower() in text.lower()]


def unfolded(value: Any) -> list[Any]:
    """All that is inside a value, as asdict and vars would show it."""
    if isinstance(value, Mapping):
        return [unfolded(part) for pair in value.items() for part in pair]
    inner = {item.name: getattr(value, item.name) for item in fields(value)} if is_dataclass(value) else {}
    inner |= getattr(value, "__dict__", {})
    return [repr(value), *map(unfolded, inner.values())]
