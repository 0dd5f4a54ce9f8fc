"""Runs the load tool of load.c, and wrk beside it as a witness."""

import json
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from bench import CACHE, GATEWAY_CORE, ROOT
from bench.wire import Ask

SOURCE = ROOT / "benchmarks" / "bench" / "load.c"
TOOL = CACHE / "load"
WRK_RATE = re.compile(r"Requests/sec:\s+([\d.]+)")


class ToolFailed(Exception):
    """The load tool did not do its work."""


@dataclass(frozen=True)
class Load:
    """Connections that ask at once when answered, or at `rate` a second in all, for `seconds` after `warm` seconds."""

    connections: int
    seconds: float
    rate: float = 0.0
    warm: float = 0.5


def build() -> None:
    """Compile the load tool where it is older than its source."""
    if not TOOL.exists() or TOOL.stat().st_mtime < SOURCE.stat().st_mtime:
        subprocess.run(["cc", "-O2", "-o", TOOL, SOURCE, "-lm"], check=True)


def run(load: Load, port: int, ask: Ask, spent: Callable[[], float] = lambda: 0.0) -> dict[str, Any]:
    """Return the tool's counts and times, the rate of right answers, and what `spent` rose by, for each of them.

    `disturbed` is the share of the gateway's core that went to other programs.
    """
    file = CACHE / "request"
    file.write_bytes(ask.raw)
    shape = (load.connections, load.rate, load.warm, load.seconds)
    argv = [str(TOOL), str(port), *map(str, shape), str(file), ask.mark, str(ask.times)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as tool:
        assert tool.stdout
        _expect(tool.stdout.readline(), "begin")
        before, core = spent(), _core_seconds()
        _expect(tool.stdout.readline(), "end")
        cpu, core = spent() - before, _core_seconds() - core
        told: dict[str, Any] = json.loads(tool.stdout.read())
    right = told["right"]
    cpu_us = round(cpu / right * 1e6, 1) if right and cpu else None
    disturbed = round((core - cpu) / load.seconds, 3)
    return {**told, "rate": right / load.seconds, "cpu_us": cpu_us, "disturbed": disturbed}


def _core_seconds() -> float:
    times = psutil.cpu_times(percpu=True)[GATEWAY_CORE]
    return float(times.user + times.nice + times.system + times.steal)


def _expect(line: str, word: str) -> None:
    if line.strip() != word:
        raise ToolFailed(f"the load tool said {line!r} where {word!r} was due")


def witness(load: Load, port: int, ask: Ask) -> float | None:
    """Return the rate that wrk sees of a closed load, None where an answer was no 2xx."""
    lines = ['wrk.method = "POST"', f"wrk.body = {_lua(ask.content.decode())}"]
    lines += [f"wrk.headers[ {_lua(name)} ] = {_lua(value)}" for name, value in ask.all_headers.items()]
    script = CACHE / "request.lua"
    script.write_text("\n".join(lines))
    url = f"http://127.0.0.1:{port}{ask.path}"
    options = ["-t1", f"-c{load.connections}", f"-d{max(1, round(load.seconds))}", "-s", str(script)]
    told = subprocess.run(["wrk", *options, url], capture_output=True, text=True, check=True).stdout
    found = WRK_RATE.search(told)
    return float(found[1]) if found and "Non-2xx" not in told and "Socket errors" not in told else None


def _lua(text: str) -> str:
    return f"[==[{text}]==]"


def scratch(name: str) -> Path:
    """Return a folder for a program's files and log."""
    folder = CACHE / "run" / re.sub(r"\W+", "-", name)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
