"""Parses the rates of settings and keys, such as `100/minute`, once each."""

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
    """Return the parsed rate."""
    item = parse(text)
    seconds = item.get_expiry()
    return Rate(item, item.amount, seconds, f'"requests";q={item.amount};w={seconds}')


@lru_cache(4096)
def rate_key(text: str, client: str) -> str:
    """Return the key of a client's window, as the strategies of the limits library build it."""
    return parse_rate(text).item.key_for(client)
