"""Parses the request headers that control one call: timeout, cache and idempotency."""

import math
import re
from functools import lru_cache

from app.config.parsers import positive_duration
from app.context.call_context import CacheControl
from app.errors import ValidationError
from app.pii.kinds import parse_rule_kinds

IDEMPOTENCY_KEY = re.compile(r"[!-~]{1,255}")


@lru_cache(64)  # most clients send one of a few values
def cache_control(value: str) -> CacheControl:
    """Return the directives of a request's Cache-Control header (RFC 9111, 5.2.1)."""
    directives = {part.partition("=")[0].strip().lower() for part in value.split(",")}
    return CacheControl(read=directives.isdisjoint(("no-cache", "no-store")), write="no-store" not in directives)


def requested_timeout(value: str | None) -> float:
    """Return the seconds of an X-Request-Timeout header, infinity without one; raise ValidationError if malformed."""
    if value is None:
        return math.inf
    try:
        return positive_duration(value)
    except ValueError as error:
        raise ValidationError(details={"X-Request-Timeout": [f"This header must be {error}."]}) from None


@lru_cache(64)
def redact_kinds(value: str) -> frozenset[str]:
    """Return the kinds of an X-AI-Redact header; raise ValidationError if it names another kind."""
    try:
        return parse_rule_kinds(value)
    except ValueError as error:
        raise ValidationError(details={"X-AI-Redact": [f"This header must be {error}."]}) from None


def idempotency_key(value: str | None) -> str | None:
    """Return the value of an Idempotency-Key header, None without one; raise ValidationError if malformed."""
    if value is not None and not IDEMPOTENCY_KEY.fullmatch(value):
        raise ValidationError(details={"Idempotency-Key": ["This header must be 1 to 255 visible ASCII characters."]})
    return value
