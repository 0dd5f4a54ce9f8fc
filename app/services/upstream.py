"""The upstream client: the only module that talks to backends, and the owner of retries.

Every fault of an upstream leaves here as one of our errors.
"""

import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import requests

from app.backends.base import Answer, Backend, Call
from app.context import RequestContext
from app.errors import ImpatientTimeout, ServiceError, UpstreamInvalidResponse, UpstreamTimeout
from app.services.breaker import Breaker, Breakers
from app.services.bulkhead import Bulkhead
from app.services.connections import connection_fault
from app.services.hedging import Hedging
from app.services.retry import RetryBudget, RetryPolicy

T = TypeVar("T")

CONNECT_TIMEOUT_SECONDS = 5.0
SHORTEST_ATTEMPT_SECONDS = 0.02
MAX_ANSWER_BYTES = 8 * 1024**2
READ_BYTES = 64 * 1024


@dataclass(frozen=True)
class Private:
    """What no caller may see, should an upstream repeat it: our keys, and in errors the upstreams' hosts."""

    keys: tuple[bytes, ...]
    hosts: tuple[bytes, ...]

    def removed_from(self, body: bytes, status: int) -> bytes:
        """Return the body of an answer without them; a host in an answer of a model is the model's own word."""
        for text in (*self.keys, *(self.hosts if status >= 400 else ())):
            body = body.replace(text, b"[removed]")
        return body


class UpstreamClient:
    """Makes calls within the deadline of their request, which its caller enforces.

    Each attempt takes a place in its backend's bulkhead and is guarded by its route's breaker; the retry policy and the
    budget of its backend say whether there is another.
    """

    def __init__(
        self,
        session: requests.Session,
        breakers: Breakers,
        retries: RetryPolicy,
        hedging: Hedging,
        private: Private,
        max_concurrency: int,
    ) -> None:
        self._session = session
        self._private = private
        self._bulkheads: defaultdict[str, Bulkhead] = defaultdict(partial(Bulkhead, max_concurrency))
        self._budgets: defaultdict[str, RetryBudget] = defaultdict(RetryBudget)
        self._breakers = breakers
        self._retries = retries
        self._hedging = hedging

    def send(self, call: Call[T], backend: Backend, context: RequestContext) -> tuple[T, Answer]:
        """Return the parsed answer of a call, and the answer; raise the last attempt's error where none succeeds."""
        budget = self._budgets[call.backend]
        budget.count_call()
        one = partial(self._attempt, call, self._breakers.get(backend, call.route), context)
        hedged = call.deterministic and call.repeat
        before = context.attempts
        while True:
            try:
                return self._hedging.first(one) if hedged and context.attempts == before else one()
            except ServiceError as error:
                wait = self._retries.wait(error, context.attempts - before, context.deadline)
                if wait is None or not call.repeat or not budget.take_retry():
                    raise
            # in the worker the wait is gevent's and lets other requests run
            time.sleep(wait)

    def _attempt(self, call: Call[T], breaker: Breaker, context: RequestContext) -> tuple[T, Answer]:
        if context.deadline.remaining() < SHORTEST_ATTEMPT_SECONDS:
            raise ImpatientTimeout
        with context.timed(call.backend, call.route):
            breaker.check(context.store_allowance)  # nobody waits for a place to be refused then
            return self._guarded(call, breaker, context)

    def _guarded(self, call: Call[T], breaker: Breaker, context: RequestContext) -> tuple[T, Answer]:
        bulkhead = self._bulkheads[call.backend]
        with (
            bulkhead.guard(call.route, context.deadline.remaining()) as waited,
            breaker.guard(context.store_allowance),
        ):
            context.queue_seconds += waited
            context.attempts += 1
            remaining = context.deadline.remaining()
            try:
                answer = self._exchange(call, context)
            except UpstreamTimeout as error:
                if remaining < context.deadline.fair:
                    raise ImpatientTimeout from error
                raise
            return call.parse(answer), answer

    def _exchange(self, call: Call[Any], context: RequestContext) -> Answer:
        """Make one attempt, and read the answer to its end."""
        remaining = context.deadline.remaining()
        started = time.monotonic()
        try:
            with self._session.request(
                "GET" if call.content is None else "POST",
                call.url,
                data=call.content,
                headers={**_headers(call), "X-Request-ID": context.request_id},
                timeout=(min(CONNECT_TIMEOUT_SECONDS, remaining), remaining),
                allow_redirects=False,
                stream=True,
            ) as response:
                headers = {name.lower(): value for name, value in response.headers.items()}
                body = self._private.removed_from(b"".join(_body(response)), response.status_code)
                return Answer(response.status_code, headers, body)
        except requests.RequestException as error:
            raise connection_fault(error) from error
        finally:
            context.upstream_seconds += time.monotonic() - started


def _headers(call: Call[Any]) -> dict[str, str]:
    return {**call.headers, **({"Content-Type": "application/json"} if call.content is not None else {})}


def _body(response: requests.Response) -> Iterator[bytes]:
    """Yield the body in pieces, and give up on one that no answer of a model can be."""
    size = 0
    for piece in response.iter_content(READ_BYTES):
        size += len(piece)
        if size > MAX_ANSWER_BYTES:
            raise UpstreamInvalidResponse
        yield piece
