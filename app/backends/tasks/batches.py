"""Sends many texts in as few calls as a server takes."""

import re
from collections.abc import Callable, Sequence
from typing import TypeVar

from cachetools import TTLCache

from app.backends.base import Plan
from app.errors import UpstreamRejected

T = TypeVar("T")

# the vectors of so many texts fit into a response of 32 MiB, with 4,096 numbers each
MAX_BATCH = 128
MAX_REMEMBERED = 100
REMEMBERED_SECONDS = 3600.0
# text-embeddings-inference: "batch size 128 > maximum allowed batch size 32"
_LIMIT = re.compile(r"\bmax\w* (?:allowed )?batch size\D{0,20}(\d{1,5})\b", re.IGNORECASE)


class Batches:
    """Splits texts into batches, and remembers for each route of a backend how many texts it takes at once."""

    def __init__(self) -> None:
        self._limits: TTLCache[str, int] = TTLCache(MAX_REMEMBERED, REMEMBERED_SECONDS)

    def send(self, route: str, texts: Sequence[str], ask: Callable[[list[str]], Plan[T]]) -> Plan[list[T]]:
        """Return the results of `ask` for all batches in order; ask again if the server names a lower limit."""
        results: list[T] = []
        start = 0
        while start < len(texts):
            batch = list(texts[start : start + self._limits.get(route, MAX_BATCH)])
            try:
                results.append((yield from ask(batch)))
            except UpstreamRejected as error:
                limit = _limit(error)
                if not 0 < limit < len(batch):
                    raise
                self._limits[route] = limit
            else:
                start += len(batch)
        return results


def _limit(error: UpstreamRejected) -> int:
    """Return the number of texts that an upstream's refusal names, 0 if it names none."""
    found = _LIMIT.search(error.report.reason) if error.report else None
    return int(found[1]) if found else 0
