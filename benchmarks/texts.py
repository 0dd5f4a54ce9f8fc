"""Send 10,000 reviews in calls of 1,000 to the embedded engine; measure rate, memory, and single calls meanwhile.

    python benchmarks/texts.py [--operation sentiment|embeddings] [--texts N] [--cores N]

One worker, its engine and its encoder share the given number of cores (default: two). No text is sent twice. The script
prints texts a second and a CPU second, memory of each process after each call, and the latency of single calls without
and with the large calls. It fails below MIN_RATES, if memory grows by more than MAX_GROWTH after the first call, or if
the median or the 99th percentile of single calls is more than MAX_SLOWDOWNS of that without.
"""

import argparse
import csv
import os
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import count
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import psutil
import requests

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from support.servers import Service, until

DATA = ROOT / "tests" / "data" / "sentiment-dev.tsv"
MIN_RATES = {"sentiment": 90.0, "embeddings": 200.0}
MAX_GROWTH = 1.1
# a large call runs in batches, and a single one waits for a batch: that of vectors takes 20 ms
MAX_SLOWDOWNS = {"sentiment": 1.5, "embeddings": 3.0}
IN_A_CALL = 1000
SINGLE_CALLS = 200
# a client that waits between its calls, so that it measures latency and not load
PAUSE_SECONDS = 0.05
TIMEOUT_SECONDS = 600


def reviews() -> Iterator[str]:
    """Yield reviews for ever, each one different: a rated text, which is one sentence or two, behind its number."""
    with DATA.open(encoding="utf-8") as file:
        next(file)  # the source
        texts = [row["text"] for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]
    for number in count():
        yield f"review {number}: {texts[number % len(texts)]}"


def request(operation: str, texts: list[str]) -> tuple[str, dict[str, Any]]:
    """Return route and body of a request with one text or several."""
    if operation == "embeddings":
        return "/v1/embeddings", {"input": texts}
    return f"/v1/text/{operation}", {"texts": texts} if len(texts) > 1 else {"text": texts[0]}


class Load:
    """Requests to a service, made of reviews."""

    def __init__(self, service: Service, operation: str) -> None:
        self._url = service.url
        self._operation = operation
        self._reviews = reviews()
        self._lock = threading.Lock()
        self._process = ProcessPoolExecutor(1, mp_context=get_context("spawn"))

    def call(self, texts: int) -> float:
        """Make one request and return its seconds; raise if a text has no result."""
        with self._lock:
            chosen = [next(self._reviews) for _ in range(texts)]
        route, body = request(self._operation, chosen)
        if texts == 1:
            return timed(self._url + route, body, 1)
        # reading 1,000 vectors would hold up the client of single calls in this process
        return self._process.submit(timed, self._url + route, body, texts).result()

    def singles(self, more: Callable[[int], bool]) -> list[float]:
        """Make single calls with pauses while `more` returns true for their number; return their milliseconds."""
        found: list[float] = []
        while more(len(found)):
            found.append(1000 * self.call(1))
            time.sleep(PAUSE_SECONDS)
        return found


def timed(url: str, body: dict[str, Any], texts: int) -> float:
    """Make one request and return its seconds; raise if a text has no result."""
    started = time.perf_counter()
    response = requests.post(url, json=body, timeout=TIMEOUT_SECONDS)
    seconds = time.perf_counter() - started
    response.raise_for_status()
    content = response.json()
    assert texts == 1 or len(content.get("data") or content["results"]) == texts, content.get("errors")
    return seconds


def quantiles(milliseconds: list[float]) -> tuple[float, float]:
    """Return the median and the 99th percentile."""
    return statistics.median(milliseconds), statistics.quantiles(milliseconds, n=100)[98]


def name_of(process: psutil.Process) -> str:
    """Return the module of a process of the engine; `worker` stands for gunicorn's two processes."""
    return next((part for part in process.cmdline() if part.startswith("app.embedded")), "worker")


def memory(service: Service) -> dict[str, float]:
    """Return the resident MiB of the worker and of the processes of the engine."""
    found: dict[str, float] = {}
    for process in service.processes():
        found[name_of(process)] = max(found.get(name_of(process), 0.0), process.memory_info().rss / 2**20)
    return found


def cpu_seconds(service: Service) -> dict[str, float]:
    """Return the processor time so far of the worker and of the processes of the engine."""
    found: dict[str, float] = {}
    for process in service.processes():
        times = process.cpu_times()
        found[name_of(process)] = found.get(name_of(process), 0.0) + times.user + times.system
    return found


def measure(service: Service, operation: str, texts: int) -> bool:
    """Print the figures; return whether they are within the limits."""
    load = Load(service, operation)
    load.call(IN_A_CALL)  # loads the model
    alone = quantiles(load.singles(lambda made: made < SINGLE_CALLS))
    print(f"single calls alone: median {alone[0]:.1f} ms, 99th percentile {alone[1]:.1f} ms")
    ended = threading.Event()
    beside: list[float] = []
    clients = threading.Thread(target=lambda: beside.extend(load.singles(lambda _: not ended.is_set())))
    clients.start()
    seconds, memories, used = 0.0, [], cpu_seconds(service)
    try:
        for _ in range(texts // IN_A_CALL):
            seconds += load.call(IN_A_CALL)
            memories.append(memory(service))
            print(f"  {seconds:6.1f} s", {name: round(size) for name, size in memories[-1].items()}, flush=True)
        spent = {name: seconds - used[name] for name, seconds in cpu_seconds(service).items()}
    finally:
        ended.set()
        clients.join()
    busy = quantiles(beside)
    rate, handled = texts / seconds, texts + len(beside)
    growth = max(memories[-1][name] / size for name, size in memories[0].items())
    slowdown = max(with_load / without for with_load, without in zip(busy, alone, strict=True))
    print(f"single calls meanwhile: median {busy[0]:.1f} ms, 99th percentile {busy[1]:.1f} ms ({len(beside)} calls)")
    print(f"{operation}: {rate:.0f} texts a second, {handled / sum(spent.values()):.0f} a CPU second")
    print("CPU milliseconds a text:", {name: round(1000 * cost / handled, 2) for name, cost in spent.items()})
    print(f"memory {growth:.2f} and single calls {slowdown:.2f} of before")
    return rate >= MIN_RATES[operation] and growth <= MAX_GROWTH and slowdown <= MAX_SLOWDOWNS[operation]


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--operation", choices=MIN_RATES, action="append")
    parser.add_argument("--texts", type=int, default=10_000)
    parser.add_argument("--cores", type=int, default=2)
    given = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[: given.cores])
    service = Service(AI_BACKEND="embedded", HUGGINGFACE_TIMEOUT="10m", LOG_LEVEL="warning")
    os.sched_setaffinity(0, cores[given.cores :] or cores)
    try:
        until(service.is_ready, seconds=120)
        passed = [measure(service, operation, given.texts) for operation in given.operation or MIN_RATES]
        return 0 if all(passed) else 1
    finally:
        service.stop()


if __name__ == "__main__":
    sys.exit(main())
