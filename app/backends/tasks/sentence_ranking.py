"""Generated and shortened texts in whole sentences."""

import re
from collections.abc import Sequence
from itertools import accumulate

from app.backends.responses.token_estimate import estimated_tokens
from app.texts.sentences import segments as segments

END = re.compile(r"""[.!?…。！？｡।॥؟۔]["'”’»)\]」』*_]*$""")  # full stops of several scripts
_PIECES = re.compile(r"\s*\S{1,20}")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
# before a number such a character is a sign or a comparison: "- 40 degrees", "> 5 %"
LIST_MARKS = re.compile(r"\A(?:[#*•>|=~-]+(?: |\Z))+(?![\d.,+$€£¥-])")


def spaced_sentences(text: str, language: str | None = None) -> list[str]:
    """Return the sentences of a text, each with the space after it."""
    found: list[str] = []
    for part in segments(text, language):
        if found and not part.strip():
            found[-1] += part
        else:
            found.append(part)
    return found


def complete_sentences(text: str, language: str | None = None) -> str:
    """Return a generated text without its last sentence if that is cut off; a single cut sentence gets an ellipsis."""
    text = text.strip()
    if not text or END.search(text):
        return text
    *_, last = filter(str.strip, segments(text, language))
    complete = text.removesuffix(last).strip()
    return complete if END.search(complete) else f"{text}…"


def leading_sentences(text: str, limit: int) -> str:
    """Return the first sentences of a text, of at most `limit` tokens together.

    If that is less than half of `limit`, as in a text without full stops, return the first words instead.
    """
    sentences = _leading(list(segments(text)), limit)
    enough = END.search(sentences) and 2 * estimated_tokens(sentences) >= limit
    return sentences if enough else _leading(_PIECES.findall(text), limit)


def truncate(text: str, limit: int) -> str:
    """Return the first words of a text and an ellipsis, in at most `limit` bytes: a token has at least one."""
    head = _CONTROL.sub(" ", text).encode()[: max(1, limit - len("…".encode()))]
    words = head.decode(errors="ignore").split()
    return " ".join(words[:-1] or words) + "…"


def _leading(parts: Sequence[str], limit: int) -> str:
    totals = accumulate(map(estimated_tokens, parts))
    return "".join(part for part, total in zip(parts, totals, strict=True) if total <= limit).strip()
