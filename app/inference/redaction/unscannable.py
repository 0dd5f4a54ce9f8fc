"""Finds the parts of a request that cannot be searched for personal data."""

import base64
import re
from collections.abc import Mapping
from typing import Any

from app.errors import ValidationError

# fields with files, addresses of files, encrypted texts, or names of texts that a server holds
_FIELDS: Mapping[str, str] = {
    "image_url": "an image",
    "image": "an image",
    "images": "images",
    "input_audio": "audio",
    "audio": "audio",
    "video": "a video",
    "video_url": "a video",
    "file": "a file",
    "file_data": "a file",
    "file_id": "a file",
    "file_url": "a file",
    "encrypted_content": "encrypted content",
    "previous_response_id": "a conversation that the server holds",
    "conversation": "a conversation that the server holds",
    "prompt_embeds": "embeddings",
}
_ITEM_TYPES: Mapping[str, str] = {
    "item_reference": "an item that the server holds",
    "redacted_thinking": "encrypted content",
    "compaction": "encrypted content",
}
# these hold a text, or token ids in its place
_TOKEN_FIELDS = frozenset({"prompt", "input", "inputs", "tokens", "prompt_token_ids", "context"})
_DATA_URL = re.compile(r"data:[\w.+/-]{0,100}(?:;[\w=.-]{1,60}){0,4};base64,", re.IGNORECASE)
_ENCODED = re.compile(r"(?<![A-Za-z0-9+/_-])(?:[A-Za-z0-9+/_-]{64,}={0,2})(?![A-Za-z0-9+/_=-])")
MIN_ENCODED_CHARS = 256


def require_scannable_field(name: str, value: Any, path: str) -> None:
    """Raise ValidationError if a field cannot be searched."""
    if name in _FIELDS and value:
        raise unscannable(path, _FIELDS[name])
    if name == "type" and isinstance(value, str) and value in _ITEM_TYPES:
        raise unscannable(path, _ITEM_TYPES[value])
    if name in _TOKEN_FIELDS and _has_token_ids(value):
        raise unscannable(path, "token ids")


def require_scannable_text(text: str, path: str) -> None:
    """Raise ValidationError if a text holds a file in base64."""
    if _DATA_URL.search(text):
        raise unscannable(path, "a file in base64")
    for match in _ENCODED.finditer(text):
        if len(match[0]) >= MIN_ENCODED_CHARS and _is_binary(match[0]):
            raise unscannable(path, "a file in base64")


def unscannable(path: str, thing: str) -> ValidationError:
    """Return the error of a part that cannot be searched."""
    return ValidationError(
        f"Redaction is on, and {thing} cannot be searched for personal data: leave out {path}.",
        details={path: [f"This holds {thing}, which redaction cannot search."]},
    )


def _has_token_ids(value: Any) -> bool:
    if not isinstance(value, list):
        return False
    return any(isinstance(item, int) or (isinstance(item, list) and _has_token_ids(item)) for item in value)


def _is_binary(text: str) -> bool:
    """Return whether a word is base64 of something else than a text."""
    if not (re.search(r"[A-Z]", text) and re.search(r"[a-z]", text) and re.search(r"\d", text)):
        return False
    plain = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        base64.b64decode(plain[: len(plain) // 4 * 4]).decode()
    except UnicodeDecodeError:
        return True
    return False
