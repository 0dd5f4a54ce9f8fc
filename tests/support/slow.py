"""Callers that are slow on purpose, and an upstream whose answers they do not read."""

import json
import socket
import time
from collections import Counter
from itertools import cycle, islice

from support.attacks import GENERATE, HEAD
from support.servers import Service, chat_answer, reply

MUCH = {"prompt": "much"}
MUCH_BYTES = 200_000
_ASKED = json.dumps(MUCH).encode()
KINDS = {
    "half a head": GENERATE + b"Host: x\r\nContent-Ty",
    "half a body": HEAD + b'Content-Length: 500\r\n\r\n{"prompt": "',
    "answer not read": HEAD + b"Content-Length: %d\r\n\r\n%s" % (len(_ASKED), _ASKED),
}


class SlowCallers:
    """`count` connections, of all kinds in turn, opened `rate` a second; each says its part, and no more."""

    def __init__(self, port: int, count: int, rate: float) -> None:
        self.kinds: dict[int, str] = {}
        self._connections = []
        began = time.monotonic()
        for number, kind in enumerate(islice(cycle(KINDS), count)):
            time.sleep(max(0, began + number / rate - time.monotonic()))  # attackers come one after the other
            self._call(port, kind)

    def _call(self, port: int, kind: str) -> None:
        connection = socket.socket()
        # as over a network, and unlike on the loopback interface, whose large segments make the kernels take much
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", port))
        connection.sendall(KINDS[kind])
        self.kinds[connection.getsockname()[1]] = kind
        self._connections.append(connection)

    def close(self) -> None:
        for connection in self._connections:
            connection.close()


def answer(handler) -> None:
    """Answer much where much was asked for, else little."""
    asked = handler.asked["messages"][-1]["content"]
    reply(handler, chat_answer("x" * MUCH_BYTES if asked == MUCH["prompt"] else "Hi."))


def held(service: Service, kinds: dict[int, str]) -> Counter[str]:
    """Return how many connections of each kind the service still holds."""
    worker = service.processes()[1]
    ours = [one for one in worker.net_connections("tcp") if one.laddr.port == service.port and one.raddr]
    return Counter(kinds[one.raddr.port] for one in ours if one.raddr.port in kinds and one.status == "ESTABLISHED")
