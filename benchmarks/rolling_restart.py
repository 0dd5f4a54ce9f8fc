"""Restart two instances behind nginx with docs/nginx.conf, one after the other, under load.

    python benchmarks/rolling_restart.py [requests]

Of five requests three are calls, one is a stream, one is a health check; the upstream takes 50 ms. The script prints
restarts, failures, latencies, errors of nginx except refused connections, and the number of upstream requests. If that
number exceeds the generations, nginx repeated a request. Exit 1 if a request failed or was repeated.
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
from support.rolling import Instances, Load, respond
from support.servers import Upstream

CLIENTS = 16
REQUESTS = 10_000


def serve(urls, upstream_requests) -> None:
    upstream = Upstream()

    def counted(handler) -> None:
        with upstream_requests.get_lock():
            upstream_requests.value += 1
        respond(handler)

    upstream.respond = counted
    urls.put(upstream.url)
    time.sleep(3600)  # the parent terminates this process


def roll(load: Load, instances: Instances, minimum: int) -> float:
    """Restart the instances until the load has ended; return the seconds."""
    began = time.monotonic()
    instances.roll()
    while len(load.seconds) < minimum:
        instances.roll()
    load.stop()
    return time.monotonic() - began


def main(minimum: int) -> int:
    fresh = multiprocessing.get_context("spawn")
    urls, upstream_requests = fresh.Queue(), fresh.Value("i")
    upstream = fresh.Process(target=serve, args=(urls, upstream_requests))
    upstream.start()
    instances = Instances(OPENAI_BASE_URL=f"{urls.get()}/v1", HUGGINGFACE_RETRY_ATTEMPTS="0")
    with tempfile.TemporaryDirectory() as folder:
        nginx = Nginx(Path(folder), instances.ports)
        try:
            load = Load(nginx.url, CLIENTS, minimum)
            seconds = roll(load, instances, minimum)
        finally:
            nginx.stop()
            instances.stop()
            upstream.terminate()
        others = [line for line in nginx.error_lines() if "Connection refused" not in line]
    print(f"{len(load.seconds)} requests in {seconds:.0f} s by {CLIENTS} clients; {instances.restarts} restarts")
    print(f"failed: {len(load.failed)}; generations: {load.generations}; upstream requests: {upstream_requests.value}")
    print(times(sorted(load.seconds)), *others[:20], *load.failed[:20], sep="\n")
    return int(bool(load.failed) or upstream_requests.value != load.generations)


def times(ordered: list[float]) -> str:
    figures = statistics.median(ordered), ordered[math.ceil(0.99 * len(ordered)) - 1], ordered[-1]
    return "median {:.0f} ms, p99 {:.0f} ms, longest {:.0f} ms".format(*(1000 * one for one in figures))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else REQUESTS))
