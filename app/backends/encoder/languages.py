"""The language in which the encoder reads a text."""

from app.config.encoder_models import ENGLISH, MULTILINGUAL

# of so few letters of ASCII the language is a guess: "fine" is Italian too
_FEW_LETTERS = 12


def reading_language(text: str, language: str | None) -> str | None:
    """Return the language, or None if the text is too short to be sure: then both models read it."""
    return None if text.isascii() and sum(map(str.isalpha, text)) < _FEW_LETTERS else language


def reading_model(language: str | None) -> str:
    """Return the name of the model that reads a language; a text of unknown language is read by both."""
    return ENGLISH if language in ("en", None) else MULTILINGUAL
