"""A traced service with an upstream and a collector of its own."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from secrets import token_hex

import requests

from support.collector import Collector, Trace
from support.servers import LONG_SECONDS, Service, Upstream, chat_response, reply

EXPORT_AT_ONCE = {"OTEL_BSP_SCHEDULE_DELAY": "50"}
CLIENT_SPAN_ID = "00f067aa0ba902b7"
GENERATE = ("/v1/text/generate", {"prompt": "x"})


@dataclass
class TracedService:
    """A service with an upstream and a collector of its own. `ids` are the trace ids of its requests."""

    service: Service
    upstream: Upstream
    collector: Collector
    ids: list[str] = field(default_factory=list)

    def request(self, route: str, body: dict, headers: dict | None = None, **options) -> requests.Response:
        """Send a POST request as part of a new trace."""
        sent = {**in_a_trace(self.new_id()), **(headers or {})}
        return requests.post(self.service.url + route, json=body, headers=sent, **{"timeout": 30, **options})

    def new_id(self) -> str:
        """Return a new trace id, which `trace` then uses."""
        self.ids.append(token_hex(16))
        return self.ids[-1]

    def trace(self, spans: int = 1) -> Trace:
        """Return the trace of the last request, with at least `spans` spans."""
        return self.collector.trace(self.ids[-1], spans)

    def respond_with(self, *acts: Callable) -> None:
        """Make the upstream run these acts, one for each request, and succeed afterwards."""
        remaining = list(acts)
        self.upstream.requests.clear()
        self.upstream.respond = lambda handler: (remaining.pop(0) if remaining else succeed)(handler)

    def traceparents(self) -> list[str]:
        return [request["headers"]["traceparent"] for request in self.upstream.requests]


def in_a_trace(trace_id: str | None = None) -> dict[str, str]:
    """Return the header of a client inside a sampled trace, by default a new one."""
    return {"traceparent": f"00-{trace_id or token_hex(16)}-{CLIENT_SPAN_ID}-01"}


def succeed(handler):
    reply(handler, chat_response("Hi."))


def disconnect(handler):
    handler.connection.shutdown(socket.SHUT_RDWR)


def fail_with(status, **body):
    """Return an act that responds with this status."""
    return lambda handler: reply(handler, body, status)


def stream(*events, done=True):
    """Return an act that sends these texts as events; at a threading.Event it waits for that."""

    def act(handler):
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Connection", "close")
        handler.end_headers()
        for event in events:
            if isinstance(event, threading.Event):
                event.wait(LONG_SECONDS)
            else:
                send_event(handler, {"choices": [{"index": 0, "delta": {"content": event}, "finish_reason": None}]})
        if done:
            send_event(handler, {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
            send_event(
                handler, {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}}
            )
            handler.wfile.write(b"data: [DONE]\n\n")
        handler.close_connection = True

    return act


def send_event(handler, event):
    handler.wfile.write(b"data: %b\n\n" % json.dumps(event).encode())


def run_traced(start: Callable, **variables: str) -> Iterator[TracedService]:
    """Start a traced service. `UPSTREAM` in a variable stands for the URL of its upstream."""
    with closing(Upstream()) as upstream, closing(Collector()) as collector:
        settings = {
            "OPENAI_BASE_URL": f"{upstream.url}/v1",
            "OPENAI_DEFAULT_MODEL": "org/small",
            "BREAKER_FAILURES": "1000",
            "HUGGINGFACE_RETRY_ATTEMPTS": "0",
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        }
        variables = {name: text.replace("UPSTREAM", upstream.url) for name, text in variables.items()}
        yield TracedService(start(**{**settings, **EXPORT_AT_ONCE, **variables}), upstream, collector)
