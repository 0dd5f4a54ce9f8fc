"""Answers that are given as they come: server-sent events, of which the last tells whether the answer is whole."""

import logging
import time
from collections.abc import Iterator
from functools import partial
from typing import Protocol

from flask import Response

from app.backends.chunks import Chunk
from app.context import RequestContext
from app.errors import CallerLeft, InternalError, ServiceError
from app.services.runner import Runner
from app.services.streams import Stream

logger = logging.getLogger(__name__)

DONE = b"data: [DONE]\n\n"
# timers may be early by a moment
DUE_SHARE = 0.9
# a comment, which clients read over
SIGN_OF_LIFE = b": still here\n\n"

HEADERS = {
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",  # nginx would hold events back
}


class Events(Protocol):
    """What the events of a route look like."""

    def of(self, batch: list[Chunk]) -> bytes:
        """Return the events of chunks that came together."""

    def end(self) -> bytes:
        """Return the last events of a whole answer, with what is known only then."""

    def error(self, error: ServiceError) -> bytes:
        """Return the event in place of the rest of an answer."""


def event_stream(runner: Runner, context: RequestContext, stream: Stream, events: Events) -> Response:
    """Return the response that gives a stream on; when it is closed, whoever closed it, the stream is counted."""
    response = Response(given_on(context, stream, events), mimetype="text/event-stream", headers=HEADERS)
    response.call_on_close(stream.close)
    response.call_on_close(partial(runner.ended, context, stream))
    return response


def given_on(context: RequestContext, stream: Stream, events: Events) -> Iterator[bytes]:
    """Yield the events. This runs after the view, without Flask's contexts; no handler sees what is raised here."""
    facts = stream.facts
    try:
        with context.caller.telling(stream.hang_up):
            last = time.monotonic()
            for batch in stream:
                facts.events += len(batch)
                given = events.of(batch)
                if given or time.monotonic() - last >= DUE_SHARE * stream.heartbeat:
                    last = time.monotonic()
                    yield given or SIGN_OF_LIFE
        facts.outcome, facts.error = "completed", None
        yield events.end()
    except CallerLeft:
        return
    except ServiceError as error:
        facts.outcome, facts.error = "failed", error.type
        yield events.error(error)
    except Exception as error:
        facts.outcome, facts.error = "failed", InternalError.type
        extra = {"request_id": context.request_id, **context.trace.ids}
        logger.error("unhandled %s in a stream", type(error).__name__, exc_info=error, extra=extra)
        yield events.error(InternalError())
