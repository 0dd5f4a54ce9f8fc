"""The length of a summary in tokens that count alike in all scripts, and its whole sentences within a length.

`estimated_tokens` counts bytes outside of the Latin script, as old tokenizers did. A summary of 130 tokens would be one
sentence in Chinese, and seven in English.
"""

import re
from collections.abc import Sequence
from itertools import accumulate

# of regular expressions: characters of Chinese and Japanese, and those of no word (`\w` lacks the vowels of Hindi)
CHINESE = r"\u3040-\u30ff\u3400-\u9fff"
NO_LETTERS = (
    r"\s!-/:-@\[-`{-~\u00a0-\u00bf\u0964\u0965\u060c\u061b\u061f\u066a-\u066c"
    r"\u2010-\u206f\u3000-\u303f\uff00-\uff0f\uff1a-\uff20"
)
# one for a Chinese character, up to five Latin letters, up to three of another script or digits, or another character
_TOKEN = re.compile(rf"[{CHINESE}]|[A-Za-zÀ-ɏ]{{1,5}}|\d{{1,3}}|[^\d{NO_LETTERS}]{{1,3}}|\S")
# languages that are written without spaces between words
UNSPACED = frozenset(("zh", "ja", "th", "lo", "km", "my"))


def fair_tokens(text: str) -> int:
    """Return the length of a text in tokens, alike for texts of equal content in all scripts."""
    return len(_TOKEN.findall(text))


def joined(sentences: Sequence[str]) -> str:
    """Return sentences as one text, with spaces between those that end in another mark than a Chinese full stop."""
    parts = [f"{one} " if one[-1:].isascii() or one[-1:] not in "。！？｡」』）" else one for one in sentences]
    return "".join(parts).strip()


def within(sentences: Sequence[str], max_tokens: int) -> list[str]:
    """Return the first sentences, of at most `max_tokens` together, but at least one."""
    totals = accumulate(map(fair_tokens, sentences))
    fitting = [sentence for sentence, total in zip(sentences, totals, strict=True) if total <= max_tokens]
    return fitting or list(sentences[:1])
