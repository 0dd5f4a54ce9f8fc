"""Ten minutes of all faults mixed: nothing may grow, and nothing may be left.

    python benchmarks/soak.py [seconds]

Callers of every kind, a third of them of streams, use one worker with a real Redis that is stopped, paused and started
again, in front of an upstream of which four calls in ten go wrong: in a way of tests/support/faults.py, or in the
middle of a stream. Some callers leave. After the first minute and at the end the callers pause, and the worker's
resident memory, threads and file handles are read. It fails where memory differs by more than 10 %, or where threads or
handles were left behind.
"""

import random
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import psutil
import requests

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from support.chaos import Act, ChaosUpstream, good
from support.faults import FAULTS
from support.redis import RedisServer
from support.scripts import DONE, HEL, LO, Script
from support.servers import Service
from support.streams import parse_stream

from app.redis_store import CONNECTIONS

CALLERS = 20
FAULTY = 0.4
FIRST_SECONDS = 60.0
SETTLE_SECONDS = 8.0
MEMORY_TOLERANCE = 0.1
# the resolver's and the allocator's own may come and go
HANDLE_TOLERANCE = 3
ROUTES = ("generate", "complete", "sentiment", "summarize")
WHOLE_STREAM = Script(HEL, LO, DONE)
BROKEN_STREAMS = (
    Script(HEL, end=False),
    Script(HEL, lambda exchange: exchange.reset()),
    Script(HEL, lambda exchange: exchange.hang()),
    Script(HEL, b"data: rubbish\n\n"),
    Script(HEL, b'data: {"error": {"message": "No.", "code": 500}}\n\n'),
)


class MixedUpstream(ChaosUpstream):
    """Good answers and streams, whatever was asked for, and every act of every fault."""

    acts = tuple(act for fault in FAULTS for act in fault.acts) + BROKEN_STREAMS * 5

    def next_act(self, head: bytes) -> Act:
        return random.choice(self.acts if random.random() < FAULTY else (good, WHOLE_STREAM))


@dataclass(frozen=True)
class Reading:
    """What a worker holds while nobody calls; `kept` are connections kept open, by its pools and by its callers."""

    memory_mib: float
    threads: int
    handles: int
    kept: int


class Callers:
    """Threads that call without a pause between two signals."""

    def __init__(self, service: Service) -> None:
        self.statuses: Counter[str] = Counter()
        self._service = service
        self._stop = threading.Event()

    def run(self, seconds: float) -> None:
        self._stop.clear()
        threads = [threading.Thread(target=self._call, args=(random.Random(n),)) for n in range(CALLERS)]
        for thread in threads:
            thread.start()
        time.sleep(seconds)  # the length of the load
        self._stop.set()
        for thread in threads:
            thread.join()

    def _call(self, chance: random.Random) -> None:
        with requests.Session() as session:
            while not self._stop.is_set():
                route = chance.choice(ROUTES)
                number = chance.randrange(200)
                text = f"Text {number}. It is fine."
                headers = chance.choice(
                    ({}, {"Idempotency-Key": f"key-{number // 2}"}, {"X-AI-Debug": "1"}, {"Cache-Control": "no-cache"})
                )
                body = {"text": text} if route in ROUTES[2:] else {"prompt": text, "stream": chance.random() < 2 / 3}
                patience = chance.choice((10.0, 10.0, 10.0, 0.05))  # some leave
                url = f"{self._service.url}/v1/text/{route}"
                try:
                    self.statuses[_outcome(session.post(url, json=body, headers=headers, timeout=patience))] += 1
                except requests.RequestException as error:
                    self.statuses["left" if "timed out" in str(error) else repr(error)] += 1


def _outcome(answer: requests.Response) -> str:
    if answer.headers["Content-Type"] == "application/json":
        return f"{answer.status_code} {answer.json().get('type', '')}".strip()
    stream = parse_stream(answer.content)
    return f"stream {'whole' if stream.done else stream.errors[0]}"


def read(service: Service) -> Reading:
    time.sleep(SETTLE_SECONDS)  # for answers under way and connections of callers that left
    [worker] = psutil.Process(service.process.pid).children()
    kept = sum(bool(one.raddr) for one in worker.net_connections())
    return Reading(worker.memory_info().rss / 1024**2, worker.num_threads(), worker.num_fds() - kept, kept)


def trouble(redis: RedisServer, over: threading.Event) -> None:
    """Pause Redis and start it anew, over and over."""
    while not over.wait(15):
        redis.pause()
        over.wait(5)
        redis.resume()
        over.wait(15)
        redis.stop()
        over.wait(5)
        redis.start()


def main(seconds: float) -> int:
    redis, upstream, over = RedisServer(), MixedUpstream(), threading.Event()
    service = Service(
        OPENAI_BASE_URL=f"{upstream.url}/v1",
        HUGGINGFACE_TIMEOUT="2s",
        BREAKER_RECOVERY="1s",
        HEDGE_AFTER="200ms",
        STREAM_IDLE_TIMEOUT="1s",
        STREAM_HEARTBEAT="200ms",
        REDIS_URL=redis.url,
    )
    troubles = threading.Thread(target=trouble, args=(redis, over))
    troubles.start()
    try:
        service.wait_for_line("Ready on")
        callers = Callers(service)
        first_part = min(FIRST_SECONDS, seconds / 2)
        callers.run(first_part)
        first = read(service)
        callers.run(seconds - first_part)
        last = read(service)
    finally:
        over.set()
        troubles.join()
        status = service.stop()
        redis.stop()
        upstream.close()
    report(callers, first, last)
    found = faults(callers, first, last, status)
    print("\n".join(found) or "nothing grew, and nothing was left")
    return 1 if found else 0


def report(callers: Callers, first: Reading, last: Reading) -> None:
    print(f"{sum(callers.statuses.values())} requests")
    for status, count in callers.statuses.most_common():
        print(f"{count:8} {status}")
    print(f"after the first minute: {first}")
    print(f"at the end:             {last}")


def faults(callers: Callers, first: Reading, last: Reading, status: int) -> list[str]:
    held = {
        "memory grew": abs(last.memory_mib - first.memory_mib) <= MEMORY_TOLERANCE * first.memory_mib,
        "threads were left": last.threads <= first.threads + HANDLE_TOLERANCE,
        "file handles were left": last.handles <= first.handles + HANDLE_TOLERANCE,
        # a hedged call takes two, its caller one; Redis' pool has a bound of its own
        "connections were left": last.kept <= 3 * CALLERS + CONNECTIONS,
        "a request met a bug": not callers.statuses["500 internal_error"],
        "the service did not end well": status == 0,
    }
    return [fault for fault, holds in held.items() if not holds]


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 600.0))
