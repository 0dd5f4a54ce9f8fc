"""Checks the inputs of operations that depend on the language of a text."""

from typing import Any

from app.embedded.encoder.errors import InvalidInput


def text_with_language(item: Any) -> tuple[str, str | None]:
    """Return text and ISO 639-1 code of {"text": ..., "language": code or null}; raise InvalidInput."""
    text, language = (item.get("text"), item.get("language")) if isinstance(item, dict) else (None, None)
    if not isinstance(text, str) or not isinstance(language, str | None):
        raise InvalidInput("Each input must have a text, and its language or null.")
    return text, language
