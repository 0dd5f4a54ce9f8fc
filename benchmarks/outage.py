"""An upstream that fails for a minute under the load of 50 callers: what it sees, and how soon they are served again.

    python benchmarks/outage.py [seconds] [refuse|fail|hang]

Before, during and after the outage the calls that reach the upstream are counted. Callers wait as long as Retry-After
says, 0.1 s where there is none.
"""

import re
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import requests

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.chaos import Act, ChaosUpstream, Exchange, answer
from support.servers import Service

CALLERS = 50
NORMAL_SECONDS = 10.0
RECOVERY_SECONDS = 1.0
THINK_SECONDS = 0.1
# calls that had passed the breaker when it opened reach the upstream within this
IN_FLIGHT_SECONDS = 0.2
FAILURES = {
    "fail": lambda exchange: exchange.send(answer(b"{}", "500 Oops")),
    "refuse": Exchange.reset,
    "hang": Exchange.hang,
}


class FailingUpstream(ChaosUpstream):
    """Answers after 50 ms, or does what the failure is; keeps the time and the request of each call."""

    def __init__(self, failure: Act) -> None:
        super().__init__()
        self.failing = False
        self.seen: list[tuple[float, bytes]] = []
        self._failure = failure

    def next_act(self, head: bytes) -> Act:
        self.seen.append((time.monotonic(), re.search(rb"X-Request-ID: (\S+)", head)[1]))
        return self._failure if self.failing else _soon


def _soon(exchange: Exchange) -> None:
    time.sleep(0.05)  # as long as an answer takes
    exchange.send(answer())


def call(service: Service, over: threading.Event, seen: list[tuple[float, str]]) -> None:
    with requests.Session() as session:
        while not over.is_set():
            got = session.post(f"{service.url}/v1/text/generate", json={"prompt": "x"}, timeout=60)
            seen.append((time.monotonic(), f"{got.status_code} {got.json().get('type', '')}".strip()))
            over.wait(float(got.headers.get("Retry-After", THINK_SECONDS)))


def main(seconds: float, failure: str) -> int:
    upstream = FailingUpstream(FAILURES[failure])
    service = Service(
        OPENAI_BASE_URL=f"{upstream.url}/v1", BREAKER_RECOVERY=f"{RECOVERY_SECONDS}s", HUGGINGFACE_TIMEOUT="5s"
    )
    over, seen = threading.Event(), []
    threads = [threading.Thread(target=call, args=(service, over, seen)) for _ in range(CALLERS)]
    try:
        service.wait_for_line("Ready on")
        service.get("/health")
        for thread in threads:
            thread.start()
        failed, mended = suffer(upstream, seconds)
    finally:
        over.set()
        for thread in threads:
            thread.join()
        service.stop()
        upstream.close()
    return report(upstream.seen, seen, failed, mended)


def suffer(upstream: FailingUpstream, seconds: float) -> tuple[float, float]:
    """Let the upstream be well, fail, and be well again; return when it failed and when it was mended."""
    time.sleep(NORMAL_SECONDS)  # normal traffic
    failed = time.monotonic()
    upstream.failing = True
    time.sleep(seconds)  # the outage
    mended = time.monotonic()
    upstream.failing = False
    time.sleep(NORMAL_SECONDS)  # and after it
    return failed, mended


def report(calls: list[tuple[float, bytes]], seen: list[tuple[float, str]], failed: float, mended: float) -> int:
    rate = sum(failed - NORMAL_SECONDS / 2 < when < failed for when, _ in calls) / (NORMAL_SECONDS / 2)
    opened = min(when for when, what in seen if "circuit_open" in what)
    before = [request for when, request in calls if failed < when < opened]
    probes = [round(when - opened, 1) for when, _ in calls if opened + IN_FLIGHT_SECONDS < when < mended]
    first = min(when for when, what in seen if when > mended and what == "200") - mended
    print(f"normal traffic: {rate:.0f} calls a second")
    print(f"until the breaker opened, {opened - failed:.3f} s: {len(before)} calls for {len(set(before))} requests")
    print(f"while it was open, {mended - opened:.1f} s: {len(probes)} probes, at seconds {probes}")
    print(f"first good answer {first:.2f} s after the upstream's recovery")
    print("during the outage:", dict(Counter(what for when, what in seen if failed < when < mended)))
    print("from 2 s after it:", dict(Counter(what for when, what in seen if when > mended + 2)))
    held = {
        "more than 1.2 calls for a request": len(before) <= 1.2 * len(set(before)),
        "more than one probe an interval": len(probes) <= (mended - opened) / RECOVERY_SECONDS + 1,
        "recovery took more than 2 s": first <= 2,
    }
    found = [fault for fault, holds in held.items() if not holds]
    print("\n".join(found) or "all promises held")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0, sys.argv[2] if len(sys.argv) > 2 else "fail"))
