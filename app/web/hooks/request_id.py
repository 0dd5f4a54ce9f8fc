"""Starts the state of every request: id, clock, address and trace. It runs before all other hooks."""

from functools import partial

from flask import Flask, request
from werkzeug.middleware.proxy_fix import ProxyFix

from app.clients.identity import ClientIdentity
from app.context.request_info import RequestInfo
from app.context.trace import NO_TRACE, Tracing
from app.ids import request_id_or_new
from app.observability.metrics.http import method_label, route_label
from app.web.request_state import RequestState, pop_request_state, push_request_state
from app.web.route_groups import RATE_LIMIT_EXEMPT


def init_app(app: Flask, proxies: int, tracing: Tracing) -> None:
    """Register the hooks.

    With `proxies` above zero, the address and the scheme of a request come from the headers of the last proxies.
    Werkzeug's class reads the scheme only: it takes any text for an address, with a port too.
    """
    if proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=0, x_proto=proxies, x_host=0)  # type: ignore[method-assign]  # Werkzeug's documented use
    app.before_request(partial(_start_request, tracing, proxies))
    app.teardown_request(_end_request)


def _start_request(tracing: Tracing, proxies: int) -> None:
    current = request._get_current_object()  # type: ignore[attr-defined]  # declared without its proxy
    state = RequestState(current)
    push_request_state(state)
    state.rule = current.url_rule.rule if current.url_rule else None
    state.method_label, state.route_label = method_label(current.method), route_label(state.rule)
    environ = current.environ
    state.client = ClientIdentity.from_hops(current.remote_addr, environ.get("HTTP_X_FORWARDED_FOR"), proxies)
    if proxies:
        environ["REMOTE_ADDR"] = state.client.name
    traced = not state.matches_or_unrouted(RATE_LIMIT_EXEMPT)
    trace = tracing.begin(environ, state.route_label) if traced else NO_TRACE
    state.info = RequestInfo(request_id_or_new(environ.get("HTTP_X_REQUEST_ID")), trace)
    state.address = state.client.name
    trace.identify(state.info.id, state.client.name)


def _end_request(_error: BaseException | None) -> None:
    pop_request_state()
