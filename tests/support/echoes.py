"""An upstream that plays the fault table, and repeats the key that it got wherever an answer has room for it."""

import re

from support.canaries import PROMPT
from support.chaos import Act, ChaosUpstream, Exchange, good
from support.faults import FAULTS


class Echo(Exchange):
    """Repeats the key that it got wherever an answer has room for it."""

    def __init__(self, exchange: Exchange, key: bytes) -> None:
        super().__init__(exchange.connection, exchange.gone)
        self.key = key

    def send(self, *pieces: bytes) -> None:
        super().send(*map(self._echoed, pieces))

    def _echoed(self, piece: bytes) -> bytes:
        head, end, body = piece.partition(b"\r\n\r\n")
        if end and re.match(rb"HTTP/1.1 [45]", head):
            estimate = b', "estimated_time": 20.0' if b"estimated" in body else b""
            body = b'{"error": "no: %s, %s"%s}' % (self.key, PROMPT.encode(), estimate)
            head = re.sub(rb"(?<=Content-Length: )\d+", str(len(body)).encode(), head)
        if piece.startswith(b"HTTP/1.1 "):
            head = head.replace(b"\r\n", b"\r\nX-Echo: %s\r\n" % self.key, 1)
        return head + end + body


def tells(answer: bytes) -> Act:
    """An act: send the answer, in which KEY stands for the key, and close."""

    def act(exchange: Echo) -> None:
        exchange.connection.sendall(answer.replace(b"KEY", exchange.key))
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
    **{f"echo-{number}": (tells(echo),) * 2 for number, echo in enumerate(ECHOES)},
    **{f"stream-echo-{number}": (tells(echo),) * 2 for number, echo in enumerate(ECHOES)},
}


class EchoingUpstream(ChaosUpstream):
    """Plays the acts that the request's id names, and well where it names none."""

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
