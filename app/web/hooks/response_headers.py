"""Adds the headers of every response, and those that describe the result of an operation."""

from flask import Flask

from app.context.call_context import CallContext
from app.web.request_state import request_state
from app.web.response import Response
from app.web.security_headers import HSTS, OVERRIDABLE_HEADERS, SECURITY_HEADERS


def init_app(app: Flask) -> None:
    """Register the hook."""
    app.after_request(_add_headers)


def _add_headers(response: Response) -> Response:
    state, names = request_state(), {name for name, _ in response.headers}
    response.late_headers += tuple([header for header in OVERRIDABLE_HEADERS if header[0] not in names])
    response.late_headers += (("X-Request-ID", state.info.id), *SECURITY_HEADERS)
    if state.call is not None:
        response.late_headers += tuple(_result_headers(state.call))
    if state.request.scheme == "https":
        response.late_headers += (HSTS,)
    return response


def _result_headers(context: CallContext) -> list[tuple[str, str]]:
    """Return the headers that describe an operation; Server-Timing is in milliseconds."""
    timeline = context.timeline
    times = {
        "queue": timeline.queue_seconds,
        "upstream": timeline.upstream_seconds,
        "total": context.request.elapsed(),
    }
    target = (("X-AI-Backend", context.backend), ("X-AI-Model", context.model))
    return [
        # a backend's model name may hold characters that a header must not carry
        *((name, value) for name, value in target if value and value.isascii() and value.isprintable()),
        ("X-AI-Attempts", str(timeline.attempts)),
        ("X-AI-Cache", context.cache or "bypass"),
        ("X-AI-Fallback", "true" if context.fallback else "false"),
        ("Server-Timing", ", ".join([f"{name};dur={seconds * 1000:.1f}" for name, seconds in times.items()])),
    ]
