"""What every operation's blueprint is given: a way to serve a route, and the context made for each of its requests."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

from flask import Blueprint, Request, Response

from app.blueprints.reading import read_body
from app.caller import Caller
from app.config import Config
from app.context import FAIR_SECONDS, CacheControl, Deadline, RequestContext
from app.current import current
from app.errors import ValidationError
from app.openapi.documentation import Documentation, documented
from app.parsing import positive_duration
from app.permissions import denied, require_debug
from app.schemas.demand import needed_tokens
from app.schemas.fields import RequestSchema
from app.services.inference import InferenceService
from app.services.models import DEFAULT
from app.services.quotas import Quotas
from app.services.replays import Replays

IDEMPOTENCY_KEY = re.compile(r"[!-~]{1,255}")

# gives the answer, or the response that streams it where the body asks for that
Operation = Callable[[RequestContext, dict[str, Any]], Any]


@dataclass(frozen=True)
class Scope:
    """The settings and the services behind the operations."""

    config: Config
    inference: InferenceService
    replays: Replays
    quotas: Quotas

    def post(
        self, routes: Blueprint, rule: str, schema: RequestSchema, answer: Operation, documentation: Documentation
    ) -> None:
        """Serve an operation, which has its blueprint's name: read and validate the body, answer once for each key."""

        @documented(replace(documentation, body=schema))
        def view() -> dict[str, Any] | Response:
            now = current()
            body = read_body(now.request, schema, self.config)
            self.require_model(body.get("model"))
            key = _idempotency_key(now.request)
            streamed = "stream" in schema.fields and bool(body.get("stream"))
            context = self.context(routes.name, streamed=streamed)
            context.trace.asked(body)

            def answered() -> Any:
                if streamed or key is None or not context.cache_control.write:
                    return answer(context, body)
                return self.replays.once(key, body, context, lambda: answer(context, body))

            result = self._within_quota(context, body, answered, streamed=streamed)
            return result if streamed else context.with_debug(result)

        routes.post(rule, endpoint=routes.name)(view)

    def require_model(self, model: str | None) -> None:
        """Raise PermissionDenied where the client may not use a model, None being the default."""
        if not self.may_use(model):
            raise denied("model", model or DEFAULT, _allowed_models() or frozenset())

    def may_use(self, model: str | None) -> bool:
        """Tell whether the client may use a model, None being the default."""
        allowed = _allowed_models()
        return allowed is None or not allowed.isdisjoint(self.inference.runner.models.names_of(model))

    def _within_quota(
        self, context: RequestContext, body: dict[str, Any], answered: Callable[[], Any], *, streamed: bool
    ) -> Any:
        """Answer with what the request may need reserved, and settle that once it has ended, however it did."""
        needed = partial(needed_tokens, body, self.config.huggingface_max_tokens)
        reservation = self.quotas.reserve(current().client, needed, context.store_allowance, streamed=streamed)
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

    def context(self, operation: str, *, streamed: bool = False) -> RequestContext:
        """Start the budget of the current request, and keep the context for its log line.

        A stream's budget is for the time to its first event, and it has another for the whole.
        """
        budget = self.config.huggingface_timeout
        if streamed:
            budget = min(budget, self.config.stream_first_event_timeout)
        now = current()
        environ, client = now.request.environ, now.client
        if debug := environ.get("HTTP_X_AI_DEBUG") == "1":
            require_debug(client)
        granted = _callers_budget(environ.get("HTTP_X_REQUEST_TIMEOUT"))
        now.context = context = RequestContext(
            now.request_id,
            Deadline(min(budget, granted), min(FAIR_SECONDS, budget / 2)),
            operation,
            Caller(environ.get("gunicorn.socket")),
            _cache_control(environ.get("HTTP_CACHE_CONTROL", "")),
            debug=debug,
            trace=now.trace,
            client=client.key.name if client.key else None,
            store_allowance=now.store_allowance,
            stream_end=Deadline(min(self.config.stream_total_timeout, granted)),
        )
        return context


def _allowed_models() -> frozenset[str] | None:
    """Return the models that the client may use, None for all."""
    key = current().client.key
    return key.models if key else None


@lru_cache(64)  # few callers say anything else than others
def _cache_control(given: str) -> CacheControl:
    told = {part.partition("=")[0].strip().lower() for part in given.split(",")}
    return CacheControl(read=told.isdisjoint(("no-cache", "no-store")), write="no-store" not in told)


def _callers_budget(given: str | None) -> float:
    """Return the seconds that the caller grants; raise ValidationError where that is no duration."""
    if given is None:
        return math.inf
    try:
        return positive_duration(given)
    except ValueError as error:
        raise ValidationError(details={"X-Request-Timeout": [f"This header must be {error}."]}) from None


def _idempotency_key(request: Request) -> str | None:
    key = request.environ.get("HTTP_IDEMPOTENCY_KEY")
    if key is not None and not IDEMPOTENCY_KEY.fullmatch(key):
        raise ValidationError(details={"Idempotency-Key": ["This header must be 1 to 255 visible ASCII characters."]})
    return key
