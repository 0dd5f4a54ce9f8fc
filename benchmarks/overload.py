"""500 callers, ramped up in a second, against an upstream that hangs; they obey Retry-After.

    python benchmarks/overload.py [seconds]

One worker; the upstream accepts on real sockets and never answers. Printed are the statuses, the times of refusals
(503) and of /health, asked twenty times a second, and the worker's memory.
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

CALLERS = 500
RAMP_SECONDS = 1.0
BUDGET = "5s"
BODY = json.dumps({"prompt": "What is a lighthouse?"})


class Load:
    """What callers saw."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.statuses: Counter[str] = Counter()
        self.refusals: list[float] = []
        self.health: list[float] = []
        self.untold = 0

    def call(self, delay: float) -> None:
        gevent.sleep(delay)
        connection = HTTPConnection("127.0.0.1", self.service.port, timeout=60)
        while True:
            status, headers, body, seconds = ask(connection, "POST", "/v1/text/generate", BODY)
            self.statuses[f"{status} {json.loads(body).get('type', '')}"] += 1
            if status == 503:
                self.refusals.append(seconds)
                self.untold += "Retry-After" not in headers
                gevent.sleep(float(headers.get("Retry-After", 1)))

    def watch_health(self) -> None:
        connection = HTTPConnection("127.0.0.1", self.service.port, timeout=60)
        while True:
            self.health.append(ask(connection, "GET", "/health")[3])
            gevent.sleep(0.05)


def ask(connection: HTTPConnection, method: str, path: str, body: str | None = None):
    started = time.perf_counter()
    connection.request(method, path, body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    data = answer.read()
    return answer.status, answer.headers, data, time.perf_counter() - started


def times(name: str, seconds: list[float]) -> str:
    ordered = sorted(seconds)
    p99 = ordered[math.ceil(0.99 * len(ordered)) - 1]
    return (
        f"{name}: {len(ordered)} answers, median {statistics.median(ordered) * 1000:.1f} ms, "
        f"p99 {p99 * 1000:.1f} ms, longest {ordered[-1] * 1000:.1f} ms"
    )


def main(seconds: float) -> None:
    upstream = StreamServer(("127.0.0.1", 0), lambda connection, _: gevent.sleep(3600))
    upstream.start()
    service = Service(OPENAI_BASE_URL=f"http://127.0.0.1:{upstream.server_port}/v1", HUGGINGFACE_TIMEOUT=BUDGET)
    service.wait_for_line("Ready on")
    service.get("/health")
    load = Load(service)
    [worker] = psutil.Process(service.process.pid).children()
    memory = [worker.memory_info().rss]
    running = [gevent.spawn(load.call, RAMP_SECONDS * n / CALLERS) for n in range(CALLERS)]
    running.append(gevent.spawn(load.watch_health))
    for _ in range(3):
        gevent.sleep(seconds / 3)
        memory.append(worker.memory_info().rss)
    gevent.killall(running)
    gevent.sleep(8)  # for answers under way
    memory.append(worker.memory_info().rss)
    print(dict(load.statuses), f"503 without Retry-After: {load.untold}")
    print(times("refusals", load.refusals))
    print(times("/health", load.health))
    print("memory, MiB:", [round(size / 1024**2, 1) for size in memory])
    service.stop()


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 30.0)
