"""Sends mutated requests through a proxy, and finds the signs that proxy and service disagree about their frames."""

import re
import socket
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from support.framing_proxies import FramingProxy
from support.servers import Service, until

CLIENTS = 8
WAIT_SECONDS = 0.25  # of a client whose request is incomplete
LONG_SECONDS = 10.0
NORMAL = b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
_IDS = re.compile(rb"(?im)^(X-Request-ID|X-Proxy-ID): (\S+)\r$")
_HEADS = re.compile(rb"HTTP/1\.[01] \d{3} .*?\r\n\r\n", re.DOTALL)


def exchange(port: int, data: bytes, seconds: float) -> bytes:
    """Send bytes on a connection of their own; return what comes back within a time."""
    received = b""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        connection.sendall(data)
        while part := connection.recv(65536):
            received += part
    return received


def responses_of_others(received: bytes) -> list[bytes]:
    """Return the heads of responses that the service has given to another request than the proxy has.

    The service gives a request that it rejects an id of its own; such a request has not reached the app.
    """
    wrong = []
    for head in _HEADS.findall(received):
        ids = {name.lower(): value for name, value in _IDS.findall(head)}
        served = ids.get(b"x-request-id", b"")
        if served.startswith((b"proxy-", b"smuggled")) and served != ids.get(b"x-proxy-id"):
            wrong.append(head)
    return wrong


def attack(proxy: FramingProxy, cases: Iterable[bytes]) -> list[str]:
    """Send each case and a normal request after it; return what was wrong."""

    def one(data: bytes) -> list[str]:
        received = exchange(proxy.port, data, WAIT_SECONDS)
        normal = exchange(proxy.port, NORMAL, LONG_SECONDS)
        found = [
            f"{data!r}: a response of another request: {head!r}" for head in responses_of_others(received + normal)
        ]
        if not normal.startswith(b"HTTP/1.1 200 "):
            found.append(f"{data!r}: the next client got {normal[:200]!r}")
        return found

    with ThreadPoolExecutor(CLIENTS) as pool:
        return [text for found in pool.map(one, cases) for text in found]


def unsent_requests(service: Service, proxy: FramingProxy) -> list[str]:
    """Return the requests that the service has seen and the proxy has not sent, or that it has seen twice."""
    last = b"X-Request-ID: " + b"\r\n"  # a last request, so that all lines before it are printed
    assert exchange(proxy.port, NORMAL.replace(b"\r\n\r\n", b"\r\n" + last + b"\r\n"), LONG_SECONDS)
    count = len(service.lines)
    until(lambda: len(service.lines) >= count)
    lines = [line for line in service.logged() if line["logger"] == "app.access" and "route" in line]
    times = Counter(line["request_id"] for line in lines)
    return [
        f"{line['method']} {line['route']} {line['status']}: {line['request_id']}"
        for line in lines
        if times[line["request_id"]] > 1 or not line["request_id"].startswith("proxy-")
    ]
