"""Answers that are given as they come: server-sent events, of which the last tells whether the answer is whole."""

import logging
import time
from collections.abc import Iterator
from functools import partial
from typing import Protocol

from flask import Response

from app.backends.responses.chunk_decoder import Chunk
from app.context.call_context import CallContext
from app.errors import ClientDisconnected, InternalError, ServiceError
from app.inference.plan_executor import PlanExecutor
from app.upstream.stream import UpstreamStream

logger = logging.getLogger(__name__)

DONE = b"data: [DONE]\n\n"
# timers may be early by a moment
DUE_SHARE = 0.9
# a comment, which clients read over
HEARTBEAT_COMMENT = b": still here\n\n"

HEADERS = {
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",  # nginx would hold events back
}


class EventFormatter(Protocol):
    """What the events of a route look like."""

    def format(self, batch: list[Chunk]) -> bytes:
        """Return the events of chunks that came together."""

    def finish(self) -> bytes:
        """Return the last events of a whole answer, with what is known only then."""

    def error(self, error: ServiceError) -> bytes:
        """Return the event in place of the rest of an answer."""


def stream_response(
    executor: PlanExecutor, context: CallContext, stream: UpstreamStream, events: EventFormatter
) -> Response:
    """Return the response that gives a stream on; when it is closed, whoever closed it, the stream is counted."""
    response = Response(iter_events(context, stream, events), mimetype="text/event-stream", headers=HEADERS)
    response.call_on_close(stream.close)
    response.call_on_close(partial(executor.stream_ended, context, stream))
    return response


def iter_events(context: CallContext, stream: UpstreamStream, events: EventFormatter) -> Iterator[bytes]:
    """Yield the events. This runs after the view, without Flask's contexts; no handler sees what is raised here."""
    facts = stream.stats
    try:
        with context.connection.on_disconnect(stream.cancel):
            last = time.monotonic()
            for batch in stream:
                facts.events += len(batch)
                given = events.format(batch)
                if given or time.monotonic() - last >= DUE_SHARE * stream.heartbeat:
                    last = time.monotonic()
                    yield given or HEARTBEAT_COMMENT
        facts.outcome, facts.error = "completed", None
        yield events.finish()
    except ClientDisconnected:
        return
    except ServiceError as error:
        facts.outcome, facts.error = "failed", error.type
        yield events.error(error)
    except Exception as error:
        facts.outcome, facts.error = "failed", InternalError.type
        extra = {"request_id": context.request.id, **context.request.trace.ids}
        logger.error("unhandled %s in a stream", type(error).__name__, exc_info=error, extra=extra)
        yield events.error(InternalError())
