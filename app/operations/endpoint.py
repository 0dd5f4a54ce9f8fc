"""What every operation's blueprint is given: a way to serve a route, and the context made for each of its requests."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from flask import Blueprint, Response

from app.clients.quotas import Quotas
from app.config import Config
from app.context.call_context import CallContext
from app.context.deadline import MIN_COUNTED_SECONDS, Deadline
from app.context.disconnect import ClientConnection
from app.inference.idempotency import IdempotencyStore
from app.inference.model_router import DEFAULT
from app.inference.service import InferenceService
from app.openapi.route_doc import RouteDoc, openapi_doc
from app.schemas.fields import RequestSchema
from app.schemas.token_estimate import estimate_max_tokens
from app.web.hooks.permissions import permission_error, require_debug
from app.web.request_body import read_body
from app.web.request_headers import cache_control, idempotency_key, requested_timeout
from app.web.request_state import request_state

# gives the answer, or the response that streams it where the body asks for that
Handler = Callable[[CallContext, dict[str, Any]], Any]


@dataclass(frozen=True)
class OperationEndpoint:
    """The settings and the services behind the operations."""

    config: Config
    inference: InferenceService
    idempotency: IdempotencyStore
    quotas: Quotas

    def register(
        self, routes: Blueprint, rule: str, schema: RequestSchema, answer: Handler, documentation: RouteDoc
    ) -> None:
        """Serve an operation, which has its blueprint's name: read and validate the body, answer once for each key."""

        @openapi_doc(replace(documentation, body=schema))
        def view() -> dict[str, Any] | Response:
            state = request_state()
            body = read_body(state.request, schema, self.config)
            self.require_model(body.get("model"))
            key = idempotency_key(state.request.environ.get("HTTP_IDEMPOTENCY_KEY"))
            streamed = "stream" in schema.fields and bool(body.get("stream"))
            context = self.start_context(routes.name, streamed=streamed)
            context.request.trace.record_parameters(body)

            def answered() -> Any:
                if streamed or key is None or not context.cache_control.write:
                    return answer(context, body)
                return self.idempotency.run_once(key, state.client, body, context, lambda: answer(context, body))

            result = self._within_quota(context, body, answered, streamed=streamed)
            return result if streamed else context.with_debug(result)

        routes.post(rule, endpoint=routes.name)(view)

    def require_model(self, model: str | None) -> None:
        """Raise PermissionDenied where the client may not use a model, None being the default."""
        if not self.may_use(model):
            raise permission_error("model", model or DEFAULT, _allowed_models() or frozenset())

    def may_use(self, model: str | None) -> bool:
        """Tell whether the client may use a model, None being the default."""
        allowed = _allowed_models()
        return allowed is None or not allowed.isdisjoint(self.inference.executor.models.aliases_of(model))

    def _within_quota(
        self, context: CallContext, body: dict[str, Any], answered: Callable[[], Any], *, streamed: bool
    ) -> Any:
        """Answer with what the request may need reserved, and settle that once it has ended, however it did."""
        needed = partial(estimate_max_tokens, body, self.config.huggingface_max_tokens)
        reservation = self.quotas.reserve(
            request_state().client, needed, context.request.redis_budget, streamed=streamed
        )
        settle = partial(self.quotas.settle, reservation, context)
        try:
            result = answered()
        except BaseException:
            settle(failed=True)
            raise
        if streamed:
            result.call_on_close(settle)
        else:
            settle()
        return result

    def start_context(self, operation: str, *, streamed: bool = False) -> CallContext:
        """Start the deadline of the current request and return its context, which the log line reads later.

        For a stream the deadline is that of the first event; the whole stream has a longer one.
        """
        budget = self.config.huggingface_timeout
        if streamed:
            budget = min(budget, self.config.stream_first_event_timeout)
        state = request_state()
        environ = state.request.environ
        if debug := environ.get("HTTP_X_AI_DEBUG") == "1":
            require_debug(state.client)
        requested = requested_timeout(environ.get("HTTP_X_REQUEST_TIMEOUT"))
        state.call = context = CallContext(
            state.info,
            Deadline(min(budget, requested), min(MIN_COUNTED_SECONDS, budget / 2)),
            operation,
            ClientConnection(environ.get("gunicorn.socket")),
            cache_control(environ.get("HTTP_CACHE_CONTROL", "")),
            debug,
            Deadline(min(self.config.stream_total_timeout, requested)),
        )
        return context


def _allowed_models() -> frozenset[str] | None:
    """Return the models that the client may use, None for all."""
    key = request_state().client.key
    return key.models if key else None
