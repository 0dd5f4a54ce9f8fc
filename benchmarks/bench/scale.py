"""Measure the service with more workers, more connections and larger prompts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench import machine, measure, plots
from bench.own import Service
from bench.process import Command
from bench.ratios import MEGABYTE
from bench.tables import table
from bench.wire import PROMPT, SLOW, Request

BOTH_CORES = "0,1"
WORKERS, AT_WORKERS = (1, 2, 4), 64
CONNECTIONS = (1, 16, 64, 128, 256, 512, 1024)
PROMPT_CHARS = (200, 1_000, 5_000, 20_000)
TITLES = {"workers": "workers", "connections": "connections", "prompt": "characters of the prompt"}


@dataclass
class Scaled(Service):
    """The service with `workers` on `cores`, and prompts of `chars` characters."""

    workers: int = 1
    chars: int = len(PROMPT)
    cores: str | None = None

    def command(self, folder: Path, port: int, upstream: int) -> Command:
        shipped = super().command(folder, port, upstream)
        return replace(shipped, variables={**shipped.variables, "WEB_CONCURRENCY": str(self.workers)})

    def request(self, kind: str) -> Request:
        asked = super().request(kind)
        prompt = (f"{PROMPT} " * (self.chars // len(PROMPT) + 1))[: self.chars]
        return replace(asked, body={**asked.body, "prompt": prompt})


def run(upstream: int, seconds: float) -> dict[str, Any]:
    """Return the figures of each step. The service is restarted for each step, and may refuse requests with 503."""
    data: dict[str, Any] = {"machine": machine.facts(), "settings": {"seconds": seconds}}
    data["workers"] = [
        _step(Scaled(workers=n, cores=BOTH_CORES), n, "plain", AT_WORKERS, upstream, seconds) for n in WORKERS
    ]
    data["connections"] = [_step(Scaled(), n, "slow", n, upstream, seconds) for n in CONNECTIONS]
    data["prompt"] = [_step(Scaled(chars=n), n, "plain", measure.CONNECTIONS, upstream, seconds) for n in PROMPT_CHARS]
    return data


def _step(service: Scaled, step: int, kind: str, connections: int, upstream: int, seconds: float) -> dict[str, Any]:
    with measure.started(service, upstream, seconds, service.cores) as (running, _):
        running.load(kind, connections, share=0.5)
        figures = running.load(kind, connections)
        memory = running.program.memory()
    if figures["failed"] or not {"200", "503"}.issuperset(figures["statuses"]):
        raise measure.WrongResponse(f"{kind} at {step}: {figures}")
    print(f"{kind} at {step}: {figures['rate']:.0f}/s, p99 {figures['latency']['p99'] / 1000:.1f} ms", flush=True)
    return {"step": step, "bytes": memory, **figures}


def blocks(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield the tables of docs/operations.md."""
    titles = ["requests a second", "refused", "median, ms", "p99, ms", "processor time for each, µs", "memory, MB"]
    for name, title in TITLES.items():
        yield table([title, *titles], [_row(step) for step in data[name]])


def _row(step: Mapping[str, Any]) -> list[str]:
    times = [step["latency"][name] / 1000 for name in ("p50", "p99")]
    refused = step["wrong"] / (step["wrong"] + step["right"])
    figures = (*times, step["cpu_us"], step["bytes"] / MEGABYTE)
    return [f"{step['step']:,}", plots.short(step["rate"]), f"{refused:.0%}", *map(plots.short, figures)]


def plot(data: Mapping[str, Any]) -> str:
    """Return the plot of rates by connections, and the maximum that the delay of the upstream allows."""
    lines = {
        "this service": [(step["step"], step["rate"]) for step in data["connections"]],
        "the upstream's delay": [(step["step"], step["step"] / SLOW) for step in data["connections"]],
    }
    title = f"Requests a second by connections, upstream of {SLOW * 1000:.0f} ms"
    return plots.curves(title, ("connections", "requests a second"), lines, ())
