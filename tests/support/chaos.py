"""An upstream on raw sockets that misbehaves as a test wants, request by request."""

import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from itertools import chain, repeat
from pathlib import Path

from support.servers import chat_answer

TLS = Path(__file__).parents[1] / "data/tls"
GOOD = json.dumps(chat_answer("Hi.")).encode()


class Exchange:
    """One request that has arrived, and the connection on which to answer it, or not."""

    def __init__(self, connection: socket.socket, gone: threading.Event) -> None:
        self.connection = connection
        self.gone = gone

    def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.connection.sendall(piece)

    def drip(self, data: bytes, seconds: float = 0.1) -> None:
        """Send one byte at a time until the service hangs up."""
        for byte in chain(data, repeat(ord("x"))):
            self.connection.sendall(bytes([byte]))
            if self.gone.wait(seconds):
                return

    def hang(self) -> None:
        """Say nothing more until the service hangs up."""
        while self.connection.recv(65536):
            pass

    def finish(self) -> None:
        """Close in an orderly way."""
        self.connection.shutdown(socket.SHUT_RDWR)

    def reset(self) -> None:
        """Close with a reset in place of an orderly end."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


Act = Callable[[Exchange], None]


def answer(body: bytes = GOOD, status: str = "200 OK", **headers: str) -> bytes:
    """A whole answer; a header given as a keyword replaces the one that would be sent."""
    given = {"Content_Type": "application/json", "Content_Length": str(len(body)), **headers}
    lines = [f"HTTP/1.1 {status}", *(f"{name.replace('_', '-')}: {value}" for name, value in given.items() if value)]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def says(*arguments: bytes | str, **headers: str) -> Act:
    """An act: send this answer."""
    data = answer(*arguments, **headers)
    return lambda exchange: exchange.send(data)


def good(exchange: Exchange) -> None:
    exchange.send(answer())


class ChaosUpstream:
    """Plays one act for each request, then `good` ones; over TLS where it is given a context."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.calls = 0
        self.accepted = 0
        self.open: set[socket.socket] = set()
        self._acts: list[Act] = []
        self._gone = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def play(self, acts: Iterable[Act]) -> None:
        self._acts = list(acts)
        self.calls = 0

    def next_act(self, head: bytes) -> Act:
        return self._acts.pop(0) if self._acts else good

    def close(self) -> None:
        self._gone.set()
        self._listener.shutdown(socket.SHUT_RDWR)  # what waits in accept is not woken by a close
        self._listener.close()

    def _accept(self) -> None:
        while not self._gone.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:  # closed
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.accepted += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, accepted: socket.socket) -> None:
        connection = accepted
        self.open.add(accepted)
        try:
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
            while head := self._read_request(connection):
                self.calls += 1
                self.next_act(head)(Exchange(connection, self._gone))
        except OSError:
            pass  # the service hung up, or the act did
        finally:
            connection.close()
            self.open.discard(accepted)

    def _read_request(self, connection: socket.socket) -> bytes:
        """Return the head of the next request, once its body has come too; nothing where there is none."""
        data = b""
        while b"\r\n\r\n" not in data:
            piece = connection.recv(65536)
            if not piece:
                return b""
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        lengths = [line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        length = int(lengths[0]) if lengths else 0
        while len(body) < length:
            body += connection.recv(65536)
        return head


@contextmanager
def tls_of_another_host() -> Iterator[ChaosUpstream]:
    """A server that can show the certificate of another host only."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "certificate.pem", TLS / "key.pem")
    with closing(ChaosUpstream(context)) as upstream:
        yield upstream
