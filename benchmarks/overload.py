"""Let 500 clients call an upstream that hangs; measure rejections and /health.

    python benchmarks/overload.py [seconds]

One worker; the upstream accepts connections and never responds. The clients start within a second and obey Retry-After.
The script prints the statuses, the times of rejections (503) and of /health (20 requests a second), and the worker's
memory.
"""

from gevent import monkey

monkey.patch_all()

import json
import math
import statistics
import sys
import time
from collections import Counter
from http.client import HTTPConnection
from pathlib import Path

import gevent
import psutil
from gevent.server import StreamServer

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.servers import Service

CLIENTS = 500
RAMP_SECONDS = 1.0
BUDGET = "5s"
BODY = json.dumps({"prompt": "What is a lighthouse?"})


class Load:
    """The clients, and the responses that they received."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.statuses: Counter[str] = Counter()
        self.rejections: list[float] = []
        self.health: list[float] = []
        self.without_retry_after = 0

    def call(self, delay: float) -> None:
        gevent.sleep(delay)
        connection = HTTPConnection("127.0.0.1", self.service.port, timeout=60)
        while True:
            status, headers, body, seconds = send(connection, "POST", "/v1/text/generate", BODY)
            self.statuses[f"{status} {json.loads(body).get('type', '')}"] += 1
            if status == 503:
                self.rejections.append(seconds)
                self.without_retry_after += "Retry-After" not in headers
                gevent.sleep(float(headers.get("Retry-After", 1)))

    def watch_health(self) -> None:
        connection = HTTPConnection("127.0.0.1", self.service.port, timeout=60)
        while True:
            self.health.append(send(connection, "GET", "/health")[3])
            gevent.sleep(0.05)


def send(connection: HTTPConnection, method: str, path: str, body: str | None = None):
    started = time.perf_counter()
    connection.request(method, path, body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    data = response.read()
    return response.status, response.headers, data, time.perf_counter() - started


def p99(seconds: list[float]) -> float:
    return sorted(seconds)[math.ceil(0.99 * len(seconds)) - 1]


def times(name: str, seconds: list[float]) -> str:
    return (
        f"{name}: {len(seconds)} responses, median {statistics.median(seconds) * 1000:.1f} ms, "
        f"p99 {p99(seconds) * 1000:.1f} ms, longest {max(seconds) * 1000:.1f} ms"
    )


def main(seconds: float) -> int:
    upstream = StreamServer(("127.0.0.1", 0), lambda connection, _: gevent.sleep(3600))
    upstream.start()
    service = Service(OPENAI_BASE_URL=f"http://127.0.0.1:{upstream.server_port}/v1", HUGGINGFACE_TIMEOUT=BUDGET)
    try:
        service.wait_for_line("Ready on")
        service.get("/health")
        load = Load(service)
        memory = run(load, seconds)
    finally:
        service.stop()
    print(dict(load.statuses), f"503 without Retry-After: {load.without_retry_after}")
    print(times("rejections", load.rejections))
    print(times("/health", load.health))
    print("memory, MiB:", memory)
    errors = find_errors(load, memory)
    print("\n".join(errors) or "all checks passed")
    return 1 if errors else 0


def run(load: Load, seconds: float) -> list[float]:
    """Run the load; return the worker's memory before it, three times during it, and after it, in MiB."""
    [worker] = psutil.Process(load.service.process.pid).children()
    memory = [worker.memory_info().rss]
    running = [gevent.spawn(load.call, RAMP_SECONDS * n / CLIENTS) for n in range(CLIENTS)]
    running.append(gevent.spawn(load.watch_health))
    for _ in range(3):
        gevent.sleep(seconds / 3)
        memory.append(worker.memory_info().rss)
    gevent.killall(running)
    gevent.sleep(8)  # for requests in flight
    memory.append(worker.memory_info().rss)
    return [round(size / 1024**2, 1) for size in memory]


def find_errors(load: Load, memory: list[float]) -> list[str]:
    checks = {
        "/health p99 is not under 100 ms": p99(load.health) < 0.1,
        "rejections' p99 is not under 500 ms": p99(load.rejections) < 0.5,
        "there were other statuses than 503 and 504": {status[:3] for status in load.statuses} <= {"503", "504"},
        "a 503 had no Retry-After": not load.without_retry_after,
        "memory grew after the first third": memory[-1] <= 1.05 * memory[1],
    }
    return [error for error, passed in checks.items() if not passed]


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 30.0))
