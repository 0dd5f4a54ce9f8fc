"""Decides whether requests of the Responses API go to the upstream's own route, or to its chat completions."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from cachetools import TTLCache

from app.backends.base import Plan, UpstreamRequest
from app.backends.optional_routes import MAX_REMEMBERED, REMEMBERED_SECONDS, OptionalRoutes, shows_lack
from app.backends.types import OpenAIResult, ResponsesResult
from app.errors import CircuitOpen, NotSupported, UpstreamError

AUTO = "auto"
NATIVE = "native"
TRANSLATE = "translate"
# the part of the time of a request after which a route that is not known to exist has had its chance
TRY_SHARE = 0.5

Translated = Callable[[], Plan[OpenAIResult]]


class ResponsesRoute:
    """The upstream's own route, which it may lack; `mode` is the setting OPENAI_RESPONSES.

    With `auto` the first request of a model tries the route. The outcome is remembered for an hour. `seconds` is the
    time of a request.
    """

    def __init__(self, mode: str, seconds: float) -> None:
        self._mode = mode
        self._try_seconds = TRY_SHARE * seconds
        self._routes = OptionalRoutes()
        self._found: TTLCache[tuple[str, str | None], bool] = TTLCache(MAX_REMEMBERED, REMEMBERED_SECONDS)

    @property
    def is_certain(self) -> bool:
        """Whether the operator says that the upstream has the route."""
        return self._mode == NATIVE

    def respond(self, call: UpstreamRequest[Any], translated: Translated) -> Plan[OpenAIResult | ResponsesResult]:
        """Make the call of the route, or run the plan of `translated`."""
        if self._mode == NATIVE:
            return (yield from _call_certain(call))
        result = None
        if self._mode == AUTO:
            key = (call.url, call.model)
            result = yield from (self._routes.call(call) if key in self._found else self._try(call))
            if result is not None:
                self._found[key] = True
        return (yield from translated()) if result is None else result

    def _try(self, call: UpstreamRequest[Any]) -> Plan[ResponsesResult | None]:
        """Return the response of a route that may not exist; None after any failure, since the chat may succeed."""
        try:
            return (yield from self._routes.call(replace(call, retryable=False, timeout=self._try_seconds)))
        except (UpstreamError, CircuitOpen):
            return None


def _call_certain(call: UpstreamRequest[Any]) -> Plan[ResponsesResult]:
    try:
        return (yield call)
    except UpstreamError as error:
        if not shows_lack(error):
            raise
        raise NotSupported("The upstream has no /responses; set OPENAI_RESPONSES to auto or translate.") from error
