"""Mix all upstream failures for ten minutes; check that memory, threads and file handles stay the same.

    python benchmarks/soak.py [seconds]

The clients call one worker; a third of the requests are streams, and some clients disconnect. A real Redis is paused,
stopped and restarted. Four of ten upstream calls fail, as in tests/support/faults.py or in the middle of a stream.
After the first minute and at the end the clients pause, and the script reads memory, threads and file handles of the
worker. It fails if memory differs by more than 10 %, or if there are more threads or handles.
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

CLIENTS = 20
FAULTY = 0.4
FIRST_SECONDS = 60.0
SETTLE_SECONDS = 8.0
MEMORY_TOLERANCE = 0.1
# resolver and allocator may open and close some of their own
HANDLE_TOLERANCE = 3
ROUTES = ("generate", "complete", "sentiment", "summarize")
COMPLETE_STREAM = Script(HEL, LO, DONE)
BROKEN_STREAMS = (
    Script(HEL, end=False),
    Script(HEL, lambda exchange: exchange.reset()),
    Script(HEL, lambda exchange: exchange.hang()),
    Script(HEL, b"data: rubbish\n\n"),
    Script(HEL, b'data: {"error": {"message": "No.", "code": 500}}\n\n'),
)


class MixedUpstream(ChaosUpstream):
    """Sends good responses and streams, and every act of every failure, in random order."""

    acts = tuple(act for fault in FAULTS for act in fault.acts) + BROKEN_STREAMS * 5

    def next_act(self, head: bytes) -> Act:
        return random.choice(self.acts if random.random() < FAULTY else (good, COMPLETE_STREAM))


@dataclass(frozen=True)
class Reading:
    """The resources of an idle worker. `connections` are open ones of its pools and its clients."""

    memory_mib: float
    threads: int
    handles: int
    connections: int


class Clients:
    """Threads that send requests without a pause while they run."""

    def __init__(self, service: Service) -> None:
        self.statuses: Counter[str] = Counter()
        self._service = service
        self._stop = threading.Event()

    def run(self, seconds: float) -> None:
        self._stop.clear()
        threads = [threading.Thread(target=self._call, args=(random.Random(n),)) for n in range(CLIENTS)]
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
                timeout = chance.choice((10.0, 10.0, 10.0, 0.05))  # some disconnect
                url = f"{self._service.url}/v1/text/{route}"
                try:
                    self.statuses[_outcome(session.post(url, json=body, headers=headers, timeout=timeout))] += 1
                except requests.RequestException as error:
                    self.statuses["disconnected" if "timed out" in str(error) else repr(error)] += 1


def _outcome(response: requests.Response) -> str:
    if response.headers["Content-Type"] == "application/json":
        return f"{response.status_code} {response.json().get('type', '')}".strip()
    stream = parse_stream(response.content)
    return f"stream {'complete' if stream.done else stream.errors[0]}"


def read(service: Service) -> Reading:
    time.sleep(SETTLE_SECONDS)  # for requests in flight and connections of disconnected clients
    [worker] = psutil.Process(service.process.pid).children()
    connections = sum(bool(one.raddr) for one in worker.net_connections())
    return Reading(
        worker.memory_info().rss / 1024**2, worker.num_threads(), worker.num_fds() - connections, connections
    )


def disturb(redis: RedisServer, over: threading.Event) -> None:
    """Pause and restart Redis repeatedly."""
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
    disturbances = threading.Thread(target=disturb, args=(redis, over))
    disturbances.start()
    try:
        service.wait_for_line("Ready on")
        clients = Clients(service)
        first_part = min(FIRST_SECONDS, seconds / 2)
        clients.run(first_part)
        first = read(service)
        clients.run(seconds - first_part)
        last = read(service)
    finally:
        over.set()
        disturbances.join()
        status = service.stop()
        redis.stop()
        upstream.close()
    report(clients, first, last)
    errors = find_errors(clients, first, last, status)
    print("\n".join(errors) or "all checks passed")
    return 1 if errors else 0


def report(clients: Clients, first: Reading, last: Reading) -> None:
    print(f"{sum(clients.statuses.values())} requests")
    for status, count in clients.statuses.most_common():
        print(f"{count:8} {status}")
    print(f"after the first minute: {first}")
    print(f"at the end:             {last}")


def find_errors(clients: Clients, first: Reading, last: Reading, status: int) -> list[str]:
    checks = {
        "memory grew": abs(last.memory_mib - first.memory_mib) <= MEMORY_TOLERANCE * first.memory_mib,
        "there are more threads": last.threads <= first.threads + HANDLE_TOLERANCE,
        "there are more file handles": last.handles <= first.handles + HANDLE_TOLERANCE,
        # a hedged call has two, its client one; the pool of Redis has its own limit
        "there are too many connections": last.connections <= 3 * CLIENTS + CONNECTIONS,
        "a request got 500 internal_error": not clients.statuses["500 internal_error"],
        "the service exited with an error": status == 0,
    }
    return [error for error, passed in checks.items() if not passed]


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 600.0))
