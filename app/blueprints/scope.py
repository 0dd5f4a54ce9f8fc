"""What every operation's blueprint is given, and the context that it makes for each of its requests."""

import math
from dataclasses import dataclass

from flask import g, request

from app.caller import Caller
from app.config import Config
from app.context import Deadline, RequestContext
from app.errors import ValidationError
from app.parsing import positive_duration
from app.services.inference import InferenceService


@dataclass(frozen=True)
class Scope:
    """The settings and the service behind the operations."""

    config: Config
    inference: InferenceService

    def context(self, operation: str) -> RequestContext:
        """Start the budget of the current request, and keep the context for its log line."""
        budget = min(self.config.huggingface_timeout, _callers_budget(request.headers.get("X-Request-Timeout")))
        caller = Caller(request.environ.get("gunicorn.socket"))
        g.context = RequestContext(g.request_id, Deadline(budget), operation, caller)
        context: RequestContext = g.context
        return context


def _callers_budget(given: str | None) -> float:
    """Return the seconds that the caller grants; raise ValidationError where that is no duration."""
    if given is None:
        return math.inf
    try:
        return positive_duration(given)
    except ValueError as error:
        raise ValidationError(details={"X-Request-Timeout": [f"This header must be {error}."]}) from None
