"""Measure the memory of the service without an engine: at rest, and with 200 requests in flight.

    python benchmarks/memory.py [requests]

One worker, in front of an upstream that reads every request and never responds. The requests are nearly as long as the
settings allow. The script prints the proportional set size of arbiter and worker, including their files in /dev/shm. It
fails above 128 MiB, the limit of the Kubernetes manifests.
"""

from gevent import monkey

monkey.patch_all()

import json
import signal
import socket
import sys
from pathlib import Path

import gevent
from gevent.lock import Semaphore
from gevent.server import StreamServer

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.servers import Service, until

MAX_MEBIBYTES = 128
TIMEOUT_SECONDS = 60
END = b"That is all."
BODY = json.dumps({"prompt": "word " * 3990 + END.decode()}).encode()
REQUEST = (
    b"POST /v1/text/generate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
)


def bytes_in_shm(pid: int) -> int:
    """Return the bytes of the open files of a process in /dev/shm, including deleted files."""
    links = Path(f"/proc/{pid}/fd").iterdir()
    return sum(link.stat().st_blocks * 512 for link in links if str(link.readlink()).startswith("/dev/shm/"))


def mebibytes(service: Service) -> float:
    """Print and return the memory of the processes of a service."""
    arbiter, worker = ((one.memory_full_info().pss + bytes_in_shm(one.pid)) / 2**20 for one in service.processes())
    print(f"arbiter {arbiter:.1f} MiB, worker {worker:.1f} MiB, together {arbiter + worker:.1f} MiB")
    return arbiter + worker


def main(requests: int) -> int:
    arrived = Semaphore(0)

    def hold(connection: socket.socket, _: object) -> None:
        received = b""
        while END not in received:
            received += connection.recv(65536)
        arrived.release()
        gevent.sleep(3600)

    upstream = StreamServer(("127.0.0.1", 0), hold, backlog=1024)
    upstream.start()
    url = f"http://127.0.0.1:{upstream.server_port}/v1"
    service = Service(OPENAI_BASE_URL=url, HUGGINGFACE_TIMEOUT="5m", LOG_LEVEL="warning")
    try:
        until(service.is_ready)
        print("at rest:", end=" ")
        measured = [mebibytes(service)]
        clients = [socket.create_connection(("127.0.0.1", service.port)) for _ in range(requests)]
        for client in clients:
            client.sendall(REQUEST % (len(BODY), BODY))
        with gevent.Timeout(TIMEOUT_SECONDS):
            for _ in clients:
                arrived.acquire()
        print(f"{requests} in flight:", end=" ")
        measured.append(mebibytes(service))
    finally:
        service.stop(signal.SIGINT)  # SIGINT waits for no request
    return 1 if max(measured) > MAX_MEBIBYTES else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 200))
