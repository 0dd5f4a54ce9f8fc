"""Load that brings about everything the service measures, and what its callers saw of it."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from itertools import count
from typing import Any

import requests

from support.calls import raw
from support.servers import LONG_SECONDS, Service, chat_response, reply
from support.streams import ParsedStream, parse_stream

EVENTS = 5
_SLOW_SECONDS = 0.15


class Moody:
    """Answers for an upstream: words in a prompt say what it does."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()
        self._lock = threading.Lock()
        self.failures = 0

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        text = json.dumps(handler.asked)
        with self._lock:
            self._seen[text] += 1
            fails = "outage" in text or ("unwell" in text and self._seen[text] == 1)
            self.failures += fails
        if "slow" in text:
            time.sleep(_SLOW_SECONDS)  # what a model takes
        if fails:
            reply(handler, {}, 500)
        elif handler.asked.get("stream"):
            _stream(handler, whole="broken" not in text)
        else:
            reply(handler, chat_response("positive"))


def _stream(handler: BaseHTTPRequestHandler, *, whole: bool) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "text/event-stream")
    handler.send_header("Connection", "close")
    handler.end_headers()
    for number in range(EVENTS):
        end = "stop" if whole and number == EVENTS - 1 else None
        choice = {"index": 0, "delta": {"content": "word "}, "finish_reason": end}
        usage = {"usage": {"prompt_tokens": 1, "completion_tokens": EVENTS, "total_tokens": EVENTS + 1}} if end else {}
        handler.wfile.write(f"data: {json.dumps({'choices': [choice], **usage})}\n\n".encode())
        time.sleep(0.005)  # events of one moment have no speed
    if whole:
        handler.wfile.write(b"data: [DONE]\n\n")


class Load:
    """Sends requests to a service, and keeps all answers."""

    def __init__(self, service: Service, team: str, limited: str) -> None:
        self._service = service
        self._keys = {"team": team, "limited": limited}
        self._numbers = count()
        self.answers: list[requests.Response] = []
        self.refused = 0

    def round(self) -> None:
        """Bring about everything once."""
        texts = [f"slow text {next(self._numbers)}" for _ in range(60)]
        with ThreadPoolExecutor(12) as callers:
            for kind, times in (("fine", 50), ("unwell", 5)):
                self._generate(callers, (f"{kind} {next(self._numbers)}" for _ in range(times)))
            list(callers.map(lambda text: self.send("sentiment", text=text), texts))
            list(callers.map(lambda text: self.send("sentiment", text=text), texts[:20]))
            list(callers.map(lambda _: self.send("sentiment", text=f"slow {texts[0]}"), range(12)))
            for kind, times in (("fine", 8), ("broken", 2)):
                list(callers.map(lambda _, kind=kind: self.send("generate", prompt=kind, stream=True), range(times)))
            list(callers.map(lambda _: self.send("generate", promt="x"), range(5)))
            list(callers.map(lambda _: self.send("generate", "limited", prompt="fine"), range(4)))
        with ThreadPoolExecutor(48) as crowd:
            self._generate(crowd, (f"slow crowd {next(self._numbers)}" for _ in range(48)))
        with ThreadPoolExecutor(4) as callers:
            self._generate(callers, (f"outage {next(self._numbers)}" for _ in range(8)))
        assert raw(self._service.port, "GET / HTTP/9.9\r\n\r\n").startswith(b"HTTP/1.1 400 ")
        self.refused += 1

    def send(self, operation: str, client: str = "team", **body: Any) -> None:
        headers = {"Authorization": f"Bearer {self._keys[client]}"}
        url = f"{self._service.url}/v1/text/{operation}"
        self.answers.append(requests.post(url, json=body, headers=headers, timeout=LONG_SECONDS))

    def _generate(self, callers: ThreadPoolExecutor, prompts: Iterable[str]) -> None:
        list(callers.map(lambda prompt: self.send("generate", prompt=prompt, max_tokens=2), prompts))

    def seen(self, header: str) -> dict[str, float]:
        """Return how many answers had each value of a header."""
        return dict(Counter(one.headers[header] for one in self.answers if header in one.headers))

    def statuses(self) -> dict[str, float]:
        """Return how many answers each route gave with each status."""
        return dict(Counter(f"{one.request.path_url} {one.status_code}" for one in self.answers))

    def clients(self) -> dict[str, float]:
        """Return how many requests each client sent."""
        keys = Counter(one.request.headers["Authorization"] for one in self.answers)
        return {name: keys[f"Bearer {key}"] for name, key in self._keys.items()}

    def streams(self) -> dict[str, float]:
        """Return how many streams were whole, and how many broke off."""
        return dict(Counter("completed" if stream.done else "failed" for stream in self._streams()))

    def tokens(self) -> dict[str, float]:
        """Return the tokens that answers told of, by direction."""
        bodies = [one.json() for one in self.answers if one.headers["Content-Type"] == "application/json"]
        usages = [body["usage"] for body in bodies if "usage" in body]
        usages += [usage for stream in self._streams() for usage in stream.usages]
        names = {"input": "prompt_tokens", "output": "completion_tokens"}
        return {direction: sum(usage[name] for usage in usages) for direction, name in names.items()}

    def _streams(self) -> list[ParsedStream]:
        streamed = "text/event-stream"
        return [parse_stream(one.content) for one in self.answers if one.headers["Content-Type"].startswith(streamed)]
