"""Joins calls that differ in their text into one call with a list, and splits its response."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from app.backends.upstream_response import UpstreamResponse

# a joined call fails as a whole, and its response is held in memory
MAX_JOINED = 32

# takes the response, and the number of texts of each call; returns a response for each call
Split = Callable[[UpstreamResponse, Sequence[int]], list[UpstreamResponse]]


@dataclass(frozen=True)
class Join:
    """How calls are joined: `field` of the body holds a text, or a list of texts.

    `split` raises ValueError, KeyError or TypeError for a response that is none for these texts. `max_calls` is the
    number of calls that become one.
    """

    field: str
    split: Split
    max_calls: int = MAX_JOINED

    def key(self, body: dict[str, Any]) -> bytes:
        """Return the body without its text: calls with equal keys can be joined."""
        return orjson.dumps({name: value for name, value in body.items() if name != self.field})

    def texts(self, body: dict[str, Any]) -> list[Any]:
        """Return the texts of a body."""
        value = body[self.field]
        return value if isinstance(value, list) else [value]


def split_list(response: UpstreamResponse, counts: Sequence[int]) -> list[UpstreamResponse]:
    """Split a JSON list with an item for each text; a call gets the list of its items."""
    items = iter(_items(orjson.loads(response.body), sum(counts)))
    return [response.with_payload([next(items) for _ in range(count)]) for count in counts]


def _items(payload: Any, count: int) -> list[Any]:
    if not isinstance(payload, list) or len(payload) != count:
        raise ValueError("the response has not one item for each text")
    return payload
