"""A request as spans: the caller's request, the operation in it, and each attempt to have an upstream answer.

Parents are always given and never taken from the greenlet, since attempts may run in greenlets of their own.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from flask import Request
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
    """An attempt, and its span."""

    def __init__(self, span: Span) -> None:
        self._span = span
        self.headers: dict[str, str] = {}
        _W3C.inject(self.headers, _inside(span))

    def record_status(self, status: int) -> None:
        """Note the status; one that says no is a fault, unless its body tells more."""
        self._span.set_attribute(attributes.STATUS, status)
        if status >= 400:
            _fail(self._span, str(status))


class SpanTrace(Trace):
    """A caller's request, and its spans."""

    def __init__(self, tracer: Tracer, span: Span) -> None:
        self._tracer = tracer
        self._span = span
        self._operation: Span = INVALID_SPAN
        self._parent = _inside(span)
        self._parameters: attributes.Attributes = {}
        self._call: UpstreamRequest[Any] | None = None
        self._resends = 0
        self._streaming: list[Span] = []
        if (own := span.get_span_context()).is_valid:
            self.ids = {"trace_id": format_trace_id(own.trace_id), "span_id": format_span_id(own.span_id)}

    def record_parameters(self, body: Mapping[str, Any]) -> None:
        """Keep the parameters for the operation's span."""
        self._parameters = attributes.of_body(body)

    @contextmanager
    def operation(self, context: CallContext, backend: str, model: str | None) -> Iterator[None]:
        """Run the block in a span, which is left open where the block made a stream."""
        name = OPERATION_NAMES.get(context.operation, context.operation)
        model_attribute = {attributes.REQUEST_MODEL: model} if model else {}
        span_attributes = {
            attributes.OPERATION: name,
            attributes.PROVIDER: backend,
            **model_attribute,
            **self._parameters,
        }
        title = " ".join((name, *model_attribute.values()))
        self._operation = self._tracer.start_span(title, self._parent, SpanKind.CLIENT, span_attributes)
        self._parent = _inside(self._operation)
        try:
            yield
        except BaseException as error:
            self._end_operation(context, attributes.error_type(error))
            raise
        if context.stream is None:
            self._end_operation(context, None)

    @contextmanager
    def attempt(self, call: UpstreamRequest[Any]) -> Iterator[Attempt]:
        """Run the block in a span, which is left open where the answer is a stream."""
        span_attributes = attributes.of_call(call) | self._resent(call)
        self._operation.set_attributes(attributes.server(call))
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

    def end_stream(self, context: CallContext) -> None:
        """End the spans that were left open."""
        self._end_operation(context, context.stream.error if context.stream else None)

    def end(self, status: int, error: str | None) -> None:
        """End the request's span; what callers do wrong is no fault of the service."""
        self._span.set_attribute(attributes.STATUS, status)
        _end(self._span, None if 400 <= status < 500 else error)

    def _resent(self, call: UpstreamRequest[Any]) -> attributes.Attributes:
        """Count the attempts of a call; one call is over before the next one begins."""
        self._resends = self._resends + 1 if call is self._call else 0
        self._call = call
        return {attributes.RESEND_COUNT: self._resends} if self._resends else {}

    def _end_operation(self, context: CallContext, error: str | None) -> None:
        self._operation.set_attributes(attributes.of_answer(context))
        for span in (*self._streaming, self._operation):
            _end(span, error)


class SpanTracing(Tracing):
    """Traces requests with the spans of a provider."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer(SERVICE, __version__)

    def begin(self, request: Request) -> Trace:
        """Begin the span of a request; the caller's traceparent makes it part of the caller's trace."""
        span_attributes = attributes.of_request(request)
        title = f"{request.method} {span_attributes['http.route']}"
        caller = _W3C.extract(request.headers)
        return SpanTrace(self._tracer, self._tracer.start_span(title, caller, SpanKind.SERVER, span_attributes))

    def close(self) -> None:
        """Export what is left."""
        shut_down(self._provider)


def _inside(span: Span) -> Context:
    return set_span_in_context(span, Context())


def _fail(span: Span, error: str) -> None:
    span.set_attribute(attributes.ERROR_TYPE, error)
    if error not in attributes.NO_FAULT:
        span.set_status(StatusCode.ERROR)


def _end(span: Span, error: str | None) -> None:
    if error is not None:
        _fail(span, error)
    span.end()
