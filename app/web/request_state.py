"""The state of the request that is being served, used in place of Flask's `g` and `request` proxies."""

from contextvars import ContextVar
from typing import TYPE_CHECKING

from flask import Request

from app.clients.identity import ClientIdentity
from app.context.call_context import CallContext
from app.context.request_info import RequestInfo

if TYPE_CHECKING:
    from limits import RateLimitItem

    from app.clients.sliding_window_limiter import RateLimitDecision


class RequestState:
    """Facts of one request, set by the hooks in app/web/hooks in their order.

    `rule` is the URL rule of the route, never the path, which clients choose; None if no route matched.
    `method_label` and `route_label` are safe as labels of metrics and fields of log lines.
    """

    rule: str | None
    method_label: str
    route_label: str
    info: RequestInfo
    client: ClientIdentity
    rate_limit: "RateLimitItem"

    rate_limit_decision: "RateLimitDecision | None" = None
    call: CallContext | None = None
    error_type: str | None = None
    streamed: bool = False

    def __init__(self, request: Request) -> None:
        self.request = request

    def matches_or_unrouted(self, rules: frozenset[str]) -> bool:
        """Return whether the request matched one of these rules, or no route at all."""
        return self.rule is None or self.rule in rules


request_state_var: ContextVar[RequestState] = ContextVar("request_state")
request_state = request_state_var.get
