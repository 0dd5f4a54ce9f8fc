"""The response to several texts: complete, or a line for each text as soon as it is ready."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import gevent
import orjson

from app.context.call_context import CallContext, StreamStats
from app.errors import ClientDisconnected, ServiceError
from app.inference.text_runner import Outcome, Outcomes
from app.operations.sse import HEADERS
from app.web.response import EndStep, Response

LINES = "application/x-ndjson"
# JSON parsers skip white space before a value, and some clients fail on an empty line
HEARTBEAT = b" "


@dataclass(frozen=True, slots=True)
class Item:
    """One of several texts as it was sent; it may be invalid."""

    id: str
    text: Any
    language: str | None


def collect(context: CallContext, items: Sequence[Item], outcomes: Iterable[Outcome]) -> dict[str, Any]:
    """Return the response to several texts, in their order."""
    entries = {outcome.index: _entry(items[outcome.index], outcome) for outcome in outcomes}
    ordered = [entries[index] for index in range(len(items))]
    return {
        "results": [entry for entry in ordered if "error" not in entry],
        "errors": [entry for entry in ordered if "error" in entry],
        "usage": _usage(context),
    }


def stream_lines(context: CallContext, items: Sequence[Item], outcomes: Outcomes, heartbeat: float) -> Response:
    """Return the response that sends a line for each text, and a last line once all are complete.

    After `heartbeat` seconds without a line a space is sent.
    """
    context.stream = stats = StreamStats()
    lines = _iter_lines(context, stats, items, outcomes, heartbeat)
    response = Response(lines, mimetype=LINES, headers=HEADERS)
    response.run_at_end(EndStep.CLOSE_UPSTREAM, outcomes.close)
    response.run_at_end(EndStep.RECORD_STREAM, partial(_record_end, context, stats))
    return response


def _iter_lines(
    context: CallContext, stats: StreamStats, items: Sequence[Item], outcomes: Outcomes, heartbeat: float
) -> Iterator[bytes]:
    """Yield the lines. This runs after the view, so neither Flask's contexts nor its error handlers are available."""
    failed = 0
    try:
        while stats.events < len(items):
            outcome = _next(context, outcomes, heartbeat)
            if outcome is None:
                yield HEARTBEAT
                continue
            stats.events += 1
            stats.first_event = stats.first_event or context.request.elapsed()
            failed += isinstance(outcome.result, ServiceError)
            yield orjson.dumps(_entry(items[outcome.index], outcome)) + b"\n"
    except ClientDisconnected:
        return
    stats.outcome, stats.error = "completed", None
    last = {"done": True, "results": len(items) - failed, "errors": failed, "usage": _usage(context)}
    yield orjson.dumps(last) + b"\n"


def _next(context: CallContext, outcomes: Outcomes, heartbeat: float) -> Outcome | None:
    """Return the next outcome; None if none is ready within `heartbeat` seconds."""
    with context.connection.cancel_on_disconnect():
        found: Outcome | None = gevent.with_timeout(heartbeat, next, outcomes, timeout_value=None)
        return found


def _record_end(context: CallContext, stats: StreamStats) -> None:
    stats.end = context.request.elapsed()


def _entry(item: Item, outcome: Outcome) -> dict[str, Any]:
    result, place = outcome.result, {"index": outcome.index, "id": item.id}
    if not isinstance(result, ServiceError):
        return {**place, **result}
    error = {"code": result.status, "message": result.message, "type": result.type, "details": result.details}
    return {**place, "error": error}


def _usage(context: CallContext) -> dict[str, Any]:
    prompt, completion = context.prompt_tokens or 0, context.completion_tokens or 0
    counts = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    return {**counts, "estimated": True} if context.usage_estimated else counts
