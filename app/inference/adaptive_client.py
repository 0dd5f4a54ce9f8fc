"""Sends the calls of plans as their upstream takes them."""

from collections.abc import Callable
from functools import partial
from typing import Any

from app.backends.base import Backend, UpstreamRequest
from app.context.call_context import CallContext
from app.inference.cached_client import CachedClient
from app.inference.refused_fields import RefusedFields


class AdaptiveClient:
    """Leaves out added fields that an upstream refuses, and records which models were asked."""

    def __init__(self, client: CachedClient, on_removed: Callable[[str, str], None]) -> None:
        """`on_removed` is called with backend and field when an upstream refused a field."""
        self._client = client
        self._refused_fields = RefusedFields(on_removed)

    def send(self, call: UpstreamRequest[Any], backend: Backend, context: CallContext) -> Any:
        """Return the parsed response of a call, or its stream. Raises ServiceError if there is none."""
        if call.model is not None:
            context.model = call.model
            context.asked_models.add((backend.name, backend.canonical_model(call.model)))
        return self._refused_fields.send(call, partial(self._client.send, backend=backend, context=context))

    def commit(self, context: CallContext) -> None:
        """Cache the responses of a finished operation."""
        self._client.commit(context)
