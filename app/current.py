"""The request that is being served, in place of Flask's `g` and `request`, which look for it at each access."""

from contextvars import ContextVar
from typing import TYPE_CHECKING

from flask import Request

from app.clients import Client
from app.context import Allowance, RequestContext
from app.tracing.base import Trace

if TYPE_CHECKING:
    from limits import RateLimitItem

    from app.services.rates import Taken


class Current:
    """What is known of a request, by the first hook (app/middleware.py) and then by others."""

    rule: str | None  # of its route, never its path, which callers choose; None where it matched none
    request_id: str
    received: float
    client: Client
    trace: Trace
    store_allowance: Allowance
    rate: "RateLimitItem"

    taken: "Taken | None" = None
    context: RequestContext | None = None
    error_type: str | None = None
    streamed: bool = False

    def __init__(self, request: Request) -> None:
        self.request = request

    def is_for(self, rules: frozenset[str]) -> bool:
        """Tell whether the request is for a route of one of these rules, or for no route at all."""
        return self.rule is None or self.rule in rules


serving: ContextVar[Current] = ContextVar("serving")
current = serving.get
