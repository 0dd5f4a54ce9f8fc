"""A trace collector that receives spans by OTLP over HTTP, on a real socket."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from support.servers import LONG_SECONDS

SERVER, CLIENT = Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CLIENT


@dataclass
class ReceivedSpan:
    """A span; times are in seconds."""

    name: str
    kind: int
    trace_id: str
    span_id: str
    parent_id: str
    begin: float
    end: float
    attributes: dict[str, Any]
    failed: bool
    resource: dict[str, Any]

    @property
    def error(self) -> str | None:
        return self.attributes.get("error.type")

    @property
    def traceparent(self) -> str:
        """The header that this attempt sends to the upstream."""
        return f"00-{self.trace_id}-{self.span_id}-01"


@dataclass
class Trace:
    """The spans of one trace, ordered by start time."""

    spans: list[ReceivedSpan]

    @property
    def server(self) -> ReceivedSpan:
        [server] = [span for span in self.spans if span.kind == SERVER]
        return server

    @property
    def operation(self) -> ReceivedSpan:
        [operation] = [span for span in self.spans if "gen_ai.operation.name" in span.attributes]
        return operation

    @property
    def attempts(self) -> list[ReceivedSpan]:
        return [span for span in self.spans if span.kind == CLIENT and "url.full" in span.attributes]


class Collector:
    """Stores the received spans; `act` responds to each export."""

    def __init__(self) -> None:
        self.spans: list[ReceivedSpan] = []
        self.bytes = b""
        self.headers: list[dict[str, str]] = []
        self.act: Callable[[BaseHTTPRequestHandler], None] = accept
        self.exports = threading.Semaphore(0)
        self._arrived = threading.Condition()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector._store(self.path, dict(self.headers), body)
                collector.act(self)

            def log_message(self, *arguments: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *arguments: Any) -> None:
                pass  # some tests make the service disconnect

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def trace(self, trace_id: str, spans: int = 1) -> "Trace":
        """Wait for the span of the client's request and for at least `spans` spans of its trace; return the trace."""

        def received() -> list[ReceivedSpan]:
            found = [span for span in self.spans if span.trace_id == trace_id]
            return found if len(found) >= spans and any(span.kind == SERVER for span in found) else []

        with self._arrived:
            found = self._arrived.wait_for(received, LONG_SECONDS)
        assert found, f"incomplete trace {trace_id}; received {self.spans}"
        return Trace(sorted(found, key=lambda span: span.begin))

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _store(self, path: str, headers: dict[str, str], body: bytes) -> None:
        assert path == "/v1/traces"
        message = ExportTraceServiceRequest.FromString(body)
        spans = [
            _received_span(span, _values(resource.resource.attributes))
            for resource in message.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]
        with self._arrived:
            self.bytes += body
            self.headers.append(headers)
            self.spans += spans
            self._arrived.notify_all()
        self.exports.release()


def accept(handler: BaseHTTPRequestHandler) -> None:
    respond(handler, 200)


def respond(handler: BaseHTTPRequestHandler, status: int) -> None:
    """Send a response without a body."""
    handler.send_response(status)
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def _received_span(span: Span, resource: dict[str, Any]) -> ReceivedSpan:
    return ReceivedSpan(
        span.name,
        span.kind,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.start_time_unix_nano / 1e9,
        span.end_time_unix_nano / 1e9,
        _values(span.attributes),
        span.status.code == Status.STATUS_CODE_ERROR,
        resource,
    )


def _values(pairs: list[KeyValue]) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    return [_value(item) for item in value.array_value.values] if kind == "array_value" else getattr(value, kind)
