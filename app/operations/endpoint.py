"""The pipeline of every POST operation: body, permissions, call context, quota, idempotency, handler."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import orjson
from flask import Blueprint

from app.clients.quotas import Quotas
from app.config import Config
from app.context.call_context import CallContext
from app.context.deadline import MIN_COUNTED_SECONDS, Deadline
from app.context.disconnect import ClientConnection
from app.context.tasks import task_of
from app.inference.idempotency import IdempotencyStore
from app.inference.model_router import DEFAULT
from app.inference.service import InferenceService
from app.inference.text_runner import TextRunner
from app.openapi.route_doc import JSON, RouteDoc, openapi_doc
from app.schemas.fields import RequestSchema
from app.schemas.token_estimate import TokenEstimator
from app.web.body_budget import BodyBudget
from app.web.hooks.permissions import permission_error, require_debug, require_operation
from app.web.request_body import read_body
from app.web.request_headers import cache_control, idempotency_key, redact_kinds, requested_timeout
from app.web.request_state import RequestState, request_state
from app.web.response import EndStep, Response

# takes the validated body; returns the response body, or a Response if the client asked for a stream
Handler = Callable[[CallContext, dict[str, Any]], Any]
# takes the validated body of another API; returns the body of the task's own route, and the handler for this request
Translate = Callable[[dict[str, Any]], tuple[dict[str, Any], Handler]]


@dataclass(frozen=True, slots=True)
class Dispatch:
    """The task that a request runs, the body and the handler for it, and the estimator of the body's tokens."""

    task: str
    body: dict[str, Any]
    handler: Handler
    estimator: TokenEstimator


@dataclass(frozen=True)
class OperationEndpoint:
    """The settings and services of the operations, and the pipeline in front of their handlers."""

    config: Config
    inference: InferenceService
    idempotency: IdempotencyStore
    quotas: Quotas
    body_budget: BodyBudget
    texts: TextRunner

    def register(
        self,
        routes: Blueprint,
        rule: str,
        schema: RequestSchema,
        handler: Handler,
        doc: RouteDoc,
        *,
        name: str | None = None,
    ) -> None:
        """Serve an operation at a URL rule, whose variables are fields of the body.

        The name of the blueprint is the name of the operation, and of its only route without `name`.
        """
        self.register_translated(routes, rule, schema, lambda body: (body, handler), schema, doc, name=name)

    def register_translated(
        self,
        routes: Blueprint,
        rule: str,
        schema: RequestSchema,
        translate: Translate,
        translated: RequestSchema,
        doc: RouteDoc,
        *,
        name: str | None = None,
    ) -> None:
        """Serve an operation in the form of another API. `translated` is the schema of translated bodies."""
        estimator, task = self.estimator(translated), task_of(routes.name)

        def dispatch(body: dict[str, Any]) -> Dispatch:
            return Dispatch(task, *translate(body), estimator)

        self.register_dispatched(routes, rule, schema, dispatch, doc, name=name)

    def estimator(self, schema: RequestSchema) -> TokenEstimator:
        """Return the estimator of the tokens of a schema's bodies."""
        return TokenEstimator(schema, self.config.huggingface_max_tokens)

    def register_dispatched(
        self,
        routes: Blueprint,
        rule: str,
        schema: RequestSchema,
        dispatch: Callable[[dict[str, Any]], Dispatch],
        doc: RouteDoc,
        *,
        name: str | None = None,
    ) -> None:
        """Serve an operation whose task `dispatch` finds in each validated body."""

        @openapi_doc(replace(doc, body=schema))
        def view(**variables: str) -> dict[str, Any] | Response:
            state = request_state()
            try:
                body = read_body(state, schema, self.body_budget, variables)
                found = dispatch(body)
                require_operation(state.client, routes.name, found.task)
                streamed = found.estimator.can_stream and bool(found.body.get("stream"))
                return self._respond(state, _Call(routes.name, body, found, streamed))
            finally:
                if state.body_reservation is not None:
                    state.body_reservation.release()

        routes.post(rule, endpoint=name or routes.name)(view)

    def _respond(self, state: RequestState, call: "_Call") -> dict[str, Any] | Response:
        model = call.dispatch.body.get("model")
        self.require_model(model, call.dispatch.task)
        key = idempotency_key(state.request.environ.get("HTTP_IDEMPOTENCY_KEY"))
        context = self.start_context(call.operation, streamed=call.streamed)
        context.requested_model, context.task = model, call.dispatch.task
        context.request.trace.record_parameters(call.dispatch.body)
        run = partial(self._within_quota, context, call)
        # outside of the quota: a repeated request makes no call, so it reserves and pays nothing
        if key is not None and not call.streamed and context.cache_control.write:
            run = partial(self.idempotency.run_once, key, state.client, call.body, context, run)
        result = run()
        if isinstance(result, str):  # Flask would send it as HTML
            return Response(orjson.dumps(result), mimetype=JSON)
        return result if call.streamed else context.with_debug(result)

    def require_model(self, model: str | None, operation: str | None = None) -> None:
        """Raise PermissionDenied if the client may not use a model for an operation; None is its default model."""
        if not self.may_use(model, operation):
            raise permission_error("model", model or DEFAULT, _allowed_models() or frozenset())

    def may_use(self, model: str | None, operation: str | None = None) -> bool:
        """Return whether the client may use a model for an operation, or for any one if `operation` is None."""
        task = task_of(operation) if operation else None
        return self.inference.executor.models.permits(_allowed_models(), model, task)

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
        state.info.redact = self._redact(state, environ.get("HTTP_X_AI_REDACT"))
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

    def _redact(self, state: RequestState, header: str | None) -> frozenset[str]:
        """Return the kinds of personal data to redact: those of the settings, of the client's key and of its header."""
        key, kinds = state.client.key, self.config.redact
        if key and key.redact:
            kinds |= key.redact
        return kinds | redact_kinds(header) if header is not None else kinds

    def _within_quota(self, context: CallContext, call: "_Call") -> Any:
        """Reserve the tokens that the request may need, run it, and settle the reservation at its end."""
        body, estimator = call.dispatch.body, call.dispatch.estimator
        estimate = partial(estimator.estimate, body)
        budget = context.request.redis_budget
        client, texts = request_state().client, estimator.texts(body)
        reservation = self.quotas.reserve(client, estimate, budget, streamed=call.streamed, texts=texts)
        if reservation.windows:
            context.limit_added = estimator.limit(body)
        settle = partial(self.quotas.settle, reservation, context)
        try:
            result = call.dispatch.handler(context, body)
        except BaseException:
            settle(failed=True)
            raise
        if call.streamed:
            settle = partial(self.quotas.settle, reservation.without_body(), context)
            result.run_at_end(EndStep.SETTLE_QUOTA, settle)
        else:
            settle()
        return result


@dataclass(slots=True)
class _Call:
    """A validated request of an operation: its body, and how it is served."""

    operation: str
    body: dict[str, Any]
    dispatch: Dispatch
    streamed: bool


def _allowed_models() -> frozenset[str] | None:
    """Return the models that the client may use, None for all."""
    key = request_state().client.key
    return key.models if key else None
