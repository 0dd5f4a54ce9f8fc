"""Let 2,000 slow clients fill the 2,000 connection slots of one worker; measure a normal client.

    python benchmarks/slow_clients.py [clients]

A third sends half a head, a third half a body, a third requests a large response and does not read it. They connect at
250 a second. Slow clients and upstream run in separate processes. The script prints the latencies of the normal client
with and without slow clients, each request on a new connection, and when the last of each kind was closed.
"""

import multiprocessing
import statistics
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.servers import Service, Upstream
from support.slow import SlowClients, held, respond

CLIENTS = 2000
RATE = 250.0
CALLS_ALONE = 500
LIMIT_SECONDS = 10.0
# timer, lingering close, and the growing probe intervals of the kernel
LATE_SECONDS = 5.0
MAX_DELAY = 0.1
PAUSE = 0.02


def serve(queue) -> None:
    upstream = Upstream()
    upstream.respond = respond
    queue.put(upstream.url)
    time.sleep(3600)  # the parent terminates this process


def be_slow(port: int, clients: int, queue) -> None:
    slow = SlowClients(port, clients, RATE)
    queue.put(slow.kinds)
    time.sleep(3600)  # the parent terminates this process


class NormalClient:
    """A normal client: returns latencies, and counts failed requests in `failed`."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.failed: Counter[str] = Counter()

    def call(self) -> float:
        started = time.perf_counter()
        try:
            status = self.service.post("/v1/text/generate", prompt="What is a lighthouse?").status_code
            self.failed.update([str(status)] * (status != 200))
        except OSError as error:
            self.failed[type(error).__name__] += 1
        seconds = time.perf_counter() - started
        time.sleep(PAUSE)  # a low rate, so that this client adds no load
        return seconds


def times(name: str, seconds: list[float]) -> str:
    ordered = sorted(seconds)
    figures = statistics.median(ordered), ordered[int(0.99 * len(ordered))], ordered[-1]
    return f"| {name} | {len(ordered)} | " + " | ".join(f"{one * 1000:.1f} ms" for one in figures) + " |"


def call_under_attack(client: NormalClient, queue) -> tuple[list[float], dict[str, float]]:
    """Call until all slow clients are closed; return the latencies, and for each kind the time of the last close."""
    seconds: list[float] = []
    while queue.empty():
        seconds.append(client.call())
    kinds, opened, last = queue.get(), time.monotonic(), {}
    while (left := held(client.service, kinds)) and time.monotonic() - opened < 3 * LIMIT_SECONDS:
        last |= dict.fromkeys(left, time.monotonic() - opened)
        print(f"{time.monotonic() - opened:5.1f} s after the last connected: {dict(left)} are open")
        seconds += [client.call() for _ in range(40)]
    return seconds, last


def main(clients: int) -> int:
    fresh = multiprocessing.get_context("spawn")
    queue, processes = fresh.Queue(), []
    processes.append(fresh.Process(target=serve, args=(queue,)))
    processes[0].start()
    limits = dict.fromkeys(("SERVER_READ_TIMEOUT", "SERVER_WRITE_TIMEOUT"), f"{LIMIT_SECONDS}s")
    service = Service(OPENAI_BASE_URL=f"{queue.get()}/v1", SERVER_MAX_CONNECTIONS=str(clients), **limits)
    try:
        service.wait_for_line("Ready on")
        client = NormalClient(service)
        client.call()  # the first request opens the connection to the upstream
        alone = [client.call() for _ in range(CALLS_ALONE)]
        processes.append(fresh.Process(target=be_slow, args=(service.port, clients, queue)))
        processes[1].start()
        attacked, last = call_under_attack(client, queue)
    finally:
        for process in processes:
            process.terminate()
        service.stop()
    print("| a normal client | calls | median | p99 | worst |\n|---|---|---|---|---|")
    print(times("alone", alone), times(f"with {clients:,} slow clients", attacked), sep="\n")
    print(
        "last open connection of each kind, after the last connected:",
        {kind: f"{after:.1f} s" for kind, after in last.items()},
    )
    errors = find_errors(client, alone, attacked, last)
    print("\n".join(errors) or "all checks passed")
    return 1 if errors else 0


def find_errors(client: NormalClient, alone: list[float], attacked: list[float], last: dict[str, float]) -> list[str]:
    checks = {
        f"not served: {dict(client.failed)}": not client.failed,
        "the delay is not under 100 ms": max(attacked) - statistics.median(alone) < MAX_DELAY,
        "slow clients were not closed in time": max(last.values()) < LIMIT_SECONDS + LATE_SECONDS,
    }
    return [error for error, passed in checks.items() if not passed]


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else CLIENTS))
