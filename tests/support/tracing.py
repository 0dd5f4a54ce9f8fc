"""A service whose requests are traced, with an upstream and a collector of its own."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from secrets import token_hex

import requests

from support.collector import Collector, Trace
from support.servers import LONG_SECONDS, Service, Upstream, chat_answer, reply

AT_ONCE = {"OTEL_BSP_SCHEDULE_DELAY": "50"}
CALLER = "00f067aa0ba902b7"
PROMPTS = ("/v1/text/generate", {"prompt": "x"})


@dataclass
class Traced:
    """A service with an upstream and a collector of its own."""

    service: Service
    upstream: Upstream
    collector: Collector
    ids: list[str] = field(default_factory=list)

    def ask(self, route: str, body: dict, headers: dict | None = None, **options) -> requests.Response:
        """Send a request as part of a new trace."""
        given = {**in_a_trace(self.new_id()), **(headers or {})}
        return requests.post(self.service.url + route, json=body, headers=given, **{"timeout": 30, **options})

    def new_id(self) -> str:
        """Choose the id of the next trace."""
        self.ids.append(token_hex(16))
        return self.ids[-1]

    def trace(self, spans: int = 1) -> Trace:
        """The trace of the last request."""
        return self.collector.trace(self.ids[-1], spans)

    def answers(self, *acts: Callable) -> None:
        """Let the upstream play these acts, one for each request, and answer well afterwards."""
        left = list(acts)
        self.upstream.requests.clear()
        self.upstream.answer = lambda handler: (left.pop(0) if left else good)(handler)

    def traceparents(self) -> list[str]:
        return [one["headers"]["traceparent"] for one in self.upstream.requests]


def in_a_trace(trace_id: str | None = None) -> dict[str, str]:
    """What a caller sends from inside a trace that it samples; a new one where none is given."""
    return {"traceparent": f"00-{trace_id or token_hex(16)}-{CALLER}-01"}


def good(handler):
    reply(handler, chat_answer("Hi."))


def hangs_up(handler):
    handler.connection.shutdown(socket.SHUT_RDWR)


def says(status, **body):
    return lambda handler: reply(handler, body, status)


def streams(*events, done=True):
    """An act: send these texts as events, waiting wherever there is an Event in place of a text."""

    def act(handler):
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Connection", "close")
        handler.end_headers()
        for event in events:
            if isinstance(event, threading.Event):
                event.wait(LONG_SECONDS)
            else:
                told(handler, {"choices": [{"index": 0, "delta": {"content": event}, "finish_reason": None}]})
        if done:
            told(handler, {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
            told(handler, {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}})
            handler.wfile.write(b"data: [DONE]\n\n")
        handler.close_connection = True

    return act


def told(handler, event):
    handler.wfile.write(b"data: %b\n\n" % json.dumps(event).encode())


def serving(start: Callable, **variables: str) -> Iterator[Traced]:
    with closing(Upstream()) as upstream, closing(Collector()) as collector:
        settings = {
            "OPENAI_BASE_URL": f"{upstream.url}/v1",
            "OPENAI_DEFAULT_MODEL": "org/small",
            "BREAKER_FAILURES": "1000",
            "HUGGINGFACE_RETRY_ATTEMPTS": "0",
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        }
        given = {name: text.replace("UPSTREAM", upstream.url) for name, text in variables.items()}
        yield Traced(start(**{**settings, **AT_ONCE, **given}), upstream, collector)
