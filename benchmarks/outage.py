"""Let an upstream fail for a minute under a load of 50 clients; measure its calls and the recovery.

    python benchmarks/outage.py [seconds] [refuse|fail|hang]

The script counts the calls that reach the upstream before, during and after the outage. Clients obey Retry-After, and
wait 0.1 s without it.
"""

import re
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import requests

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.chaos import Act, ChaosUpstream, Exchange, http_response
from support.servers import Service

CLIENTS = 50
NORMAL_SECONDS = 10.0
RECOVERY_SECONDS = 1.0
THINK_SECONDS = 0.1
# calls that passed the breaker before it opened reach the upstream within this time
IN_FLIGHT_SECONDS = 0.2
FAILURES = {
    "fail": lambda exchange: exchange.send(http_response(b"{}", "500 Oops")),
    "refuse": Exchange.reset,
    "hang": Exchange.hang,
}


class FailingUpstream(ChaosUpstream):
    """Responds after 50 ms, or fails; records the time and the request ID of each call."""

    def __init__(self, failure: Act) -> None:
        super().__init__()
        self.failing = False
        self.seen: list[tuple[float, bytes]] = []
        self._failure = failure

    def next_act(self, head: bytes) -> Act:
        self.seen.append((time.monotonic(), re.search(rb"X-Request-ID: (\S+)", head)[1]))
        return self._failure if self.failing else _respond


def _respond(exchange: Exchange) -> None:
    time.sleep(0.05)  # the latency of a model
    exchange.send(http_response())


def call(service: Service, over: threading.Event, seen: list[tuple[float, str]]) -> None:
    with requests.Session() as session:
        while not over.is_set():
            response = session.post(f"{service.url}/v1/text/generate", json={"prompt": "x"}, timeout=60)
            seen.append((time.monotonic(), f"{response.status_code} {response.json().get('type', '')}".strip()))
            over.wait(float(response.headers.get("Retry-After", THINK_SECONDS)))


def main(seconds: float, failure: str) -> int:
    upstream = FailingUpstream(FAILURES[failure])
    service = Service(
        OPENAI_BASE_URL=f"{upstream.url}/v1", BREAKER_RECOVERY=f"{RECOVERY_SECONDS}s", HUGGINGFACE_TIMEOUT="5s"
    )
    over, seen = threading.Event(), []
    threads = [threading.Thread(target=call, args=(service, over, seen)) for _ in range(CLIENTS)]
    try:
        service.wait_for_line("Ready on")
        service.get("/health")
        for thread in threads:
            thread.start()
        failed, recovered = fail_for_a_while(upstream, seconds)
    finally:
        over.set()
        for thread in threads:
            thread.join()
        service.stop()
        upstream.close()
    return report(upstream.seen, seen, failed, recovered)


def fail_for_a_while(upstream: FailingUpstream, seconds: float) -> tuple[float, float]:
    """Let the upstream work, fail, and work again; return the times of failure and recovery."""
    time.sleep(NORMAL_SECONDS)  # normal traffic
    failed = time.monotonic()
    upstream.failing = True
    time.sleep(seconds)  # the outage
    recovered = time.monotonic()
    upstream.failing = False
    time.sleep(NORMAL_SECONDS)  # traffic after the recovery
    return failed, recovered


def report(calls: list[tuple[float, bytes]], seen: list[tuple[float, str]], failed: float, recovered: float) -> int:
    rate = sum(failed - NORMAL_SECONDS / 2 < when < failed for when, _ in calls) / (NORMAL_SECONDS / 2)
    opened = min(when for when, what in seen if "circuit_open" in what)
    before = [request for when, request in calls if failed < when < opened]
    probes = [round(when - opened, 1) for when, _ in calls if opened + IN_FLIGHT_SECONDS < when < recovered]
    first = min(when for when, what in seen if when > recovered and what == "200") - recovered
    print(f"normal traffic: {rate:.0f} calls a second")
    print(f"until the breaker opened, {opened - failed:.3f} s: {len(before)} calls for {len(set(before))} requests")
    print(f"while it was open, {recovered - opened:.1f} s: {len(probes)} probes, at seconds {probes}")
    print(f"first good response {first:.2f} s after the upstream's recovery")
    print("during the outage:", dict(Counter(what for when, what in seen if failed < when < recovered)))
    print("from 2 s after it:", dict(Counter(what for when, what in seen if when > recovered + 2)))
    checks = {
        "more than 1.2 calls for a request": len(before) <= 1.2 * len(set(before)),
        "more than one probe an interval": len(probes) <= (recovered - opened) / RECOVERY_SECONDS + 1,
        "recovery took more than 2 s": first <= 2,
    }
    errors = [error for error, passed in checks.items() if not passed]
    print("\n".join(errors) or "all checks passed")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0, sys.argv[2] if len(sys.argv) > 2 else "fail"))
