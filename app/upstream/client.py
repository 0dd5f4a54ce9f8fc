"""The upstream client: the only module that talks to backends, and the owner of retries.

Every fault of an upstream leaves here as one of our errors.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, TypeVar

import requests
from urllib3.exceptions import HTTPError

from app.backends.base import Backend, UpstreamRequest, UpstreamResponse
from app.backends.responses.chunk_decoder import MakeDecoder
from app.context.call_context import CallContext
from app.context.trace import Attempt
from app.errors import ServiceError, ShortDeadlineTimeout, UpstreamInvalidResponse, UpstreamTimeout
from app.observability.metrics.upstream import UpstreamMetrics
from app.upstream.redaction import Redactor
from app.upstream.resilience.bulkhead import Bulkhead, Permit
from app.upstream.resilience.circuit_breaker import CircuitBreaker, CircuitBreakers
from app.upstream.resilience.hedging import Hedging
from app.upstream.resilience.retry import RetryBudget, RetryPolicy
from app.upstream.stream import StreamLimits, StreamReader, UpstreamStream
from app.upstream.transport.errors import map_transport_error
from app.upstream.transport.session import UpstreamSession

T = TypeVar("T")

# one attempt; it holds its place in the bulkhead, and its breaker judges it
Exchange = Callable[[Permit, CircuitBreaker, Attempt], T]

CONNECT_TIMEOUT_SECONDS = 5.0
SHORTEST_ATTEMPT_SECONDS = 0.02
READ_BYTES = 64 * 1024


class UpstreamClient:
    """Makes calls within the deadline of their request, which its caller enforces.

    Each attempt takes a place in its backend's bulkhead and is guarded by its route's breaker; the retry policy and the
    budget of its backend say whether there is another.
    """

    def __init__(
        self,
        session: UpstreamSession,
        breakers: CircuitBreakers,
        retries: RetryPolicy,
        hedging: Hedging,
        limits: StreamLimits,
        private: Redactor,
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

    def send(self, call: UpstreamRequest[T], backend: Backend, context: CallContext) -> tuple[T, UpstreamResponse]:
        """Return the parsed answer of a call, and the answer; raise the last attempt's error where none succeeds."""
        one = partial(self._attempt, call, backend, context, partial(self._exchange, call, context))
        hedged = partial(self._hedged, call, context, one) if call.deterministic and call.retryable else one
        return self._persist(call, context, hedged, one)

    def open(
        self, call: UpstreamRequest[Any], reader: MakeDecoder, backend: Backend, context: CallContext
    ) -> UpstreamStream:
        """Return the stream of a call's answer, which has begun; raise the last attempt's error where none does."""
        one = partial(self._attempt, call, backend, context, partial(self._open, call, reader, context))
        return self._persist(call, context, one, one)

    def _persist(
        self, call: UpstreamRequest[Any], context: CallContext, first: Callable[[], T], again: Callable[[], T]
    ) -> T:
        """Make the first attempt, and then others while the policy and the budget allow them."""
        budget = self._budgets[call.backend]
        budget.count_call()
        before = context.timeline.attempts
        while True:
            try:
                return first() if context.timeline.attempts == before else again()
            except ServiceError as error:
                wait = self._retries.wait(error, context.timeline.attempts - before, context.deadline)
                if wait is None or not call.retryable or not budget.take_retry():
                    raise
                context.timeline.retries.append((call.backend, error.type))
            # in the worker the wait is gevent's and lets other requests run
            time.sleep(wait)
            context.timeline.backoff_seconds += wait

    def _attempt(self, call: UpstreamRequest[Any], backend: Backend, context: CallContext, exchange: Exchange[T]) -> T:
        breaker = self._breakers.get(backend, call.route)
        if context.deadline.remaining() < SHORTEST_ATTEMPT_SECONDS:
            raise ShortDeadlineTimeout
        with context.timeline.record_attempt(call.backend, call.route):
            breaker.check(context.request.redis_budget)  # nobody waits for a place to be refused then
            return self._guarded(call, breaker, context, exchange)

    def _guarded(
        self, call: UpstreamRequest[Any], breaker: CircuitBreaker, context: CallContext, exchange: Exchange[T]
    ) -> T:
        # how soon a model says its first word depends on what it was asked, and on how many begin at once
        route = call.route if call.make_decoder is None else None
        with (
            self._bulkhead(call.backend).guard(route, context.deadline.remaining()) as place,
            breaker.guard(context.request.redis_budget, begins_only=call.make_decoder is not None),
            context.request.trace.attempt(call) as attempt,
        ):
            context.timeline.queue_seconds += place.waited
            context.timeline.attempts += 1
            remaining = context.deadline.remaining()
            started = time.monotonic()
            try:
                return exchange(place, breaker, attempt)
            except UpstreamTimeout as error:
                if remaining < context.deadline.min_counted:
                    raise ShortDeadlineTimeout from error
                raise
            except ServiceError as error:
                self._private.redact_reason(error)
                raise
            except (requests.RequestException, HTTPError) as error:
                raise map_transport_error(error) from error
            finally:
                context.timeline.upstream_seconds += time.monotonic() - started

    def _bulkhead(self, backend: str) -> Bulkhead:
        if backend not in self._bulkheads:
            self._bulkheads[backend] = Bulkhead(self._max_concurrency, self._metrics.bulkhead(backend))
        return self._bulkheads[backend]

    def _hedged(self, call: UpstreamRequest[Any], context: CallContext, attempt: Callable[[], T]) -> T:
        return self._hedging.run(attempt, lambda won: context.timeline.hedges.append((call.backend, won)))

    def _exchange(
        self, call: UpstreamRequest[T], context: CallContext, _place: Permit, _breaker: CircuitBreaker, attempt: Attempt
    ) -> tuple[T, UpstreamResponse]:
        """Read an answer to its end."""
        with self._response(call, context, attempt) as response:
            answer = self._answer(call, response)
        return call.parse(answer), answer

    def _open(
        self,
        call: UpstreamRequest[Any],
        reader: MakeDecoder,
        context: CallContext,
        place: Permit,
        breaker: CircuitBreaker,
        attempt: Attempt,
    ) -> UpstreamStream:
        """Wait for the first event of an answer; its stream keeps the place until the upstream is done."""
        response = self._response(call, context, attempt)
        if not 200 <= response.status_code < 300:
            with response:
                call.parse(self._answer(call, response))  # which raises what is wrong
        place.detached = True
        headers = _lowered(response.headers)
        pump = StreamReader(response, context.stream_deadline.remaining(), place.release)
        clean = partial(self._private.redact, status=response.status_code)
        told = (reader(headers), headers.get("content-type", ""))
        stream = UpstreamStream(pump, *told, self._limits, clean, partial(self._judge, breaker, context))
        try:
            stream.wait_first_event()
        except BaseException:
            stream.close()
            raise
        return stream

    def _judge(self, breaker: CircuitBreaker, context: CallContext, error: ServiceError | None) -> None:
        """Take note of how a stream ended."""
        if error is not None:
            self._private.redact_reason(error)
        breaker.record_result(context.request.redis_budget, error)

    def _response(self, call: UpstreamRequest[Any], context: CallContext, attempt: Attempt) -> requests.Response:
        """Send the request, and read the head of its answer."""
        remaining = context.deadline.remaining()
        # the deadline holds for the head of a stream too, and this for every read of it
        silence = remaining if call.make_decoder is None else context.stream_deadline.remaining()
        response = self._session.call(
            call.url,
            {**_headers(call), "X-Request-ID": context.request.id, **attempt.headers},
            call.content,
            (min(CONNECT_TIMEOUT_SECONDS, remaining), silence),
        )
        attempt.record_status(response.status_code)
        return response

    def _answer(self, call: UpstreamRequest[Any], response: requests.Response) -> UpstreamResponse:
        body = self._private.redact(b"".join(_body(response, call.max_response_bytes)), response.status_code)
        return UpstreamResponse(response.status_code, _lowered(response.headers), body)


def _headers(call: UpstreamRequest[Any]) -> dict[str, str]:
    content = {"Content-Type": "application/json"} if call.content is not None else {}
    # compression would hold events back
    return {**call.headers, **content, **({"Accept-Encoding": "identity"} if call.make_decoder else {})}


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
