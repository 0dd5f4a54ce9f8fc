"""What the service promises beside its peers, each as a ratio of one run."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bench.own import Service
from bench.peers import LiteLLM, MLflow, Portkey, TensorZero
from bench.results import Results

OURS = Service.name
MEGABYTE = 1_000_000
# the step that a delayed acknowledgement makes
ACKNOWLEDGEMENT_MS = 40


@dataclass(frozen=True)
class Promise:
    """A measured value and its bound; `found` is None where it was not measured."""

    text: str
    found: float | None
    bound: float
    at_most: bool = False
    stretch: float | None = None

    @property
    def verdict(self) -> str:
        """Whether it was met, and the stretch too."""
        if self.found is None:
            return "not measured"
        if self.stretch is not None and self.found >= self.stretch:
            return "met, stretch too"
        return "met" if (self.found <= self.bound if self.at_most else self.found >= self.bound) else "not met"

    @property
    def wanted(self) -> str:
        """The bound in words."""
        text = f"{'at most' if self.at_most else 'at least'} {self.bound:g}"
        return f"{text} (stretch {self.stretch:g})" if self.stretch else text


def promises(results: Results, memory: Mapping[str, Any] | None) -> list[Promise]:
    """Return all of them; `memory` is what the long run wrote."""
    return [*_rates(results), *_times(results), *_sizes(results, memory)]


def table(given: list[Promise]) -> str:
    """Return the promises as lines to print."""
    width = max(len(promise.text) for promise in given)
    lines = [
        f"{promise.text:{width}}  {'-' if promise.found is None else f'{promise.found:.2f}':>8}  "
        f"{promise.wanted:26}{promise.verdict}"
        for promise in given
    ]
    return "\n".join(lines)


def _over(ours: float | None, theirs: float | None) -> float | None:
    return ours / theirs if ours is not None and theirs else None


def _rates(results: Results) -> Iterator[Promise]:
    uncached, cached = results.median(OURS, "plain.rate"), results.median(OURS, "cached.rate")
    for peer, bound, stretch in (
        (Portkey, 1.1, 1.4),
        (MLflow, 1.2, None),
        (LiteLLM, 13, None),
        (TensorZero, 0.25, None),
    ):
        over = _over(uncached, results.median(peer.name, "plain.rate"))
        yield Promise(f"uncached generate, 16 connections: rate over {peer.name}'s", over, bound, stretch=stretch)
    for peer, bound, stretch in ((TensorZero, 0.5, 0.7), (Portkey, 2, None)):
        over = _over(cached, results.median(peer.name, "plain.rate"))
        yield Promise(f"cached sentiment: rate over {peer.name}'s uncached rate", over, bound, stretch=stretch)


def _times(results: Results) -> Iterator[Promise]:
    def over(path: str) -> float | None:
        return _over(results.median(OURS, path), results.median(Portkey.name, path))

    slow = "60 ms upstream, 128 connections"
    yield Promise(f"{slow}: rate over {Portkey.name}'s", over("slow.rate"), 1.2)
    yield Promise(f"{slow}: p99 over {Portkey.name}'s", over("slow.latency.p99"), 0.25, at_most=True)
    added = _over(results.added_ms(OURS), results.added_ms(Portkey.name))
    yield Promise(f"one connection: added latency over {Portkey.name}'s", added, 1.1, at_most=True)
    step = _over(results.median(OURS, "single.latency.p99"), 1000)
    yield Promise("one connection: p99, ms", step, ACKNOWLEDGEMENT_MS, at_most=True)
    yield Promise(f"64 streams: time to first event over {Portkey.name}'s", over("stream.first.p50"), 0.5, at_most=True)
    whole = _over(results.median(OURS, "stream.right"), _sum(results, "stream"))
    yield Promise("64 streams: share with every event", whole, 1)
    yield Promise("start to first answer, s", results.median(OURS, "start_seconds"), 1, at_most=True)


def _sum(results: Results, load: str) -> float | None:
    parts = [results.median(OURS, f"{load}.{name}") for name in ("right", "wrong", "failed")]
    return sum(part for part in parts if part is not None) or None


def _sizes(results: Results, memory: Mapping[str, Any] | None) -> Iterator[Promise]:
    rest = results.median(OURS, "rest_bytes")
    yield Promise("memory at rest, MB", _over(rest, MEGABYTE), 90, at_most=True)
    others = [results.median(peer.name, "rest_bytes") for peer in (LiteLLM, Portkey, MLflow)]
    smallest = min((size for size in others if size is not None), default=None)
    yield Promise("memory at rest over the smallest peer's that is not Rust", _over(rest, smallest), 1, at_most=True)
    grown = memory and memory["after_bytes"] / memory["early_bytes"]
    yield Promise("memory after 1,000,000 requests over that after 10,000", grown or None, 1.05, at_most=True)
