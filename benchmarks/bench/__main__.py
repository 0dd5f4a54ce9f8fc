"""Measure the service and other gateways; write the results as JSON, and the page.

run: rounds over all gateways, then the aims. memory: one long run of the service alone.
scale: the service alone with more workers, connections and larger prompts. page: docs/performance.md
"""

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import psutil

from bench import CACHE, OTHER_CORE, load, nginx, page, ratios, run, scale
from bench.own import BareFlask, Floor, Service
from bench.peers import PEERS
from bench.process import Program, free_port
from bench.results import MEMORY_FILE, PEERS_FILE, SCALE_FILE, Results, read

NEEDED = {
    "nginx": "nginx",
    str(nginx.ECHO_MODULE): "libnginx-mod-http-echo",
    "wrk": "wrk",
    "cc": "gcc libc6-dev",
    "taskset": "util-linux",
}
FOR_PEERS = {"node": "nodejs", "npm": "npm"}
OWN_FILE = CACHE / "own.json"


def main() -> int:
    """Run the command; return 0 if every response was correct."""
    given = _given()
    if given.command == "page":
        page.write()
        return 0
    _require(NEEDED | (FOR_PEERS if given.peers else {}))
    CACHE.mkdir(exist_ok=True)
    load.build()
    psutil.Process().cpu_affinity([OTHER_CORE])  # load and upstream inherit the affinity
    folder, port = load.scratch("upstream"), free_port()
    upstream = Program(nginx.upstream(folder, port), str(OTHER_CORE), folder / "log")
    try:
        return {"memory": _memory, "scale": _scale, "run": _run}[given.command](port, given)
    finally:
        upstream.stop()


def _given() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("command", choices=("run", "memory", "scale", "page"))
    parser.add_argument("--peers", action="store_true", help="install and measure other gateways too")
    parser.add_argument("--only", nargs="+", default=[""], help="words; a measured gateway has one in its name")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0, help="length of the longest load")
    parser.add_argument("--requests", type=int, default=1_000_000, help="number of requests of the command `memory`")
    return parser.parse_args()


def _require(needed: dict[str, str]) -> None:
    missing = [package for name, package in needed.items() if not (shutil.which(name) or Path(name).is_file())]
    if missing:
        sys.exit(f"Debian packages are missing: apt-get install {' '.join(missing)}")


def _run(upstream: int, given: argparse.Namespace) -> int:
    gateways = [make() for make in (Service, BareFlask, Floor, *(PEERS if given.peers else ()))]
    gateways = [gateway for gateway in gateways if any(word in gateway.name for word in given.only)]
    for gateway in gateways:
        gateway.install()
    for data in run.rounds(gateways, upstream, given.rounds, given.seconds):
        _write(PEERS_FILE if given.peers else OWN_FILE, data)
        results = Results(data)
    print(ratios.table(ratios.aims(results, read(MEMORY_FILE))))
    print("\n".join(results.errors()) or "every response was correct")
    if results.disturbed():
        print(f"Other programs disturbed {results.disturbed():.0%} of the loads.")
    return 1 if results.errors() else 0


def _memory(upstream: int, given: argparse.Namespace) -> int:
    data = run.memory(upstream, given.requests, given.seconds)
    _write(MEMORY_FILE, data)
    print(json.dumps(data, indent=1))
    return 0


def _scale(upstream: int, given: argparse.Namespace) -> int:
    data = scale.run(upstream, given.seconds)
    _write(SCALE_FILE, data)
    (page.PLOTS / "scale.svg").write_text(scale.plot(data))
    print("Copy these tables to docs/operations.md:", *scale.blocks(data), sep="\n\n")
    return 0


def _write(file: Path, data: dict[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(data, indent=1) + "\n")
    print(f"written: {file}")


if __name__ == "__main__":
    sys.exit(main())
