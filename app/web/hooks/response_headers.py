"""Adds the headers of every response, and those that describe the result of an operation."""

from flask import Flask

from app.context.call_context import CallContext
from app.web.request_state import request_state
from app.web.response import Response
from app.web.security_headers import HSTS, OVERRIDABLE_HEADERS, SECURITY_HEADERS

# Anthropic's SDKs read the id of a request from a header of their own
_ANTHROPIC_ROUTES = "/v1/messages"


def init_app(app: Flask) -> None:
    """Register the hook."""
    app.after_request(_add_headers)


def _add_headers(response: Response) -> Response:
    state, names = request_state(), {name for name, _ in response.headers}
    headers = [header for header in OVERRIDABLE_HEADERS if header[0] not in names]
    headers += [("X-Request-ID", state.info.id), *SECURITY_HEADERS]
    if state.request.path.startswith(_ANTHROPIC_ROUTES):
        headers.append(("Request-ID", state.info.id))
    if state.call is not None:
        headers += _result_headers(state.call)
    if state.request.scheme == "https":
        headers.append(HSTS)
    response.late_headers += tuple(headers)
    return response


def _result_headers(context: CallContext) -> list[tuple[str, str]]:
    """Return the headers that describe an operation; Server-Timing is in milliseconds."""
    timeline = context.timeline
    queue, upstream, total = timeline.queue_seconds, timeline.upstream_seconds, context.request.elapsed()
    times = f"queue;dur={queue * 1000:.1f}, upstream;dur={upstream * 1000:.1f}, total;dur={total * 1000:.1f}"
    target = (("X-AI-Backend", context.backend), ("X-AI-Model", context.model))
    return [
        # a backend's model name may hold characters that a header must not carry
        *((name, value) for name, value in target if value and value.isascii() and value.isprintable()),
        ("X-AI-Attempts", str(timeline.attempts)),
        ("X-AI-Cache", context.cache or "bypass"),
        ("X-AI-Fallback", "true" if context.fallback else "false"),
        ("Server-Timing", times),
    ]
