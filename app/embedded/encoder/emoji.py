"""Emoji in words, which the vocabularies of the models lack."""

import re
import unicodedata

# joiners, the choice of a glyph, and skin tones change no meaning
_MODIFIERS = re.compile("[\u200d\ufe0e\ufe0f\U0001f3fb-\U0001f3ff]")
# arrows, and the blocks of symbols behind them
_SYMBOL = re.compile("[\u2190-\u2bff\U0001f000-\U0001faff]")
# a run longer than ten stars says no more
_RUN = re.compile("([\u2190-\u2bff\U0001f000-\U0001faff])\\1{10,}")


def spell_emoji(text: str) -> str:
    """Return the text with the Unicode name of each symbol in its place, in lower case; of a run, ten at most."""
    shortened = _RUN.sub(r"\1" * 10, _MODIFIERS.sub("", text))
    return _SYMBOL.sub(lambda match: f" {unicodedata.name(match[0], '').lower()} ", shortened)
