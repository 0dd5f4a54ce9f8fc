"""Runs an operation on several texts at the same time; each is cached, coalesced and counted for itself."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Self, TypeVar

from gevent.pool import Pool

from app.backends.types import Usage
from app.context.batch import Batch
from app.context.call_context import CallContext
from app.context.deadline import REDIS_BUDGET_SECONDS, Deadline, TimeBudget
from app.context.disconnect import ClientConnection
from app.errors import InternalError, ServiceError, ShortDeadlineTimeout

logger = logging.getLogger(__name__)

Item = TypeVar("Item")

# enough for two joined calls: one is made while the other is on its way
WORKERS = 64


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of the item at `index`, or its error."""

    index: int
    result: dict[str, Any] | ServiceError


class Outcomes:
    """An iterator over the outcome of each item as it becomes ready; `close` cancels the items that still run."""

    def __init__(self, pool: Pool, outcomes: Iterator[Outcome]) -> None:
        self._pool = pool
        self._outcomes = outcomes

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Outcome:
        return next(self._outcomes)

    def close(self) -> None:
        """End the items that run, and start no more."""
        self._pool.kill()


class TextRunner:
    """Runs items of a request in greenlets, with a context for each."""

    def __init__(self, timeout: float, on_text: Callable[[CallContext, str], None]) -> None:
        """`timeout` is that of one item, in seconds; `on_text` gets the context and the outcome of each."""
        self._timeout = timeout
        self._on_text = on_text

    def run(
        self,
        context: CallContext,
        limit: Deadline,
        items: Sequence[Item],
        run_one: Callable[[CallContext, Item], dict[str, Any]],
    ) -> "Outcomes":
        """Run the items; add their calls and tokens to the request's context.

        At `limit` the items without a result get UpstreamTimeout.
        """
        pool = Pool(WORKERS)
        run = partial(self._run, context, Batch(), limit, run_one)
        return Outcomes(pool, pool.imap_unordered(run, enumerate(items), maxsize=WORKERS))

    def _run(
        self,
        context: CallContext,
        batch: Batch,
        limit: Deadline,
        run_one: Callable[[CallContext, Item], dict[str, Any]],
        numbered: tuple[int, Item],
    ) -> Outcome:
        index, item = numbered
        part = self._part_of(context, batch, limit)
        try:
            if not limit.remaining():
                raise ShortDeadlineTimeout
            result: dict[str, Any] | ServiceError = run_one(part, item)
        except ServiceError as error:
            result = error
        except Exception as error:
            extra = {"request_id": context.request.id, **context.request.trace.ids}
            logger.error("unhandled %s in a text", type(error).__name__, exc_info=error, extra=extra)
            result = InternalError()
        self._add(context, part, result)
        return Outcome(index, result)

    def _part_of(self, context: CallContext, batch: Batch, limit: Deadline) -> CallContext:
        """Return the context of one item.

        Time that other items have used is no failure of the backend, so short attempts do not count.
        """
        request = replace(
            context.request, trace=context.request.trace.part(), redis_budget=TimeBudget(REDIS_BUDGET_SECONDS)
        )
        return CallContext(
            request,
            Deadline(min(self._timeout, limit.remaining()), self._timeout / 2),
            context.operation,
            ClientConnection(None),  # the consumer of the outcomes notices a disconnect
            context.cache_control,
            allowed_models=context.allowed_models,
            batch=batch,
        )

    def _add(self, context: CallContext, part: CallContext, result: dict[str, Any] | ServiceError) -> None:
        """Add the calls, the tokens and the outcome of an item to those of the request."""
        outcome = result.type if isinstance(result, ServiceError) else "ok"
        self._on_text(part, outcome)
        context.timeline.add(part.timeline)
        if part.prompt_tokens is not None:
            context.add_usage(Usage(part.prompt_tokens, part.completion_tokens, part.usage_estimated))
        if part.cache is not None:
            context.set_cache_status(part.cache)
        if part.outcome is not None and context.outcome != "ok":
            context.outcome = outcome
            context.task, context.backend, context.model = part.task, part.backend, part.model
            context.fallback = part.fallback
