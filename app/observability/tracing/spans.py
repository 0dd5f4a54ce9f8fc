"""Writes each request as spans: the client's request, its operation, and each attempt of an upstream call.

Each span gets its parent explicitly, because attempts may run in greenlets of their own.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import (
    INVALID_SPAN,
    Span,
    SpanKind,
    StatusCode,
    Tracer,
    format_span_id,
    format_trace_id,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from app.backends.base import UpstreamRequest
from app.context.call_context import CallContext
from app.context.trace import Attempt, Trace, Tracing
from app.observability.metrics.genai import OPERATION_NAMES
from app.observability.tracing import attributes
from app.observability.tracing.export import shut_down
from app.version import SERVICE, __version__

_W3C = TraceContextTextMapPropagator()


class SpanAttempt(Attempt):
    """The span of one attempt."""

    def __init__(self, span: Span) -> None:
        self._span = span
        self.headers: dict[str, str] = {}
        _W3C.inject(self.headers, _context(span))

    def record_status(self, status: int) -> None:
        """Record the status. A status of 400 or above is the error, unless the body has a more exact one."""
        self._span.set_attribute(attributes.STATUS, status)
        if status >= 400:
            _record_error(self._span, str(status))


class SpanTrace(Trace):
    """The spans of one client request."""

    def __init__(self, tracer: Tracer, span: Span) -> None:
        self._tracer = tracer
        self._span = span
        self._operation: Span = INVALID_SPAN
        self._parent = _context(span)
        self._identity: attributes.Attributes = {}
        self._parameters: attributes.Attributes = {}
        self._call: UpstreamRequest[Any] | None = None
        self._resend_count = 0
        self._streaming: list[Span] = []
        if (span_context := span.get_span_context()).is_valid:
            self.ids = {
                "trace_id": format_trace_id(span_context.trace_id),
                "span_id": format_span_id(span_context.span_id),
            }

    def identify(self, request_id: str, client: str) -> None:
        """Add the id of the request and the name of its client to this span and to those that start later."""
        self._identity = {attributes.REQUEST_ID: request_id, attributes.CLIENT: client}
        self._span.set_attributes(self._identity)

    def record_parameters(self, body: Mapping[str, Any]) -> None:
        """Store the parameters for the span of the operation."""
        self._parameters = attributes.parameter_attributes(body)

    @contextmanager
    def operation(self, context: CallContext, backend: str, model: str | None) -> Iterator[None]:
        """Run the block in a span, which stays open if the block starts a stream."""
        name = OPERATION_NAMES.get(context.task, context.task)
        request_model = {attributes.REQUEST_MODEL: model} if model else {}
        span_attributes = {
            attributes.OPERATION: name,
            attributes.PROVIDER: backend,
            **request_model,
            **self._parameters,
            **self._identity,
        }
        title = " ".join((name, *request_model.values()))
        self._operation = self._tracer.start_span(title, self._parent, SpanKind.CLIENT, span_attributes)
        self._parent = _context(self._operation)
        try:
            yield
        except BaseException as error:
            self._end_operation(context, attributes.error_type(error))
            raise
        if context.stream is None:
            self._end_operation(context, None)

    @contextmanager
    def attempt(self, call: UpstreamRequest[Any]) -> Iterator[Attempt]:
        """Run the block in a span, which stays open if the response is a stream."""
        span_attributes = attributes.attempt_attributes(call) | self._resend_attributes(call) | self._identity
        self._operation.set_attributes(attributes.server_attributes(call))
        span = self._tracer.start_span(
            span_attributes[attributes.METHOD], self._parent, SpanKind.CLIENT, span_attributes
        )
        try:
            yield SpanAttempt(span)
        except BaseException as error:
            _end(span, attributes.error_type(error))
            raise
        if call.make_decoder is None:
            _end(span, None)
        else:
            self._streaming.append(span)

    def part(self) -> Trace:
        """Return a trace that writes attempts only."""
        return _Part(self)

    def end_stream(self, context: CallContext) -> None:
        """End the spans of the operation and of its streaming attempts."""
        self._end_operation(context, context.stream.error if context.stream else None)

    def end(self, status: int, error: str | None) -> None:
        """End the span of the request. A status of 400 to 499 is no error of a server span, by the conventions."""
        self._span.set_attribute(attributes.STATUS, status)
        _end(self._span, None if 400 <= status < 500 else error)

    def _resend_attributes(self, call: UpstreamRequest[Any]) -> attributes.Attributes:
        """Count the attempts of a call; the calls of a request follow each other."""
        self._resend_count = self._resend_count + 1 if call is self._call else 0
        self._call = call
        return {attributes.RESEND_COUNT: self._resend_count} if self._resend_count else {}

    def _end_operation(self, context: CallContext, error: str | None) -> None:
        self._operation.set_attributes(attributes.result_attributes(context))
        for span in (*self._streaming, self._operation):
            _end(span, error)


class _Part(Trace):
    """The trace of one of several texts."""

    def __init__(self, trace: SpanTrace) -> None:
        self.ids = trace.ids
        self.attempt = trace.attempt  # type: ignore[method-assign]  # the operation's spans are its parents


class SpanTracing(Tracing):
    """Traces requests with the spans of a provider."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer(SERVICE, __version__)

    def begin(self, environ: Mapping[str, Any], route: str) -> Trace:
        """Start the span of a request. A `traceparent` header makes it part of the client's trace."""
        carrier = {name: environ.get(f"HTTP_{name.upper()}") for name in _W3C.fields}
        span_attributes = attributes.request_attributes(environ, route)
        title = f"{span_attributes[attributes.METHOD]} {route}"
        span = self._tracer.start_span(title, _W3C.extract(carrier), SpanKind.SERVER, span_attributes)
        return SpanTrace(self._tracer, span)

    def close(self) -> None:
        """Export the remaining spans."""
        shut_down(self._provider)


def _context(span: Span) -> Context:
    return set_span_in_context(span, Context())


def _record_error(span: Span, error: str) -> None:
    span.set_attribute(attributes.ERROR_TYPE, error)
    if error not in attributes.NOT_FAILURES:
        span.set_status(StatusCode.ERROR)


def _end(span: Span, error: str | None) -> None:
    if error is not None:
        _record_error(span, error)
    span.end()
