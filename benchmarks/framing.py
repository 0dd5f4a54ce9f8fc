"""Compare the framing of mutated requests with llhttp, h11 and gunicorn, and send them through installed proxies.

`make fuzz` runs 20,000 cases through the parsers, and 2,000 through each of nginx, HAProxy and Apache. It prints its
seed; pass a seed to repeat a run.
"""

import random
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "tests"), str(Path(__file__).parents[1])]

from support.desync import attack, unsent_requests
from support.framing_proxies import PROXIES
from support.http_mutations import conversations
from support.http_references import REFERENCES, by_server, difference
from support.servers import Service

CASES = 20_000
PROXY_CASES = 2_000


def compare(seed: int) -> list[str]:
    """Return the differences between the server's parser and the references."""
    found = []
    for data in conversations(seed, CASES):
        framing = by_server(data)
        for name, frame in REFERENCES.items():
            if text := difference(framing, frame(data)):
                found.append(f"{name}: {text}: {data!r}")
    return found


def through(name: str, seed: int) -> list[str]:
    """Return what was wrong behind one proxy."""
    program, start = PROXIES[name]
    if program is None:
        print(f"{name} is not installed")
        return []
    service = Service(OPENAI_BASE_URL="http://127.0.0.1:9/v1")
    service.wait_for_line("Ready on")
    with tempfile.TemporaryDirectory() as folder:
        proxy = start(Path(folder), service.port)
        try:
            found = attack(proxy, conversations(seed, PROXY_CASES)) + unsent_requests(service, proxy)
        finally:
            proxy.stop()
            service.stop()
    print(f"{name}: {PROXY_CASES} cases, {len(found)} faults", flush=True)
    return found


def main(seed: int) -> int:
    """Run all; return the exit status."""
    print(f"seed {seed}")
    found = compare(seed)
    print(f"parsers: {CASES} cases, {len(found)} differences", flush=True)
    for name in PROXIES:
        found += through(name, seed)
    print(*found[:20], sep="\n")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else random.randrange(2**32)))
