"""Two instances behind nginx with docs/nginx.conf, restarted one after the other again and again under load.

    python benchmarks/rolling_restart.py [requests]

Of five requests three are calls, one is a stream, one asks for the health; the upstream takes 50 ms. Printed are the
restarts, the failures, the times of the answers, what nginx complained of beside refused connections, and how often the
upstream was asked: more often than there were generations means that one was repeated which had begun. Exit 1 where a
request failed or was repeated.
"""

import math
import multiprocessing
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.proxies import Nginx
from support.rolling import Instances, Load, answer
from support.servers import Upstream

CALLERS = 16
REQUESTS = 10_000


def serve(told, asked) -> None:
    upstream = Upstream()

    def counted(handler) -> None:
        with asked.get_lock():
            asked.value += 1
        answer(handler)

    upstream.answer = counted
    told.put(upstream.url)
    time.sleep(3600)  # ended by who started it


def rolled(load: Load, instances: Instances, least: int) -> float:
    """Restart the instances until the load is over; return how long that took."""
    began = time.monotonic()
    instances.roll()
    while len(load.seconds) < least:
        instances.roll()
    load.stop()
    return time.monotonic() - began


def main(least: int) -> int:
    fresh = multiprocessing.get_context("spawn")
    told, asked = fresh.Queue(), fresh.Value("i")
    upstream = fresh.Process(target=serve, args=(told, asked))
    upstream.start()
    instances = Instances(OPENAI_BASE_URL=f"{told.get()}/v1", HUGGINGFACE_RETRY_ATTEMPTS="0")
    with tempfile.TemporaryDirectory() as folder:
        nginx = Nginx(Path(folder), instances.ports)
        try:
            load = Load(nginx.url, CALLERS, least)
            seconds = rolled(load, instances, least)
        finally:
            nginx.stop()
            instances.stop()
            upstream.terminate()
        others = [line for line in nginx.error_lines() if "Connection refused" not in line]
    print(f"{len(load.seconds)} requests in {seconds:.0f} s by {CALLERS} callers; {instances.restarts} restarts")
    print(f"failed: {len(load.failed)}; generations: {load.generations}; asked upstream: {asked.value}")
    print(times(sorted(load.seconds)), *others[:20], *load.failed[:20], sep="\n")
    return int(bool(load.failed) or asked.value != load.generations)


def times(ordered: list[float]) -> str:
    told = statistics.median(ordered), ordered[math.ceil(0.99 * len(ordered)) - 1], ordered[-1]
    return "median {:.0f} ms, p99 {:.0f} ms, longest {:.0f} ms".format(*(1000 * one for one in told))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else REQUESTS))
