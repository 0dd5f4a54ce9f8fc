"""What every operation's blueprint is given, and the context that it makes for each of its requests."""

from dataclasses import dataclass

from flask import g

from app.config import Config
from app.context import Deadline, RequestContext
from app.services.inference import InferenceService


@dataclass(frozen=True)
class Scope:
    """The settings and the service behind the operations."""

    config: Config
    inference: InferenceService

    def context(self, operation: str) -> RequestContext:
        """Start the budget of the current request, and keep the context for its log line."""
        g.context = RequestContext(g.request_id, Deadline(self.config.huggingface_timeout), operation)
        context: RequestContext = g.context
        return context
