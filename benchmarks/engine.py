"""Compare streams of the embedded engine with and without the service.

    python benchmarks/engine.py [rounds]

Both send the same 128 tokens for the same prompt, which is in the engine's prompt cache. The script compares medians:
the time to the first token, and tokens a second after it.
"""

import http.client
import json
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.servers import Service, free_port, until

TOKENS = 128
MAX_ADDED_SECONDS = 0.02
MIN_SHARE = 0.97
BODY = json.dumps(
    {
        "messages": [{"role": "user", "content": "Tell a long story of a lighthouse and its keeper."}],
        "max_tokens": TOKENS,
        "temperature": 0,
        "stream": True,
    }
)


@dataclass
class Run:
    """One stream: seconds to the first token, and tokens a second after it."""

    first: float
    rate: float


def run(port: int) -> Run:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    sent = time.perf_counter()
    connection.request("POST", "/v1/chat/completions", BODY, {"Content-Type": "application/json"})
    response = connection.getresponse()
    moments = []
    while line := response.readline():
        if line.startswith(b"data: {") and b'"content":"' in line:
            moments.append(time.perf_counter())
    connection.close()
    return Run(moments[0] - sent, (len(moments) - 1) / (moments[-1] - moments[0]))


def main(rounds: int) -> int:
    engine = free_port()
    service = Service(AI_BACKEND="embedded", EMBEDDED_PORT=str(engine), LOG_LEVEL="warning")
    until(service.is_ready)
    run(engine), run(service.port)
    runs = [(run(engine), run(service.port)) for _ in range(rounds)]
    service.stop()
    direct, through = zip(*runs, strict=True)
    first = [statistics.median(one.first for one in side) for side in (direct, through)]
    rate = [statistics.median(one.rate for one in side) for side in (direct, through)]
    print(f"first token: {first[0] * 1000:.1f} ms direct, {first[1] * 1000:.1f} ms through the service")
    print(f"tokens a second: {rate[0]:.1f} direct, {rate[1]:.1f} through the service, {rate[1] / rate[0]:.1%}")
    return 0 if first[1] - first[0] < MAX_ADDED_SECONDS and rate[1] >= MIN_SHARE * rate[0] else 1


if __name__ == "__main__":
    sys.exit(main(int(dict(enumerate(sys.argv)).get(1, 15))))
