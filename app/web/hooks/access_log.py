"""Writes one log line for each request, at the end of the response."""

import logging
from functools import partial
from http import HTTPStatus
from typing import Any

from flask import Flask

from app.context.call_context import CallContext
from app.context.request_info import RequestInfo
from app.errors import ClientDisconnected
from app.web.request_state import RequestState, request_state
from app.web.response import EndStep, Response
from app.web.route_groups import PROBES

logger = logging.getLogger("app.access")

INTERNAL_ERROR = HTTPStatus.INTERNAL_SERVER_ERROR.value


def init_app(app: Flask) -> None:
    """Register the hook."""
    app.after_request(_after_request)


def _after_request(response: Response) -> Response:
    state = request_state()
    # the 503 of a probe is a state of the service and no failure
    failed = response.status_code >= INTERNAL_ERROR and state.rule not in PROBES
    write = partial(_write_line, _request_fields(state, response), state.call, state.info, failed)
    response.run_at_end(EndStep.WRITE_LOG_LINE, write)
    return response


def _write_line(fields: dict[str, Any], context: CallContext | None, info: RequestInfo, failed: bool) -> None:
    fields["duration_ms"] = round(info.elapsed() * 1000, 2)
    if context is not None:
        fields |= _operation_fields(context)
        failed = failed or _stream_failed(context)
        if logger.isEnabledFor(logging.DEBUG):
            fields |= _debug_fields(context)
    write = logger.error if failed else logger.info
    write("%(method)s %(route)s %(status)d in %(duration_ms).1f ms", fields)
    info.trace.end(fields["status"], fields.get("error"))


def _request_fields(state: RequestState, response: Response) -> dict[str, Any]:
    """Return the fields of any request: no path, no query and no prompt, which clients choose."""
    fields = {
        "request_id": state.info.id,
        "method": state.method_label,
        "route": state.route_label,
        "status": response.status_code,
        "client": state.client.name,
        "address": state.address,
        **state.info.trace.ids,
    }
    if state.error_type is not None:
        fields["error"] = state.error_type
    return fields


def _operation_fields(context: CallContext) -> dict[str, Any]:
    """Return the fields of an operation, and of its stream if there is one."""
    fields: dict[str, Any] = {
        "operation": context.operation,
        "requested_model": context.requested_model,
        "model": context.model,
        "backend": context.backend,
        "prompt_tokens": context.prompt_tokens,
        "completion_tokens": context.completion_tokens,
        "attempts": context.timeline.attempts,
        "cache": context.cache,
        "fallback": context.fallback,
    }
    if (report := context.timeline.report) is not None:
        fields |= {"upstream_status": report.status, "upstream_reason": report.reason}
    if (stats := context.stream) is not None:
        fields |= {
            "outcome": stats.outcome,
            "first_event_ms": round(stats.first_event * 1000, 2),
            "events": stats.events,
            "tokens_per_second": round(context.tokens_per_second, 2),
            **({"error": stats.error} if stats.error else {}),
        }
    return fields


def _stream_failed(context: CallContext) -> bool:
    """Return whether a stream ended with an error of the service or its upstream; its status was sent before."""
    return context.stream is not None and context.stream.error not in (None, ClientDisconnected.type)


def _debug_fields(context: CallContext) -> dict[str, Any]:
    """Return the fields of level debug: each attempt, and how the time was spent."""
    timeline = context.timeline
    return {
        "attempt_records": timeline.records,
        "queue_ms": round(timeline.queue_seconds * 1000, 2),
        "upstream_ms": round(timeline.upstream_seconds * 1000, 2),
        "backoff_ms": round(timeline.backoff_seconds * 1000, 2),
    }
