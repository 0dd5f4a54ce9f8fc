"""Clients that are slow on purpose, and an upstream whose responses they do not read."""

import json
import socket
import time
from collections import Counter
from itertools import cycle, islice

from support.attacks import GENERATE, HEAD
from support.servers import Service, chat_response, reply

LARGE = {"prompt": "large"}
LARGE_BYTES = 200_000
_REQUEST = json.dumps(LARGE).encode()
KINDS = {
    "half a head": GENERATE + b"Host: x\r\nContent-Ty",
    "half a body": HEAD + b'Content-Length: 500\r\n\r\n{"prompt": "',
    "response not read": HEAD + b"Content-Length: %d\r\n\r\n%s" % (len(_REQUEST), _REQUEST),
}


class SlowClients:
    """`count` connections, of all kinds in turn, opened `rate` a second; each sends its part and then waits."""

    def __init__(self, port: int, count: int, rate: float) -> None:
        self.kinds: dict[int, str] = {}
        self._connections = []
        started = time.monotonic()
        for number, kind in enumerate(islice(cycle(KINDS), count)):
            time.sleep(max(0, started + number / rate - time.monotonic()))  # at a steady rate
            self._open(port, kind)

    def _open(self, port: int, kind: str) -> None:
        connection = socket.socket()
        # like a network, and unlike the loopback interface, whose large segments fill large buffers
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", port))
        connection.sendall(KINDS[kind])
        self.kinds[connection.getsockname()[1]] = kind
        self._connections.append(connection)

    def close(self) -> None:
        for connection in self._connections:
            connection.close()


def respond(handler) -> None:
    """Reply with a large text to the large prompt, else with a small one."""
    prompt = handler.asked["messages"][-1]["content"]
    reply(handler, chat_response("x" * LARGE_BYTES if prompt == LARGE["prompt"] else "Hi."))


def held(service: Service, kinds: dict[int, str]) -> Counter[str]:
    """Return the number of connections of each kind that the service still has open."""
    worker = service.processes()[1]
    ours = [one for one in worker.net_connections("tcp") if one.laddr.port == service.port and one.raddr]
    return Counter(kinds[one.raddr.port] for one in ours if one.raddr.port in kinds and one.status == "ESTABLISHED")
