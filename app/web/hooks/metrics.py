"""Counts and times every request of the app."""

from collections.abc import Callable
from functools import partial

from flask import Flask

from app.context.call_context import CallContext
from app.context.request_info import RequestInfo
from app.observability.metrics.registry import Metrics
from app.web.request_state import has_request_state, request_state
from app.web.response import EndStep, Response
from app.web.route_groups import RATE_LIMIT_EXEMPT


def init_app(app: Flask, metrics: Metrics) -> None:
    """Register the hooks."""
    http = metrics.http

    def after_request(response: Response) -> Response:
        state = request_state()
        observe = http.record_response(state.method_label, state.route_label, response.status_code)
        if not state.matches_or_unrouted(RATE_LIMIT_EXEMPT):
            metrics.clients.record_request(state.client.label)
        response.run_at_end(EndStep.RECORD_METRICS, partial(_record, metrics, observe, state.info, state.call))
        if response.is_streamed:
            state.streamed = True
            response.run_at_end(EndStep.END_REQUEST, http.end)
        return response

    def teardown_request(_error: BaseException | None) -> None:
        if has_request_state() and not request_state().streamed:
            http.end()

    app.before_request(http.begin)
    app.after_request(after_request)
    app.teardown_request(teardown_request)
    app.extensions["metrics"] = metrics


def _record(metrics: Metrics, observe: Callable[[float], None], info: RequestInfo, context: CallContext | None) -> None:
    """Record the duration of a request, and its operation if a backend was called."""
    seconds = info.elapsed()
    observe(seconds)
    if context is not None and context.outcome is not None:
        metrics.operations.record_operation(context, seconds)
        metrics.genai.record_operation(context, seconds)
        metrics.upstream.record_operation(context)
