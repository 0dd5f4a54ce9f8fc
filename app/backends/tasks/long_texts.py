"""Texts that are longer than a model reads: whether an upstream says so, and their parts.

An operation has to read all parts, or to say in its response that it has not.
"""

import re

from app.backends.responses import error_words as words
from app.backends.responses.token_estimate import estimated_tokens
from app.backends.tasks.text_parts import text_parts
from app.errors import ServiceError, UpstreamRejected

# a shorter part has no use for a model
MIN_PART_TOKENS = 20

_TOO_LONG = re.compile(
    r"context (length|size|window)|too (long|many tokens)|(maximum|max) .{0,40}(tokens|length)|tokens? .{0,40}exceed"
    r"|exceeds? .{0,60}(tokens|length|limit)|must have less than \d+ tokens|longer than .{0,40}(maximum|tokens)"
    r"|size of tensor|index out of range",
    re.IGNORECASE,
)


def is_too_long(error: ServiceError) -> bool:
    """Return whether an upstream has refused a text because of its length."""
    if not isinstance(error, UpstreamRejected) or error.report is None:
        return False
    report = error.report
    names = (report.code, words.CODE_BY_TYPE.get(report.type))
    return "context_length_exceeded" in names or report.status == 413 or _TOO_LONG.search(report.reason) is not None


def halves(text: str) -> list[str]:
    """Return parts of about half of a text, cut between sentences; their concatenation is the text.

    A text that is too short to be cut is the only part.
    """
    tokens = estimated_tokens(text)
    return text_parts(text, tokens // 2 + 1) if tokens >= 2 * MIN_PART_TOKENS else [text]


def framed(text: str) -> tuple[str, str, str]:
    """Return the space before a text, the text without it, and the space after it."""
    core = text.strip()
    start = text.find(core)
    return text[:start], core, text[start + len(core) :]
