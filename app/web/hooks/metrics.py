"""Counts and times every request of the app."""

from collections.abc import Callable
from functools import partial

from flask import Flask, Response

from app.context.call_context import CallContext
from app.context.request_info import RequestInfo
from app.observability.metrics.registry import Metrics
from app.web.request_state import request_state
from app.web.route_groups import RATE_LIMIT_EXEMPT


def init_app(app: Flask, metrics: Metrics) -> None:
    """Register the hooks."""
    http = metrics.http

    def after(response: Response) -> Response:
        state = request_state()
        observe = http.record_response(state.method_label, state.route_label, response.status_code)
        if not state.matches_or_unrouted(RATE_LIMIT_EXEMPT):
            metrics.clients.record_request(state.client.label)
        record = partial(_record_end, metrics, observe, state.info, state.call)
        state.streamed = response.is_streamed
        if state.streamed:
            response.call_on_close(record)
            response.call_on_close(http.end)
        else:
            record()
        return response

    def teardown(_error: BaseException | None) -> None:
        if not request_state().streamed:
            http.end()

    app.before_request(http.begin)
    app.after_request(after)
    app.teardown_request(teardown)
    app.extensions["metrics"] = metrics


def _record_end(
    metrics: Metrics, observe: Callable[[float], None], info: RequestInfo, context: CallContext | None
) -> None:
    """Record a request at the end of its response, and its operation if a backend was asked."""
    seconds = info.elapsed()
    observe(seconds)
    if context is not None and context.outcome is not None:
        metrics.operations.record_operation(context, seconds)
        metrics.genai.record_operation(context, seconds)
        metrics.upstream.record_operation(context)
