"""An upstream that plays the fault table, and copies the key of a request into its response wherever it can."""

import re

from support.canaries import PROMPT
from support.chaos import Act, ChaosUpstream, Exchange, good
from support.faults import FAULTS


class Echo(Exchange):
    """Copies the key of the request into the response wherever it can."""

    def __init__(self, exchange: Exchange, key: bytes) -> None:
        super().__init__(exchange.connection, exchange.closing, exchange.head, exchange.body)
        self.key = key

    def send(self, *parts: bytes) -> None:
        super().send(*map(self._with_key, parts))

    def _with_key(self, part: bytes) -> bytes:
        head, end, body = part.partition(b"\r\n\r\n")
        if end and re.match(rb"HTTP/1.1 [45]", head):
            estimate = b', "estimated_time": 20.0' if b"estimated" in body else b""
            body = b'{"error": "no: %s, %s"%s}' % (self.key, PROMPT.encode(), estimate)
            head = re.sub(rb"(?<=Content-Length: )\d+", str(len(body)).encode(), head)
        if part.startswith(b"HTTP/1.1 "):
            head = head.replace(b"\r\n", b"\r\nX-Echo: %s\r\n" % self.key, 1)
        return head + end + body


def sends(response: bytes) -> Act:
    """An act that sends the response, with the key instead of KEY, and closes the connection."""

    def act(exchange: Echo) -> None:
        exchange.connection.sendall(response.replace(b"KEY", exchange.key))
        exchange.finish()

    return act


_OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
ECHOES = (
    b"KEY\r\n",
    b"HTTP/1.1 KEY\r\n\r\n",
    b"HTTP/1.1 401 KEY\r\nKEY no colon\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 503 no\r\nRetry-After: KEY\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 302 no\r\nLocation: http://KEY/\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 400 no\r\nContent-Type: text/plain; charset=KEY\r\n\r\nKEY",
    _OK + b"Content-Encoding: KEY\r\n\r\nKEY",
    _OK + b"Content-Length: KEY\r\n\r\n{}",
    _OK + b"Transfer-Encoding: chunked\r\n\r\nKEY\r\n",
    _OK + b'\r\n{"error": {"message": "KEY", "code": 400}}',
    _OK + b'\r\n{"model": "KEY", "choices": "KEY"}',
    _EVENTS + b'\r\ndata: {"error": {"message": "KEY", "code": 400}}\n\n',
    _EVENTS + b"\r\ndata: KEY\n\n",
    _EVENTS + b"Transfer-Encoding: chunked\r\n\r\nKEY\r\n",
)
ACTS = {
    **{f"fault-{number}": fault.acts for number, fault in enumerate(FAULTS)},
    **{f"stream-{number}": fault.acts for number, fault in enumerate(FAULTS) if fault.at_once},
    **{f"echo-{number}": (sends(echo),) * 2 for number, echo in enumerate(ECHOES)},
    **{f"stream-echo-{number}": (sends(echo),) * 2 for number, echo in enumerate(ECHOES)},
}


class EchoingUpstream(ChaosUpstream):
    """Plays the acts that the request ID names, or a good one."""

    def __init__(self) -> None:
        super().__init__()
        self.played: list[str] = []
        self.keys: set[str] = set()

    def next_act(self, head: bytes) -> Act:
        found = dict(re.findall(rb"(?im)^(x-request-id|authorization): (.*?)\r?$", head))
        headers = {name.lower().decode(): value for name, value in found.items()}
        key, name = headers["authorization"], headers["x-request-id"].decode()
        acts = ACTS.get(name, (good,))
        self.played.append(name)
        self.keys.add(key.decode())
        return lambda exchange: acts[(self.played.count(name) - 1) % len(acts)](Echo(exchange, key))
