"""Streamed responses: events, mostly server-sent, of which the last one shows whether the response is complete."""

import logging
import time
from collections.abc import Iterator
from functools import partial

from app.context.call_context import CallContext
from app.errors import ClientDisconnected, InternalError, ServiceError
from app.inference.plan_executor import PlanExecutor
from app.translators.event_formatter import EventFormatter
from app.upstream.stream import UpstreamStream
from app.web.response import EndStep, Response

logger = logging.getLogger(__name__)

DONE = b"data: [DONE]\n\n"
# timers may fire a moment early
HEARTBEAT_TOLERANCE = 0.9

HEADERS = {
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",  # nginx would buffer events
}


def stream_response(
    executor: PlanExecutor, context: CallContext, stream: UpstreamStream, events: EventFormatter
) -> Response:
    """Return the response that forwards a stream, and records the stream when it is closed."""
    response = Response(iter_events(context, stream, events), mimetype=events.mimetype, headers=HEADERS)
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
                    yield data or events.heartbeat
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
