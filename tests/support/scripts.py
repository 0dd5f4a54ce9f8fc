"""Scripts for streams of the chaos upstream."""

import json
import threading

from support.chaos import Exchange

SECONDS = 20.0
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"


def event(text, reason=None):
    """Return an event of a chat route."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": reason}
    return b"data: %b\n\n" % json.dumps({"choices": [choice]}).encode()


HEL, LO = event("Hel"), event("lo.", "stop")
DONE = b"data: [DONE]\n\n"


class Script:
    """An act that sends parts of an event stream. It waits for each threading event among its steps.

    `framing` marks the end of the body: "chunked", "length", or any other value for the end of the connection.
    """

    def __init__(self, *steps, framing="chunked", end=True):
        self.begun = threading.Event()
        self.ended = threading.Event()
        self._steps = steps
        self._framing = framing
        self._end = end

    def __call__(self, exchange: Exchange) -> None:
        exchange.send(HEAD + self._framed_head())
        self.begun.set()
        try:
            for step in self._steps:
                if callable(step):
                    step(exchange)
                elif isinstance(step, threading.Event):
                    assert step.wait(SECONDS)
                else:
                    exchange.send(b"%x\r\n%b\r\n" % (len(step), step) if self._framing == "chunked" else step)
            if self._end and self._framing == "chunked":
                exchange.send(b"0\r\n\r\n")
        finally:
            self.ended.set()
        if self._framing != "chunked" or not self._end:
            exchange.finish()

    def _framed_head(self):
        if self._framing == "chunked":
            return b"Transfer-Encoding: chunked\r\n\r\n"
        size = sum(len(step) for step in self._steps if isinstance(step, bytes))
        length = b"Content-Length: %d\r\n" % size if self._framing == "length" else b""
        return length + b"Connection: close\r\n\r\n"
