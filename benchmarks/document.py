"""Measure the cost of the OpenAPI document: start of an app with and without it, and CPU time of a request.

    python benchmarks/document.py [rounds]

Requests go through Flask's test client, to both apps in turn, so both see the same state of the machine.
"""

import statistics
import sys
import time
from pathlib import Path
from unittest.mock import patch

sys.path[:0] = [str(Path(__file__).parents[1] / "tests"), str(Path(__file__).parents[1])]

from support.upstreams import OPENAI

from app import create_app

SETTINGS = {**OPENAI, "RATE_LIMIT": "900000000/second", "LOG_LEVEL": "error"}
BATCH = 200


def create(*, documented: bool):
    """Create an app; return a test client and the CPU milliseconds of the creation."""
    started = time.process_time()
    if documented:
        app = create_app(SETTINGS)
    else:
        with patch("app.openapi.routes.init_app"):
            app = create_app(SETTINGS)
    return app.test_client(), (time.process_time() - started) * 1000


def cpu(client) -> float:
    """Return the CPU microseconds of a rejected request, the shortest path through all hooks."""
    started = time.process_time()
    for _ in range(BATCH):
        client.post("/v1/text/generate", json={})
    return (time.process_time() - started) / BATCH * 1e6


def main(rounds: int) -> None:
    create(documented=True)  # imports
    apps = {kind: create(documented=kind) for kind in (False, True)}
    taken = {kind: [] for kind in apps}
    for _ in range(rounds):
        for kind, (client, _) in apps.items():
            taken[kind].append(cpu(client))
    for kind, (_, start) in apps.items():
        median = statistics.median(taken[kind])
        print(f"{'with' if kind else 'without':>8} the document: start {start:6.1f} ms, request {median:6.1f} us")
    share = statistics.median(taken[True]) / statistics.median(taken[False]) - 1
    print(f"the document adds {share:+.1%} to a request")
    sys.exit(share > 0.05)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 40)
