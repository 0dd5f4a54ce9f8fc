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


def p99(seconds: list[float]) -> float:
    return sorted(seconds)[math.ceil(0.99 * len(seconds)) - 1]


def times(name: str, seconds: list[float]) -> str:
    return (
        f"{name}: {len(seconds)} answers, median {statistics.median(seconds) * 1000:.1f} ms, "
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
    print(dict(load.statuses), f"503 without Retry-After: {load.untold}")
    print(times("refusals", load.refusals))
    print(times("/health", load.health))
    print("memory, MiB:", memory)
    found = faults(load, memory)
    print("\n".join(found) or "all promises held")
    return 1 if found else 0


def run(load: Load, seconds: float) -> list[float]:
    """Let the callers call; return the worker's memory before, three times during, and after it, in MiB."""
    [worker] = psutil.Process(load.service.process.pid).children()
    memory = [worker.memory_info().rss]
    running = [gevent.spawn(load.call, RAMP_SECONDS * n / CALLERS) for n in range(CALLERS)]
    running.append(gevent.spawn(load.watch_health))
    for _ in range(3):
        gevent.sleep(seconds / 3)
        memory.append(worker.memory_info().rss)
    gevent.killall(running)
    gevent.sleep(8)  # for answers under way
    memory.append(worker.memory_info().rss)
    return [round(size / 1024**2, 1) for size in memory]


def faults(load: Load, memory: list[float]) -> list[str]:
    held = {
        "/health p99 is not under 100 ms": p99(load.health) < 0.1,
        "refusals' p99 is not under 500 ms": p99(load.refusals) < 0.5,
        "there were other statuses than 503 and 504": {status[:3] for status in load.statuses} <= {"503", "504"},
        "a 503 had no Retry-After": not load.untold,
        "memory grew after the first third": memory[-1] <= 1.05 * memory[1],
    }
    return [fault for fault, holds in held.items() if not holds]


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 30.0))
