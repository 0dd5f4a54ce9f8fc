"""Secrets for tests, and functions that search for them."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from support.keys import made

PROMPT = "a-canary-that-sings"
PASSWORD = "redis-canary-1729"
KEY, LINE = made("team")
WRONG_KEY, WRONG_LINE = made("team")
UPSTREAM_KEYS = {"HUGGINGFACE_API_KEY": "hf_huggingface-canary", "OPENAI_API_KEY": "any/openai-canary-271"}
# the unique part of each secret; the search ignores case
SECRETS = {
    "HUGGINGFACE_API_KEY": "huggingface-canary",
    "OPENAI_API_KEY": "openai-canary",
    "REDIS_URL": PASSWORD,
    "the client's key": KEY[5:],
    "its hash": LINE.partition(":")[2],
    "a wrong key": WRONG_KEY[5:],
    "the hash of a wrong key": WRONG_LINE.partition(":")[2],
}
# responses may repeat a prompt; everything else must not
SECRETS_AND_PROMPT = {**SECRETS, "a prompt": PROMPT}


def leaked(text: str, secrets: dict[str, str]) -> list[str]:
    """Return the names of the secrets in the text."""
    return [name for name, secret in secrets.items() if secret.lower() in text.lower()]


def dump(value: Any) -> list[Any]:
    """Return everything inside a value, as asdict and vars show it."""
    if isinstance(value, Mapping):
        return [dump(part) for pair in value.items() for part in pair]
    inner = {item.name: getattr(value, item.name) for item in fields(value)} if is_dataclass(value) else {}
    inner |= getattr(value, "__dict__", {})
    return [repr(value), *map(dump, inner.values())]
