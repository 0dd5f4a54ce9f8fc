"""The limits of a client: settings for all clients, and attributes of the same names for one client key."""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from app.config.parsers import integer

DEFAULT_RATE_LIMIT = "60/minute"


def rate(value: str) -> str | None:
    """Parse a rate of requests such as 60/minute; return None for `none`, which means unlimited."""
    if value.lower() == "none":
        return None
    if not re.fullmatch(r"[1-9][0-9]{0,8}/(second|minute|hour|day)", value):
        raise ValueError(f"a rate per second, minute, hour or day such as {DEFAULT_RATE_LIMIT}, or none")
    return value


_count = integer(1, 10**12)

LIMITS: Mapping[str, Callable[[str], Any]] = MappingProxyType(
    {
        "rate_limit": rate,
        "tokens_per_minute": _count,
        "tokens_per_day": _count,
        "tokens_per_month": _count,
        "texts_per_minute": _count,
        "concurrent_streams": integer(1, 100_000),
    }
)
