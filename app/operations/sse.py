"""Streamed responses: server-sent events, of which the last one shows whether the response is complete."""

import logging
import time
from collections.abc import Iterator
from functools import partial
from typing import Protocol

from app.backends.responses.chunk_decoder import Chunk
from app.context.call_context import CallContext
from app.errors import ClientDisconnected, InternalError, ServiceError
from app.inference.plan_executor import PlanExecutor
from app.upstream.stream import UpstreamStream
from app.web.response import EndStep, Response

logger = logging.getLogger(__name__)

DONE = b"data: [DONE]\n\n"
# timers may fire a moment early
HEARTBEAT_TOLERANCE = 0.9
# clients skip comments
HEARTBEAT_COMMENT = b": still here\n\n"

HEADERS = {
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",  # nginx would buffer events
}


class EventFormatter(Protocol):
    """Formats the events of a route."""

    def format(self, batch: list[Chunk]) -> bytes:
        """Return the events of chunks that arrived together."""

    def finish(self) -> bytes:
        """Return the last events of a complete stream, with usage and finish reason."""

    def error(self, error: ServiceError) -> bytes:
        """Return the event that ends an incomplete stream."""


def stream_response(
    executor: PlanExecutor, context: CallContext, stream: UpstreamStream, events: EventFormatter
) -> Response:
    """Return the response that forwards a stream, and records the stream when it is closed."""
    response = Response(iter_events(context, stream, events), mimetype="text/event-stream", headers=HEADERS)
    response.run_at_end(EndStep.CLOSE_UPSTREAM, stream.close)
    response.run_at_end(EndStep.RECORD_STREAM, partial(executor.stream_ended, context, stream))
    return response


def iter_events(context: CallContext, stream: UpstreamStream, events: EventFormatter) -> Iterator[bytes]:
    """Yield the events. This runs after the view, so neither Flask's contexts nor its error handlers are available."""
    stats = stream.stats
    try:
        with context.connection.on_disconnect(stream.cancel):
            last_write = time.monotonic()
            for batch in stream:
                stats.events += len(batch)
                data = events.format(batch)
                if data or time.monotonic() - last_write >= HEARTBEAT_TOLERANCE * stream.heartbeat:
                    last_write = time.monotonic()
                    yield data or HEARTBEAT_COMMENT
        stats.outcome, stats.error = "completed", None
        yield events.finish()
    except ClientDisconnected:
        return
    except ServiceError as error:
        stats.outcome, stats.error = "failed", error.type
        yield events.error(error)
    except Exception as error:
        stats.outcome, stats.error = "failed", InternalError.type
        extra = {"request_id": context.request.id, **context.request.trace.ids}
        logger.error("unhandled %s in a stream", type(error).__name__, exc_info=error, extra=extra)
        yield events.error(InternalError())
