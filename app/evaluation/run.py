"""Gets the results of all texts from the service: in calls of many texts, with the results of an earlier run."""

import hashlib
import json
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.evaluation.client import CallFailed, Client
from app.evaluation.results_file import Record, ResultsFile

FIRST_TEXTS = 10
# the time of a call: longer ones show no progress, and lose more if they are interrupted
CALL_SECONDS = 5.0
TEXT_ATTEMPTS = 3
MAX_FAILED_CALLS = 3
# with these the service may refuse a call because of one of its texts
_OF_A_TEXT = (400, 413, 422)
# after these every other call would fail too
_OF_ALL_CALLS = (0, 401, 403, 404, 405, 501)
_TEMPORARY_TYPES = ("upstream_timeout", "overloaded", "rate_limit_exceeded", "upstream_rate_limited")


@dataclass(frozen=True)
class Item:
    """A text and the options of its request. `key` is the same for the same operation, text and options."""

    line: int
    text: str
    options: Mapping[str, Any]
    key: str

    @classmethod
    def of(cls, operation: str, line: int, text: str, options: Mapping[str, Any]) -> "Item":
        """Return an item with its key."""
        content = json.dumps([operation, text, options], sort_keys=True)
        return cls(line, text, options, hashlib.sha256(content.encode()).hexdigest()[:20])


@dataclass(frozen=True)
class Route:
    """How an operation takes several texts: its path, its body, and the reader of its response.

    `read` returns for each text in order `{"result": {...}}` or `{"error": {...}}`, and raises LookupError or TypeError
    for a response of another form.
    """

    path: str
    body: Callable[[Sequence[str], Mapping[str, Any]], dict[str, Any]]
    read: Callable[[Mapping[str, Any], int], list[Record]]


class CannotRun(Exception):
    """The service fails call after call; the text is the last error."""


class Run:
    """A run over the items of a file. `on_progress` gets the number of different items that are done."""

    def __init__(
        self,
        client: Client,
        route: Route,
        results: ResultsFile,
        on_progress: Callable[[int], None],
        max_texts: int,
    ) -> None:
        self._client = client
        self._route = route
        self._results = results
        self._on_progress = on_progress
        self._max_texts = max_texts
        self._texts = min(FIRST_TEXTS, max_texts)
        self._attempts: Counter[str] = Counter()
        self._failed_calls = 0

    def run(self, items: Iterable[Item]) -> None:
        """Get a result or an error for each item; raise CannotRun if that is in vain."""
        unique = {item.key: item for item in items}
        queue = deque(item for item in unique.values() if not self._results.has_result(item.key))
        self._on_progress(len(unique) - len(queue))
        while queue:
            batch = self._next_batch(queue)
            started = time.monotonic()
            try:
                response = self._client.post(
                    self._route.path, self._route.body([item.text for item in batch], batch[0].options)
                )
                found = self._route.read(response, len(batch))
            except CallFailed as failed:
                self._handle_failed(failed, batch, queue)
            except (LookupError, TypeError) as error:
                raise CannotRun(f"{self._route.path} returned another form of response: {error!r}") from None
            else:
                seconds = time.monotonic() - started
                self._handle_response(batch, found, _tokens(response), seconds, queue)
            self._on_progress(len(unique) - len(queue))

    def _next_batch(self, queue: deque[Item]) -> list[Item]:
        """Take the next items, all with the same options."""
        batch = [queue.popleft()]
        while queue and len(batch) < self._texts and queue[0].options == batch[0].options:
            batch.append(queue.popleft())
        return batch

    def _handle_failed(self, failed: CallFailed, batch: list[Item], queue: deque[Item]) -> None:
        """Try a refused call again in halves; record an error for each item of another one."""
        if failed.status in _OF_ALL_CALLS:
            raise CannotRun(str(failed))
        if failed.status in _OF_A_TEXT and len(batch) > 1:
            self._texts = len(batch) // 2
            queue.extendleft(reversed(batch))
            return
        self._results.append({"line": item.line, "key": item.key, "error": failed.error} for item in batch)
        self._failed_calls += 1
        if self._failed_calls == MAX_FAILED_CALLS:
            raise CannotRun(str(failed))

    def _handle_response(
        self, batch: list[Item], found: list[Record], tokens: int, seconds: float, queue: deque[Item]
    ) -> None:
        """Record results, and put items back whose errors are temporary."""
        self._failed_calls = 0
        self._texts = max(1, min(self._max_texts, int(len(batch) * CALL_SECONDS / max(seconds, 0.001))))
        records = []
        for item, one in zip(batch, found, strict=True):
            self._attempts[item.key] += 1
            if _is_temporary(one) and self._attempts[item.key] < TEXT_ATTEMPTS:
                queue.append(item)
            else:
                records.append({"line": item.line, "key": item.key, **one})
        if records:
            records[0] |= {"seconds": round(seconds, 4), "tokens": tokens}
        self._results.append(records)


def _is_temporary(record: Record) -> bool:
    return record.get("error", {}).get("type") in _TEMPORARY_TYPES


def _tokens(response: Mapping[str, Any]) -> int:
    """Return the tokens of a response; 0 if it counts none."""
    return (response.get("usage") or {}).get("total_tokens") or 0
