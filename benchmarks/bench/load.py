"""Run the load tool of load.c, and wrk as a check."""

import json
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from bench import CACHE, GATEWAY_CORE, ROOT
from bench.wire import Request

SOURCE = ROOT / "benchmarks" / "bench" / "load.c"
TOOL = CACHE / "load"
WRK_RATE = re.compile(r"Requests/sec:\s+([\d.]+)")


class ToolFailed(Exception):
    """The load tool printed something unexpected."""


@dataclass(frozen=True)
class Load:
    """The shape of a load: closed if `rate` is 0, else open with `rate` requests a second in total.

    `warm` seconds precede the `seconds` that count.
    """

    connections: int
    seconds: float
    rate: float = 0.0
    warm: float = 0.5


def build() -> None:
    """Compile the load tool if its source is newer."""
    if not TOOL.exists() or TOOL.stat().st_mtime < SOURCE.stat().st_mtime:
        subprocess.run(["cc", "-O2", "-o", TOOL, SOURCE, "-lm"], check=True)


def run(load: Load, port: int, request: Request, spent: Callable[[], float] = lambda: 0.0) -> dict[str, Any]:
    """Return the tool's counts and times, the rate of correct responses, and the CPU time for each.

    `spent` returns the CPU seconds of the gateway so far. `disturbed` is the share of the gateway's core that
    other programs used.
    """
    file = CACHE / "request"
    file.write_bytes(request.raw)
    shape = (load.connections, load.rate, load.warm, load.seconds)
    argv = [str(TOOL), str(port), *map(str, shape), str(file), request.mark, str(request.times)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as tool:
        assert tool.stdout
        _expect(tool.stdout.readline(), "begin")
        before, core = spent(), _core_seconds()
        _expect(tool.stdout.readline(), "end")
        cpu, core = spent() - before, _core_seconds() - core
        counts: dict[str, Any] = json.loads(tool.stdout.read())
    right = counts["right"]
    cpu_us = round(cpu / right * 1e6, 1) if right and cpu else None
    disturbed = round((core - cpu) / load.seconds, 3)
    return {**counts, "rate": right / load.seconds, "cpu_us": cpu_us, "disturbed": disturbed}


def _core_seconds() -> float:
    times = psutil.cpu_times(percpu=True)[GATEWAY_CORE]
    return float(times.user + times.nice + times.system + times.steal)


def _expect(line: str, word: str) -> None:
    if line.strip() != word:
        raise ToolFailed(f"the load tool printed {line!r} instead of {word!r}")


def witness(load: Load, port: int, request: Request) -> float | None:
    """Return the rate that wrk measures with a closed load, None if a response was not 2xx."""
    lines = ['wrk.method = "POST"', f"wrk.body = {_lua(request.content.decode())}"]
    lines += [f"wrk.headers[ {_lua(name)} ] = {_lua(value)}" for name, value in request.all_headers.items()]
    script = CACHE / "request.lua"
    script.write_text("\n".join(lines))
    url = f"http://127.0.0.1:{port}{request.path}"
    options = ["-t1", f"-c{load.connections}", f"-d{max(1, round(load.seconds))}", "-s", str(script)]
    output = subprocess.run(["wrk", *options, url], capture_output=True, text=True, check=True).stdout
    found = WRK_RATE.search(output)
    return float(found[1]) if found and "Non-2xx" not in output and "Socket errors" not in output else None


def _lua(text: str) -> str:
    return f"[==[{text}]==]"


def scratch(name: str) -> Path:
    """Return a folder for a program's files and log."""
    folder = CACHE / "run" / re.sub(r"\W+", "-", name)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
