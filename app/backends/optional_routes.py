"""Finds out which routes a server has beside those that every OpenAI-compatible server has."""

import re
from typing import Any, TypeVar

from cachetools import TTLCache

from app.backends.base import Plan, UpstreamRequest
from app.backends.responses import error_words as words
from app.backends.responses.optional_route import OtherRouteResponse
from app.errors import UpstreamError, UpstreamReport

T = TypeVar("T")

# pairs of a route and a model
MAX_REMEMBERED = 1000
# a server that was upgraded since may have the route
REMEMBERED_SECONDS = 3600.0

_LACKING_STATUSES = (404, 405, 501)
# vLLM's 400, such as "The model does not support Rerank (Score) API", and the 424 of text-embeddings-inference, such as
# "model is not a re-ranker model"
_LACKING_TEXT = re.compile(r"does not support [\w ()]*\bAPI\b|\bmodel is not an? [\w-]+ model\b", re.IGNORECASE)


class OptionalRoutes:
    """Calls the optional routes of one backend, and remembers for each route and model whether the server lacks it."""

    def __init__(self) -> None:
        self._lacking: TTLCache[tuple[str, str | None], bool] = TTLCache(MAX_REMEMBERED, REMEMBERED_SECONDS)

    def lacks(self, call: UpstreamRequest[Any]) -> bool:
        """Return whether the server is known to lack the route of a call for its model."""
        return (call.url, call.model) in self._lacking

    def call(self, call: UpstreamRequest[T]) -> Plan[T | None]:
        """Return the result of a call, None if the server lacks its route; other errors pass and are not remembered.

        The call's `parse` raises OtherRouteResponse for a response of another kind.
        """
        if self.lacks(call):
            return None
        try:
            return (yield call)
        except UpstreamError as error:
            if not shows_lack(error):
                raise
            self._lacking[call.url, call.model] = True
        return None


def shows_lack(error: UpstreamError) -> bool:
    """Return whether an error shows that the route is missing; an unknown model says nothing about the route."""
    if isinstance(error, OtherRouteResponse):
        return True
    report = error.report
    if report is None or _names_unknown_model(report):
        return False
    return report.status in _LACKING_STATUSES or _LACKING_TEXT.search(report.reason) is not None


def _names_unknown_model(report: UpstreamReport) -> bool:
    return report.code in words.MODEL_NOT_FOUND_WORDS or words.MODEL_NOT_FOUND_TEXT.search(report.reason) is not None
