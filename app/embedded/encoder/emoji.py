"""Emoji in words, which the vocabularies of the models lack."""

import re
import unicodedata

# joiners, the choice of a glyph, and skin tones change no meaning
_MODIFIERS = re.compile("[\u200d\ufe0e\ufe0f\U0001f3fb-\U0001f3ff]")
# arrows, and the blocks of symbols behind them
_SYMBOL = re.compile("[\u2190-\u2bff\U0001f000-\U0001faff]")


def spell_emoji(text: str) -> str:
    """Return the text with the Unicode name of each symbol in its place, in lower case."""
    return _SYMBOL.sub(lambda match: f" {unicodedata.name(match[0], '').lower()} ", _MODIFIERS.sub("", text))
