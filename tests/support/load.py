"""A load that changes every metric of the service, and the responses that its clients received."""

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


class PromptDrivenUpstream:
    """Responds as an upstream; words in the prompt select the behaviour."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()
        self._lock = threading.Lock()
        self.failures: Counter[str] = Counter()

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        text = json.dumps(handler.asked)
        with self._lock:
            self._seen[text] += 1
            failure = self._failure(handler.asked, text)
            self.failures[failure] += 1
        if "slow" in text:
            time.sleep(_SLOW_SECONDS)  # the latency of a model
        if failure == "upstream_unavailable":
            reply(handler, {}, 500)
        elif failure == "upstream_rejected":
            reply(handler, {"error": {"message": "Unknown field: stream_options", "param": "stream_options"}}, 400)
        elif handler.asked.get("stream"):
            _stream(handler, complete="broken" not in text)
        else:
            reply(handler, chat_response("positive"))

    def _failure(self, asked: dict[str, Any], text: str) -> str:
        """Return the type of the error of an answer; an empty string if there is none."""
        if "outage" in text or ("unwell" in text and self._seen[text] == 1):
            return "upstream_unavailable"
        return "upstream_rejected" if "stream_options" in asked else ""


def _stream(handler: BaseHTTPRequestHandler, *, complete: bool) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "text/event-stream")
    handler.send_header("Connection", "close")
    handler.end_headers()
    for number in range(EVENTS):
        end = "stop" if complete and number == EVENTS - 1 else None
        choice = {"index": 0, "delta": {"content": "word "}, "finish_reason": end}
        usage = {"usage": {"prompt_tokens": 1, "completion_tokens": EVENTS, "total_tokens": EVENTS + 1}} if end else {}
        handler.wfile.write(f"data: {json.dumps({'choices': [choice], **usage})}\n\n".encode())
        time.sleep(0.005)  # the speed of a stream needs a time between events
    if complete:
        handler.wfile.write(b"data: [DONE]\n\n")


class Load:
    """Sends requests to a service, and stores all responses."""

    def __init__(self, service: Service, team: str, limited: str) -> None:
        self._service = service
        self._keys = {"team": team, "limited": limited}
        self._numbers = count()
        self.responses: list[requests.Response] = []
        self.refused = 0

    def round(self) -> None:
        """Change every metric once."""
        texts = [f"slow text {next(self._numbers)}" for _ in range(60)]
        with ThreadPoolExecutor(12) as pool:
            for kind, times in (("fine", 50), ("unwell", 5)):
                self._generate(pool, (f"{kind} {next(self._numbers)}" for _ in range(times)))
            list(pool.map(lambda text: self.send("sentiment", text=text), texts))
            list(pool.map(lambda text: self.send("sentiment", text=text), texts[:20]))
            list(pool.map(lambda _: self.send("sentiment", text=f"slow {texts[0]}"), range(12)))
            for kind, times in (("fine", 8), ("broken", 2)):
                list(pool.map(lambda _, kind=kind: self.send("generate", prompt=kind, stream=True), range(times)))
            list(pool.map(lambda _: self.send("generate", promt="x"), range(5)))
            self.send("sentiment", texts=["fine", " "])
            self.send("generate", prompt="fine a@example.com")
            list(pool.map(lambda _: self.send("generate", "limited", prompt="fine"), range(4)))
        with ThreadPoolExecutor(48) as crowd:
            self._generate(crowd, (f"slow crowd {next(self._numbers)}" for _ in range(48)))
        with ThreadPoolExecutor(4) as pool:
            self._generate(pool, (f"outage {next(self._numbers)}" for _ in range(8)))
        assert raw(self._service.port, "GET / HTTP/9.9\r\n\r\n").startswith(b"HTTP/1.1 400 ")
        self.refused += 1

    def send(self, operation: str, client: str = "team", **body: Any) -> None:
        headers = {"Authorization": f"Bearer {self._keys[client]}", "X-AI-Redact": "email"}
        url = f"{self._service.url}/v1/text/{operation}"
        self.responses.append(requests.post(url, json=body, headers=headers, timeout=LONG_SECONDS))

    def _generate(self, pool: ThreadPoolExecutor, prompts: Iterable[str]) -> None:
        list(pool.map(lambda prompt: self.send("generate", prompt=prompt, max_tokens=2), prompts))

    def seen(self, header: str) -> dict[str, float]:
        """Return the number of responses for each value of a header."""
        return dict(Counter(one.headers[header] for one in self.responses if header in one.headers))

    def statuses(self) -> dict[str, float]:
        """Return the number of responses for each route and status."""
        return dict(Counter(f"{one.request.path_url} {one.status_code}" for one in self.responses))

    def clients(self) -> dict[str, float]:
        """Return the number of requests of each client."""
        keys = Counter(one.request.headers["Authorization"] for one in self.responses)
        return {name: keys[f"Bearer {key}"] for name, key in self._keys.items()}

    def streams(self) -> dict[str, float]:
        """Return the number of complete and of broken streams."""
        return dict(Counter("completed" if stream.done else "failed" for stream in self._streams()))

    def tokens(self) -> dict[str, float]:
        """Return the tokens in the usage of all responses, by direction."""
        bodies = [one.json() for one in self.responses if one.headers["Content-Type"] == "application/json"]
        usages = [body["usage"] for body in bodies if "choices" in body]
        usages += [usage for stream in self._streams() for usage in stream.usages]
        names = {"input": "prompt_tokens", "output": "completion_tokens"}
        return {direction: sum(usage[name] for usage in usages) for direction, name in names.items()}

    def _streams(self) -> list[ParsedStream]:
        streamed = "text/event-stream"
        return [parse_stream(one.content) for one in self.responses if one.headers["Content-Type"].startswith(streamed)]
