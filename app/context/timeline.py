"""The upstream attempts of one request: their number, times and outcomes."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from app.context.quotes import without_quotes
from app.errors import InternalError, ServiceError, UpstreamError, UpstreamReport


@dataclass(slots=True)
class Timeline:
    """All attempts of one request; times in seconds.

    `retries` holds (backend, type of the error that caused the retry), `hedges` (backend, whether the hedge won).
    `records` holds one dictionary per attempt, in the form that `X-AI-Debug` returns. `report` is the upstream's
    account of the last error. Both are logged, so they hold no text of the request.
    """

    started: float
    attempts: int = 0
    retries: list[tuple[str, str]] = field(default_factory=list)
    hedges: list[tuple[str, bool]] = field(default_factory=list)
    records: list[dict[str, Any]] = field(default_factory=list)
    queue_seconds: float = 0.0
    upstream_seconds: float = 0.0
    backoff_seconds: float = 0.0
    report: UpstreamReport | None = None

    def record_attempt(
        self, backend: str, upstream_route: str, model: str | None = None, body: Mapping[str, Any] | None = None
    ) -> "AttemptRecord":
        """Return a context manager that records its block as one attempt.

        `model` is the model that is asked, and `body` the request body that is sent.
        """
        return AttemptRecord(self, backend, upstream_route, model, body)

    def add(self, other: "Timeline") -> None:
        """Add the attempts of another call, which may have run at the same time as others."""
        self.attempts += other.attempts
        self.retries += other.retries
        self.hedges += other.hedges
        self.records += other.records
        self.queue_seconds += other.queue_seconds
        self.upstream_seconds += other.upstream_seconds
        self.backoff_seconds += other.backoff_seconds
        self.report = other.report or self.report

    def record_error(
        self, error: BaseException | None, body: Mapping[str, Any] | None, *, body_released: bool = False
    ) -> dict[str, Any]:
        """Record the upstream's account of an error of a request; return its fields, empty without an account.

        If `body_released`, the reason is left out: quotes of the body can no longer be found in it.
        """
        if not isinstance(error, UpstreamError) or error.report is None:
            return {}
        reason = "" if body_released else without_quotes(error.report.reason, body)
        self.report = report = replace(error.report, reason=reason)
        return {"upstream_status": report.status, **({"upstream_reason": report.reason} if report.reason else {})}


class AttemptRecord:
    """Writes one entry of the timeline: start, outcome and duration in milliseconds."""

    __slots__ = ("_body", "_record", "_started", "_timeline")

    def __init__(
        self,
        timeline: Timeline,
        backend: str,
        upstream_route: str,
        model: str | None,
        body: Mapping[str, Any] | None,
    ) -> None:
        self._timeline = timeline
        self._body = body
        self._started = time.monotonic()
        at = _milliseconds(self._started - timeline.started)
        # an attempt that still runs when the request ends was cancelled in favour of another attempt
        self._record: dict[str, Any] = {"at_ms": at, "backend": backend, "route": upstream_route}
        if model is not None:
            self._record["model"] = model
        self._record["outcome"] = "cancelled"
        timeline.records.append(self._record)

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: Any, error: BaseException | None, _traceback: Any) -> None:
        if error is None:
            self._record["outcome"] = "ok"
        elif isinstance(error, Exception):
            self._record["outcome"] = error.type if isinstance(error, ServiceError) else InternalError.type
            self._record |= self._timeline.record_error(error, self._body)
        self._record["duration_ms"] = _milliseconds(time.monotonic() - self._started)


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 1)
