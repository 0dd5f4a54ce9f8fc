"""What a client may use: for all by a setting, for one by an attribute of its key, both of the same name."""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from app.config.parsers import integer


def rate(value: str) -> str:
    """Read a rate of requests such as 60/minute."""
    if not re.fullmatch(r"[1-9][0-9]{0,8}/(second|minute|hour|day)", value):
        raise ValueError("a rate such as 60/minute, by second, minute, hour or day")
    return value


_tokens = integer(1, 10**12)

LIMITS: Mapping[str, Callable[[str], Any]] = MappingProxyType(
    {
        "rate_limit": rate,
        "tokens_per_minute": _tokens,
        "tokens_per_day": _tokens,
        "tokens_per_month": _tokens,
        "concurrent_streams": integer(1, 100_000),
    }
)
