"""2,000 slow clients on the 2,000 places of one worker, and a normal caller beside them.

    python benchmarks/slow_clients.py [clients]

A third sends half a head, a third half a body, a third asks for a large response and does not read it. They come 250 a
second from a process of their own, to a service with an upstream in another process. Printed are the normal caller's
times, each call on a connection of its own, alone and beside them, and when the last of each kind was cut.
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
# for the timer, for lingering, and for the kernel, which asks a peer that takes nothing in growing intervals
LATE_SECONDS = 5.0
LONGEST_DELAY = 0.1
PAUSE = 0.02


def serve(told) -> None:
    upstream = Upstream()
    upstream.answer = respond
    told.put(upstream.url)
    time.sleep(3600)  # ended by who started it


def be_slow(port: int, clients: int, told) -> None:
    slow = SlowClients(port, clients, RATE)
    told.put(slow.kinds)
    time.sleep(3600)  # ended by who started it


class Caller:
    """A normal caller: what it waited, and how often it was not served."""

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
        time.sleep(PAUSE)  # it calls now and then, and is no load itself
        return seconds


def times(name: str, seconds: list[float]) -> str:
    ordered = sorted(seconds)
    told = statistics.median(ordered), ordered[int(0.99 * len(ordered))], ordered[-1]
    return f"| {name} | {len(ordered)} | " + " | ".join(f"{one * 1000:.1f} ms" for one in told) + " |"


def beside(caller: Caller, told) -> tuple[list[float], dict[str, float]]:
    """Call until all slow clients are cut; return the times, and for each kind when its last one was cut."""
    seconds: list[float] = []
    while told.empty():
        seconds.append(caller.call())
    kinds, opened, last = told.get(), time.monotonic(), {}
    while (left := held(caller.service, kinds)) and time.monotonic() - opened < 3 * LIMIT_SECONDS:
        last |= dict.fromkeys(left, time.monotonic() - opened)
        print(f"{time.monotonic() - opened:5.1f} s after the last came: {dict(left)} are held")
        seconds += [caller.call() for _ in range(40)]
    return seconds, last


def main(clients: int) -> int:
    fresh = multiprocessing.get_context("spawn")
    told, processes = fresh.Queue(), []
    processes.append(fresh.Process(target=serve, args=(told,)))
    processes[0].start()
    limits = dict.fromkeys(("SERVER_READ_TIMEOUT", "SERVER_WRITE_TIMEOUT"), f"{LIMIT_SECONDS}s")
    service = Service(OPENAI_BASE_URL=f"{told.get()}/v1", SERVER_MAX_CONNECTIONS=str(clients), **limits)
    try:
        service.wait_for_line("Ready on")
        caller = Caller(service)
        caller.call()  # the first one makes the service's connection upstream
        alone = [caller.call() for _ in range(CALLS_ALONE)]
        processes.append(fresh.Process(target=be_slow, args=(service.port, clients, told)))
        processes[1].start()
        attacked, last = beside(caller, told)
    finally:
        for process in processes:
            process.terminate()
        service.stop()
    print("| a normal caller | calls | median | p99 | worst |\n|---|---|---|---|---|")
    print(times("alone", alone), times(f"beside {clients:,} slow ones", attacked), sep="\n")
    print("last of each kind seen, after the last came:", {kind: f"{after:.1f} s" for kind, after in last.items()})
    found = faults(caller, alone, attacked, last)
    print("\n".join(found) or "all promises held")
    return 1 if found else 0


def faults(caller: Caller, alone: list[float], attacked: list[float], last: dict[str, float]) -> list[str]:
    held = {
        f"not served: {dict(caller.failed)}": not caller.failed,
        "the delay is not under 100 ms": max(attacked) - statistics.median(alone) < LONGEST_DELAY,
        "slow ones were not cut in time": max(last.values()) < LIMIT_SECONDS + LATE_SECONDS,
    }
    return [fault for fault, holds in held.items() if not holds]


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else CLIENTS))
