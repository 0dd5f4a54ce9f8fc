"""Rates such as `60/minute`, parsed once for each text."""

from functools import cache, lru_cache
from typing import NamedTuple

from limits import RateLimitItem, parse


class Rate(NamedTuple):
    """A parsed rate: requests and seconds of the window; `policy` is the value of the RateLimit-Policy header."""

    item: RateLimitItem
    amount: int
    seconds: int
    policy: str


@cache  # one entry for each rate in the settings and the keys
def parse_rate(text: str) -> Rate:
    """Return the rate of a valid text; the settings and the client keys are checked at start."""
    item = parse(text)
    seconds = item.get_expiry()
    return Rate(item, item.amount, seconds, f'"requests";q={item.amount};w={seconds}')


@lru_cache(4096)
def rate_key(text: str, client: str) -> str:
    """Return the key of a client's window for a rate."""
    return parse_rate(text).item.key_for(client)
