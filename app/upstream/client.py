"""The client of all upstreams: attempts, retries, and a ServiceError for each failure."""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

import requests
from urllib3.exceptions import HTTPError, ProtocolError

from app.backends.base import Backend, UpstreamRequest, UpstreamResponse
from app.backends.responses.chunk_decoder import MakeDecoder
from app.backends.responses.sse import is_json_document
from app.backends.types import Result
from app.context.call_context import CallContext
from app.context.trace import Attempt as AttemptTrace
from app.errors import ServiceError, ShortDeadlineTimeout, UpstreamTimeout
from app.upstream.headers import lower_names, request_headers
from app.upstream.redaction import Redactor
from app.upstream.resilience.bulkhead import Permit
from app.upstream.resilience.circuit_breaker import CircuitBreaker
from app.upstream.resilience.policies import Resilience
from app.upstream.resilience.retry import RetryBudget
from app.upstream.stream import StreamLimits, StreamReader, UpstreamStream
from app.upstream.transport.body import iter_body
from app.upstream.transport.errors import map_transport_error
from app.upstream.transport.session import UpstreamSession

T = TypeVar("T")

CONNECT_TIMEOUT_SECONDS = 5.0
# an attempt with less time than this cannot succeed
MIN_ATTEMPT_SECONDS = 0.02
MAX_HELD_BODY_BYTES = 64 * 1024


@dataclass(slots=True)
class _Attempt(Generic[T]):
    """One attempt that holds a permit; `remaining` is its time in seconds."""

    call: UpstreamRequest[T]
    context: CallContext
    breaker: CircuitBreaker
    permit: Permit
    trace: AttemptTrace
    remaining: float


class UpstreamClient:
    """Sends calls within the deadline of their request; `CachedClient` runs the timer of that deadline.

    Each attempt takes a permit of its backend's bulkhead and is guarded by the breaker of its route. The retry policy
    and the client's retry budget at the backend decide whether another attempt follows.
    """

    def __init__(
        self, session: UpstreamSession, resilience: Resilience, redactor: Redactor, limits: StreamLimits
    ) -> None:
        self._session = session
        self._breakers = resilience.breakers
        self._bulkheads = resilience.bulkheads
        self._retries = resilience.retries
        self._hedging = resilience.hedging
        self._budgets: defaultdict[str, RetryBudget] = defaultdict(RetryBudget)
        self._redactor = redactor
        self._limits = limits

    def close(self) -> None:
        """Close the idle connections to upstreams."""
        self._session.close()

    def send(self, call: UpstreamRequest[T], backend: Backend, context: CallContext) -> tuple[T, UpstreamResponse]:
        """Return the parsed response of a call, and the response; raise the error of the last attempt."""
        attempt = partial(self._attempt, call, backend, context, self._send_buffered)
        hedged = partial(self._hedge, call, context, attempt) if call.deterministic and call.retryable else attempt
        return self._with_retries(call, context, hedged, attempt)

    def open(
        self, call: UpstreamRequest[Any], make_decoder: MakeDecoder, backend: Backend, context: CallContext
    ) -> UpstreamStream:
        """Return the stream of a call's response after its first event; raise the error of the last attempt."""
        attempt = partial(self._attempt, call, backend, context, partial(self._open_stream, make_decoder))
        return self._with_retries(call, context, attempt, attempt)

    def _with_retries(
        self, call: UpstreamRequest[Any], context: CallContext, first: Callable[[], T], retry: Callable[[], T]
    ) -> T:
        """Make the first attempt, then retry while policy and budget allow it."""
        budget, client = self._budgets[call.backend], context.request.client_id
        budget.deposit(client)
        before = context.timeline.attempts
        while True:
            try:
                return first() if context.timeline.attempts == before else retry()
            except ServiceError as error:
                delay = self._retries.delay(error, context.timeline.attempts - before, context.deadline)
                if delay is None or not call.retryable or not budget.try_withdraw(client):
                    raise
                context.timeline.retries.append((call.backend, error.type))
            # gevent replaces it in the worker, so other requests run meanwhile
            time.sleep(delay)
            context.timeline.backoff_seconds += delay

    def _attempt(
        self, call: UpstreamRequest[Any], backend: Backend, context: CallContext, send: Callable[[_Attempt[Any]], T]
    ) -> T:
        breaker = self._breakers.get(backend, call.route)
        remaining = context.deadline.remaining()
        if remaining < MIN_ATTEMPT_SECONDS:
            raise ShortDeadlineTimeout
        with context.timeline.record_attempt(call.backend, call.route, call.model, call.body):
            # before the queue of the bulkhead: a call that would be refused must not wait for a permit
            breaker.check(context.request.redis_budget, context.request.client_id)
            return self._guarded(call, context, breaker, remaining, send)

    def _guarded(
        self,
        call: UpstreamRequest[Any],
        context: CallContext,
        breaker: CircuitBreaker,
        remaining: float,
        send: Callable[[_Attempt[Any]], T],
    ) -> T:
        is_stream = call.make_decoder is not None
        # the time to the first event depends on the prompt and on the number of calls that start at once
        latency_route = None if is_stream else call.route
        client, budget = context.request.client_id, context.request.redis_budget
        with (
            self._bulkheads.get(call.backend).guard(latency_route, remaining, client) as permit,
            # after time in the queue the check is outdated
            breaker.guard(budget, client, stream=is_stream, checked=not permit.waited),
            context.request.trace.attempt(call) as trace,
        ):
            context.timeline.queue_seconds += permit.waited
            context.timeline.attempts += 1
            remaining = max(0.0, remaining - permit.waited)
            return self._exchange(_Attempt(call, context, breaker, permit, trace, remaining), send)

    def _exchange(self, attempt: _Attempt[Any], send: Callable[[_Attempt[Any]], T]) -> T:
        """Send an attempt; raise a ServiceError for each failure, without keys and hosts."""
        timeline = attempt.context.timeline
        started = time.monotonic()
        try:
            return send(attempt)
        except UpstreamTimeout as error:
            if _is_short(attempt):
                raise ShortDeadlineTimeout from error
            raise
        except ServiceError as error:
            self._redactor.redact_error(error)
            raise
        except (requests.RequestException, HTTPError) as error:
            mapped = map_transport_error(error)
            # the timeout of the socket may fire before that of the deadline
            is_short = isinstance(mapped, UpstreamTimeout) and _is_short(attempt)
            raise (ShortDeadlineTimeout() if is_short else mapped) from error
        finally:
            timeline.upstream_seconds += time.monotonic() - started

    def _hedge(self, call: UpstreamRequest[Any], context: CallContext, attempt: Callable[[], T]) -> T:
        hedges, client = context.timeline.hedges, context.request.client_id
        return self._hedging.run(attempt, lambda won: hedges.append((call.backend, won)), client)

    def _send_buffered(self, attempt: _Attempt[T]) -> tuple[T, UpstreamResponse]:
        """Send a request and read the complete response."""
        with self._send_request(attempt, attempt.remaining) as response:
            result, buffered = self._read(attempt.call, response)
        if isinstance(result, Result):
            # here, because both attempts of a hedged call may be answered
            attempt.context.add_usage(result.usage)
        return result, buffered

    def _open_stream(self, make_decoder: MakeDecoder, attempt: _Attempt[Any]) -> UpstreamStream:
        """Send a request and wait for the first event; the stream holds the permit until the upstream is done."""
        context, call = attempt.context, attempt.call
        # the timer of the deadline covers the head of the response, and this limit each read of its body
        response = self._send_request(attempt, context.stream_deadline.remaining())
        if not 200 <= response.status_code < 300:
            with response:
                self._read(call, response)  # raises the error of the response
        attempt.permit.detached = True
        headers = lower_names(response.headers)
        reader = StreamReader(response, context.stream_deadline.remaining(), attempt.permit.release)
        redact = partial(self._redactor.redact, status=response.status_code)
        # a stream that held a large body would hold it to its end
        body = call.body if len(call.content or b"") <= MAX_HELD_BODY_BYTES else None
        on_end = partial(self._record_stream_end, attempt.breaker, context, body)
        stream = UpstreamStream(reader, make_decoder(headers), self._limits, redact, on_end)
        try:
            stream.wait_first_event()
            stream.decoder.release_prompt()
        except BaseException:
            stream.close()
            raise
        return stream

    def _record_stream_end(
        self, breaker: CircuitBreaker, context: CallContext, body: Mapping[str, Any] | None, error: ServiceError | None
    ) -> None:
        if error is not None:
            self._redactor.redact_error(error)
            context.timeline.record_error(error, body, body_released=body is None)
        breaker.record_result(context.request.redis_budget, error, client=context.request.client_id)

    def _send_request(self, attempt: _Attempt[Any], read_timeout: float) -> requests.Response:
        """Send the request and read the head of its response."""
        call = attempt.call
        response = self._session.call(
            call.url,
            {**request_headers(call), "X-Request-ID": attempt.context.request.id, **attempt.trace.headers},
            call.content,
            (min(CONNECT_TIMEOUT_SECONDS, attempt.remaining), read_timeout),
        )
        attempt.trace.record_status(response.status_code)
        return response

    def _read(self, call: UpstreamRequest[T], response: requests.Response) -> tuple[T, UpstreamResponse]:
        """Read and parse a response; events that were not asked for may be complete before their stream breaks off."""
        received: list[bytes] = []
        try:
            received.extend(iter_body(response, call.max_response_bytes))
        except ProtocolError:
            if is_json_document(b"".join(received)):
                raise
            with suppress(ServiceError):
                return self._parse(call, response, received)
            raise
        return self._parse(call, response, received)

    def _parse(
        self, call: UpstreamRequest[T], response: requests.Response, received: list[bytes]
    ) -> tuple[T, UpstreamResponse]:
        body = self._redactor.redact(b"".join(received), response.status_code)
        buffered = UpstreamResponse(response.status_code, lower_names(response.headers), body)
        return call.parse(buffered), buffered


def _is_short(attempt: _Attempt[Any]) -> bool:
    """Return whether an attempt has too little time for its timeout to count as a failure of the backend."""
    return attempt.remaining < attempt.context.deadline.min_counted or not attempt.call.timeout_is_failure
