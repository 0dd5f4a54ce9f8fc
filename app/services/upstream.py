"""The upstream client: the only module that talks to backends, and the owner of retries.

Every fault of an upstream leaves here as one of our errors.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import requests
from urllib3.exceptions import HTTPError

from app.backends.base import Answer, Backend, Call
from app.backends.chunks import MakeReader
from app.context import RequestContext
from app.errors import ImpatientTimeout, ServiceError, UpstreamInvalidResponse, UpstreamTimeout
from app.metrics.upstream import UpstreamMetrics
from app.services.breaker import Breaker, Breakers
from app.services.bulkhead import Bulkhead, Place
from app.services.connections import UpstreamSession, connection_fault
from app.services.hedging import Hedging
from app.services.retry import RetryBudget, RetryPolicy
from app.services.streams import Pump, Stream, StreamLimits
from app.tracing.base import Attempt

T = TypeVar("T")

# one attempt; it holds its place in the bulkhead, and its breaker judges it
Exchange = Callable[[Place, Breaker, Attempt], T]

CONNECT_TIMEOUT_SECONDS = 5.0
SHORTEST_ATTEMPT_SECONDS = 0.02
READ_BYTES = 64 * 1024


@dataclass(frozen=True)
class Private:
    """What no caller may see, should an upstream repeat it: our keys, and in errors the upstreams' hosts."""

    keys: tuple[bytes, ...]
    hosts: tuple[bytes, ...]

    def hosts_removed_from(self, error: ServiceError) -> None:
        """Take the hosts out of the reason that an upstream gave, be it in an answer that said 200."""
        if isinstance(reason := error.details.get("reason"), str):
            error.details["reason"] = self.removed_from(reason.encode(), error.status).decode(errors="replace")

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
        session: UpstreamSession,
        breakers: Breakers,
        retries: RetryPolicy,
        hedging: Hedging,
        limits: StreamLimits,
        private: Private,
        max_concurrency: int,
        metrics: UpstreamMetrics,
    ) -> None:
        self._session = session
        self._limits = limits
        self._private = private
        self._bulkheads: dict[str, Bulkhead] = {}
        self._max_concurrency = max_concurrency
        self._metrics = metrics
        self._budgets: defaultdict[str, RetryBudget] = defaultdict(RetryBudget)
        self._breakers = breakers
        self._retries = retries
        self._hedging = hedging

    def send(self, call: Call[T], backend: Backend, context: RequestContext) -> tuple[T, Answer]:
        """Return the parsed answer of a call, and the answer; raise the last attempt's error where none succeeds."""
        one = partial(self._attempt, call, backend, context, partial(self._exchange, call, context))
        hedged = partial(self._hedged, call, context, one) if call.deterministic and call.repeat else one
        return self._persist(call, context, hedged, one)

    def open(self, call: Call[Any], reader: MakeReader, backend: Backend, context: RequestContext) -> Stream:
        """Return the stream of a call's answer, which has begun; raise the last attempt's error where none does."""
        one = partial(self._attempt, call, backend, context, partial(self._open, call, reader, context))
        return self._persist(call, context, one, one)

    def _persist(self, call: Call[Any], context: RequestContext, first: Callable[[], T], again: Callable[[], T]) -> T:
        """Make the first attempt, and then others while the policy and the budget allow them."""
        budget = self._budgets[call.backend]
        budget.count_call()
        before = context.attempts
        while True:
            try:
                return first() if context.attempts == before else again()
            except ServiceError as error:
                wait = self._retries.wait(error, context.attempts - before, context.deadline)
                if wait is None or not call.repeat or not budget.take_retry():
                    raise
                context.retries.append((call.backend, error.type))
            # in the worker the wait is gevent's and lets other requests run
            time.sleep(wait)
            context.backoff_seconds += wait

    def _attempt(self, call: Call[Any], backend: Backend, context: RequestContext, exchange: Exchange[T]) -> T:
        breaker = self._breakers.get(backend, call.route)
        if context.deadline.remaining() < SHORTEST_ATTEMPT_SECONDS:
            raise ImpatientTimeout
        with context.timed(call.backend, call.route):
            breaker.check(context.store_allowance)  # nobody waits for a place to be refused then
            return self._guarded(call, breaker, context, exchange)

    def _guarded(self, call: Call[Any], breaker: Breaker, context: RequestContext, exchange: Exchange[T]) -> T:
        # how soon a model says its first word depends on what it was asked, and on how many begin at once
        route = call.route if call.reader is None else None
        with (
            self._bulkhead(call.backend).guard(route, context.deadline.remaining()) as place,
            breaker.guard(context.store_allowance, begins_only=call.reader is not None),
            context.trace.attempt(call) as attempt,
        ):
            context.queue_seconds += place.waited
            context.attempts += 1
            remaining = context.deadline.remaining()
            started = time.monotonic()
            try:
                return exchange(place, breaker, attempt)
            except UpstreamTimeout as error:
                if remaining < context.deadline.fair:
                    raise ImpatientTimeout from error
                raise
            except ServiceError as error:
                self._private.hosts_removed_from(error)
                raise
            except (requests.RequestException, HTTPError) as error:
                raise connection_fault(error) from error
            finally:
                context.upstream_seconds += time.monotonic() - started

    def _bulkhead(self, backend: str) -> Bulkhead:
        if backend not in self._bulkheads:
            self._bulkheads[backend] = Bulkhead(self._max_concurrency, self._metrics.bulkhead(backend))
        return self._bulkheads[backend]

    def _hedged(self, call: Call[Any], context: RequestContext, attempt: Callable[[], T]) -> T:
        return self._hedging.first(attempt, lambda won: context.hedges.append((call.backend, won)))

    def _exchange(
        self, call: Call[T], context: RequestContext, _place: Place, _breaker: Breaker, attempt: Attempt
    ) -> tuple[T, Answer]:
        """Read an answer to its end."""
        with self._response(call, context, attempt) as response:
            answer = self._answer(call, response)
        return call.parse(answer), answer

    def _open(
        self,
        call: Call[Any],
        reader: MakeReader,
        context: RequestContext,
        place: Place,
        breaker: Breaker,
        attempt: Attempt,
    ) -> Stream:
        """Wait for the first event of an answer; its stream keeps the place until the upstream is done."""
        response = self._response(call, context, attempt)
        if not 200 <= response.status_code < 300:
            with response:
                call.parse(self._answer(call, response))  # which raises what is wrong
        place.kept = True
        headers = _lowered(response.headers)
        pump = Pump(response, context.stream_end.remaining(), place.leave)
        clean = partial(self._private.removed_from, status=response.status_code)
        told = (reader(headers), headers.get("content-type", ""))
        stream = Stream(pump, *told, self._limits, clean, partial(self._judge, breaker, context))
        try:
            stream.begin()
        except BaseException:
            stream.close()
            raise
        return stream

    def _judge(self, breaker: Breaker, context: RequestContext, error: ServiceError | None) -> None:
        """Take note of how a stream ended."""
        if error is not None:
            self._private.hosts_removed_from(error)
        breaker.judge(context.store_allowance, error)

    def _response(self, call: Call[Any], context: RequestContext, attempt: Attempt) -> requests.Response:
        """Send the request, and read the head of its answer."""
        remaining = context.deadline.remaining()
        # the deadline holds for the head of a stream too, and this for every read of it
        silence = remaining if call.reader is None else context.stream_end.remaining()
        response = self._session.call(
            call.url,
            {**_headers(call), "X-Request-ID": context.request_id, **attempt.headers},
            call.content,
            (min(CONNECT_TIMEOUT_SECONDS, remaining), silence),
        )
        attempt.answered(response.status_code)
        return response

    def _answer(self, call: Call[Any], response: requests.Response) -> Answer:
        body = self._private.removed_from(b"".join(_body(response, call.most_bytes)), response.status_code)
        return Answer(response.status_code, _lowered(response.headers), body)


def _headers(call: Call[Any]) -> dict[str, str]:
    content = {"Content-Type": "application/json"} if call.content is not None else {}
    # compression would hold events back
    return {**call.headers, **content, **({"Accept-Encoding": "identity"} if call.reader else {})}


def _lowered(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _body(response: requests.Response, most_bytes: int) -> Iterator[bytes]:
    """Yield the body in pieces, and give up on one that no answer of a model can be."""
    size = 0
    for piece in response.raw.stream(READ_BYTES, decode_content=True):
        size += len(piece)
        if size > most_bytes:
            raise UpstreamInvalidResponse
        yield piece
