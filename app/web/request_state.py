"""The state of the current request, used in place of Flask's `g` and `request` proxies."""

from contextvars import ContextVar, Token

from flask import Request

from app.clients.identity import ClientIdentity
from app.clients.sliding_window_limiter import RateLimitDecision
from app.context.call_context import CallContext
from app.context.request_info import RequestInfo
from app.web.body_budget import Reservation
from app.web.rate import Rate


class RequestState:
    """Facts of one request. The hooks in app/web/hooks set them in their order.

    `rule` is the URL rule of the route, or None without a match; it is never the path, which clients choose.
    `address` is the client's address, also where `client` is the holder of a key.
    `body_reservation` holds the bytes of a large body.
    `method_label` and `route_label` are safe as labels of metrics and fields of log lines.
    """

    rule: str | None
    method_label: str
    route_label: str
    info: RequestInfo
    client: ClientIdentity
    address: str
    rate_limit: Rate
    token: Token["RequestState"]

    rate_limit_decision: RateLimitDecision | None = None
    call: CallContext | None = None
    error_type: str | None = None
    streamed: bool = False
    body_reservation: Reservation | None = None

    def __init__(self, request: Request) -> None:
        self.request = request

    def matches_or_unrouted(self, rules: frozenset[str]) -> bool:
        """Return whether the request matched one of these rules, or no route at all."""
        return self.rule is None or self.rule in rules


_current: ContextVar[RequestState] = ContextVar("request_state")
# raises LookupError outside of a request
request_state = _current.get


def has_request_state() -> bool:
    """Return whether there is a current request whose first hook has run."""
    return _current.get(None) is not None


def push_request_state(state: RequestState) -> None:
    """Make this the state of the current request, until `pop_request_state`."""
    state.token = _current.set(state)


def pop_request_state() -> None:
    """Restore the state from before the current request, if its first hook has run."""
    if has_request_state():
        _current.reset(request_state().token)
