"""An HTTP/1.1 server on raw sockets: the base of the upstreams that send scripted bytes or announced responses.

`support.servers.Upstream` is not based on it: its tests write responses with the handler of `http.server`, which sends
heads and takes requests apart for them.
"""

import socket
import ssl
import struct
import threading
from dataclasses import dataclass
from itertools import chain, repeat
from pathlib import Path

TLS = Path(__file__).parents[1] / "data/tls"


@dataclass
class Exchange:
    """One request that has arrived, and the connection to respond on.

    `closing` is set when the upstream is closed.
    """

    connection: socket.socket
    closing: threading.Event
    head: bytes
    body: bytes

    def send(self, *parts: bytes) -> None:
        for part in parts:
            self.connection.sendall(part)

    def drip(self, data: bytes, seconds: float = 0.1) -> None:
        """Send one byte at a time until the service closes the connection."""
        for byte in chain(data, repeat(ord("x"))):
            self.connection.sendall(bytes([byte]))
            if self.closing.wait(seconds):
                return

    def hang(self) -> None:
        """Send nothing until the service closes the connection."""
        while self.connection.recv(65536):
            pass

    def finish(self) -> None:
        """Close the connection in an orderly way."""
        self.connection.shutdown(socket.SHUT_RDWR)

    def reset(self) -> None:
        """Close the connection with a reset."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


class SocketUpstream:
    """Accepts connections, each in a thread of its own, and passes each request to `respond`."""

    def __init__(self, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        self.accepted = 0
        self.open: set[socket.socket] = set()
        self._tls = tls
        self._closing = threading.Event()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family, backlog=1024)
        self.port = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def respond(self, exchange: Exchange) -> None:
        raise NotImplementedError

    def close(self) -> None:
        self._closing.set()
        self._listener.shutdown(socket.SHUT_RDWR)  # a close would not end the wait in accept
        self._listener.close()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:  # closed
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.accepted += 1
            threading.Thread(target=self._serve, args=(connection, self.accepted), daemon=True).start()

    def _serve(self, accepted: socket.socket, number: int) -> None:
        connection = accepted
        self.open.add(accepted)
        try:
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
            self.serve(connection, number)
        except OSError:
            pass  # the service or `respond` closed the connection
        finally:
            connection.close()
            self.open.discard(accepted)

    def serve(self, connection: socket.socket, _number: int) -> None:
        """Respond to each request of the connection with this number, from 1."""
        while exchange := self.next_exchange(connection):
            self.respond(exchange)

    def next_exchange(self, connection: socket.socket) -> Exchange | None:
        """Return the next request, once its body has arrived; None if the service closed the connection."""
        data = b""
        while b"\r\n\r\n" not in data:
            received = connection.recv(65536)
            if not received:
                return None
            data += received
        head, _, body = data.partition(b"\r\n\r\n")
        lengths = [line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        length = int(lengths[0]) if lengths else 0
        while len(body) < length:
            body += connection.recv(65536)
        return Exchange(connection, self._closing, head, body)


def server_tls(certificate: str = "certificate.pem", key: str = "key.pem") -> ssl.SSLContext:
    """The TLS settings of a server with a certificate of the folder tests/data/tls."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / certificate, TLS / key)
    return context
