"""The pipeline of every POST operation: body, permissions, call context, quota, idempotency, handler."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from flask import Blueprint

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
from app.schemas.token_estimate import TokenEstimator
from app.web.body_budget import BodyBudget
from app.web.hooks.permissions import permission_error, require_debug
from app.web.request_body import read_body
from app.web.request_headers import cache_control, idempotency_key, requested_timeout
from app.web.request_state import RequestState, request_state
from app.web.response import EndStep, Response

# takes the validated body; returns the response body, or a Response if the client asked for a stream
Handler = Callable[[CallContext, dict[str, Any]], Any]


@dataclass(frozen=True)
class OperationEndpoint:
    """The settings and services of the operations, and the pipeline in front of their handlers."""

    config: Config
    inference: InferenceService
    idempotency: IdempotencyStore
    quotas: Quotas
    body_budget: BodyBudget

    def register(self, routes: Blueprint, rule: str, schema: RequestSchema, handler: Handler, doc: RouteDoc) -> None:
        """Serve an operation at a URL rule. The name of the blueprint is the name of the operation."""
        can_stream = "stream" in schema.fields
        estimator = TokenEstimator(schema, self.config.huggingface_max_tokens)

        @openapi_doc(replace(doc, body=schema))
        def view() -> dict[str, Any] | Response:
            state = request_state()
            try:
                body = read_body(state, schema, self.body_budget)
                streamed = can_stream and bool(body.get("stream"))
                return self._respond(state, routes.name, estimator, body, handler, streamed=streamed)
            finally:
                if state.body_reservation is not None:
                    state.body_reservation.release()

        routes.post(rule, endpoint=routes.name)(view)

    def _respond(
        self,
        state: RequestState,
        operation: str,
        estimator: TokenEstimator,
        body: dict[str, Any],
        handler: Handler,
        *,
        streamed: bool,
    ) -> dict[str, Any] | Response:
        self.require_model(body.get("model"), operation)
        key = idempotency_key(state.request.environ.get("HTTP_IDEMPOTENCY_KEY"))
        context = self.start_context(operation, streamed=streamed)
        context.requested_model = body.get("model")
        context.request.trace.record_parameters(body)
        run = partial(self._within_quota, estimator, context, body, handler, streamed=streamed)
        # outside of the quota: a repeated request makes no call, so it reserves and pays nothing
        if key is not None and not streamed and context.cache_control.write:
            run = partial(self.idempotency.run_once, key, state.client, body, context, run)
        result = run()
        return result if streamed else context.with_debug(result)

    def require_model(self, model: str | None, operation: str | None = None) -> None:
        """Raise PermissionDenied if the client may not use a model for an operation; None is its default model."""
        if not self.may_use(model, operation):
            raise permission_error("model", model or DEFAULT, _allowed_models() or frozenset())

    def may_use(self, model: str | None, operation: str | None = None) -> bool:
        """Return whether the client may use a model for an operation, or for any one if `operation` is None."""
        return self.inference.executor.models.permits(_allowed_models(), model, operation)

    def start_context(self, operation: str, *, streamed: bool = False) -> CallContext:
        """Start the deadline of the current request and return its call context.

        The deadline of a stream is that of its first event; `stream_deadline` is that of the complete stream.
        """
        timeout = self.config.huggingface_timeout
        if streamed:
            timeout = min(timeout, self.config.stream_first_event_timeout)
        state = request_state()
        state.info.client_id = state.client.id
        environ = state.request.environ
        if debug := environ.get("HTTP_X_AI_DEBUG") == "1":
            require_debug(state.client)
        requested = requested_timeout(environ.get("HTTP_X_REQUEST_TIMEOUT"))
        state.call = context = CallContext(
            state.info,
            Deadline(min(timeout, requested), min(MIN_COUNTED_SECONDS, timeout / 2)),
            operation,
            ClientConnection(environ.get("gunicorn.socket")),
            cache_control(environ.get("HTTP_CACHE_CONTROL", "")),
            debug,
            Deadline(min(self.config.stream_total_timeout, requested)),
            _allowed_models(),
        )
        return context

    def _within_quota(
        self,
        estimator: TokenEstimator,
        context: CallContext,
        body: dict[str, Any],
        handler: Handler,
        *,
        streamed: bool,
    ) -> Any:
        """Reserve the tokens that the request may need, run it, and settle the reservation at its end."""
        estimate = partial(estimator.estimate, body)
        budget = context.request.redis_budget
        reservation = self.quotas.reserve(request_state().client, estimate, budget, streamed=streamed)
        if reservation.windows:
            context.limit_added = estimator.limit(body)
        settle = partial(self.quotas.settle, reservation, context)
        try:
            result = handler(context, body)
        except BaseException:
            settle(failed=True)
            raise
        if streamed:
            settle = partial(self.quotas.settle, reservation.without_body(), context)
            result.run_at_end(EndStep.SETTLE_QUOTA, settle)
        else:
            settle()
        return result


def _allowed_models() -> frozenset[str] | None:
    """Return the models that the client may use, None for all."""
    key = request_state().client.key
    return key.models if key else None
