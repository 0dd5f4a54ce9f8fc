"""The aims of the service, most of them as ratios to peers of the same run."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bench.own import Service
from bench.peers import LiteLLM, MLflow, Portkey, TensorZero
from bench.results import Results

OURS = Service.name
MEGABYTE = 1_000_000
# a delayed TCP acknowledgement adds this time
ACKNOWLEDGEMENT_MS = 40


@dataclass(frozen=True)
class Aim:
    """A measured value and its bound; `measured` is None without a measurement."""

    text: str
    measured: float | None
    bound: float
    at_most: bool = False
    stretch: float | None = None

    @property
    def verdict(self) -> str:
        """Whether bound and stretch were met."""
        if self.measured is None:
            return "not measured"
        if self.stretch is not None and self.measured >= self.stretch:
            return "met, stretch too"
        return "met" if (self.measured <= self.bound if self.at_most else self.measured >= self.bound) else "not met"

    @property
    def wanted(self) -> str:
        """The bound in words."""
        text = f"{'at most' if self.at_most else 'at least'} {self.bound:g}"
        return f"{text} (stretch {self.stretch:g})" if self.stretch else text


def aims(results: Results, memory: Mapping[str, Any] | None) -> list[Aim]:
    """Return all aims; `memory` is the result of the long run."""
    return [*_rates(results), *_times(results), *_sizes(results, memory)]


def table(given: list[Aim]) -> str:
    """Return the aims as lines to print."""
    width = max(len(aim.text) for aim in given)
    lines = [
        f"{aim.text:{width}}  {'-' if aim.measured is None else f'{aim.measured:.2f}':>8}  {aim.wanted:26}{aim.verdict}"
        for aim in given
    ]
    return "\n".join(lines)


def _over(ours: float | None, theirs: float | None) -> float | None:
    return ours / theirs if ours is not None and theirs else None


def _rates(results: Results) -> Iterator[Aim]:
    uncached, cached = results.median(OURS, "plain.rate"), results.median(OURS, "cached.rate")
    for peer, bound, stretch in (
        (Portkey, 1.1, 1.4),
        (MLflow, 1.2, None),
        (LiteLLM, 13, None),
        (TensorZero, 0.25, None),
    ):
        over = _over(uncached, results.median(peer.name, "plain.rate"))
        yield Aim(f"uncached generate, 16 connections: rate over {peer.name}'s", over, bound, stretch=stretch)
    for peer, bound, stretch in ((TensorZero, 0.5, 0.7), (Portkey, 2, None)):
        over = _over(cached, results.median(peer.name, "plain.rate"))
        yield Aim(f"cached sentiment: rate over {peer.name}'s uncached rate", over, bound, stretch=stretch)


def _times(results: Results) -> Iterator[Aim]:
    def over(path: str) -> float | None:
        return _over(results.median(OURS, path), results.median(Portkey.name, path))

    slow = "60 ms upstream, 128 connections"
    yield Aim(f"{slow}: rate over {Portkey.name}'s", over("slow.rate"), 1.2)
    yield Aim(f"{slow}: p99 over {Portkey.name}'s", over("slow.latency.p99"), 0.25, at_most=True)
    added = _over(results.added_ms(OURS), results.added_ms(Portkey.name))
    yield Aim(f"one connection: added latency over {Portkey.name}'s", added, 1.1, at_most=True)
    step = _over(results.median(OURS, "single.latency.p99"), 1000)
    yield Aim("one connection: p99, ms", step, ACKNOWLEDGEMENT_MS, at_most=True)
    yield Aim(f"64 streams: time to first event over {Portkey.name}'s", over("stream.first.p50"), 0.5, at_most=True)
    complete = _over(results.median(OURS, "stream.right"), _sum(results, "stream"))
    yield Aim("64 streams: share with every event", complete, 1)
    yield Aim("start to first response, s", results.median(OURS, "start_seconds"), 1, at_most=True)


def _sum(results: Results, load: str) -> float | None:
    parts = [results.median(OURS, f"{load}.{name}") for name in ("right", "wrong", "failed")]
    return sum(part for part in parts if part is not None) or None


def _sizes(results: Results, memory: Mapping[str, Any] | None) -> Iterator[Aim]:
    rest = results.median(OURS, "rest_bytes")
    yield Aim("memory at rest, MB", _over(rest, MEGABYTE), 90, at_most=True)
    others = [results.median(peer.name, "rest_bytes") for peer in (LiteLLM, Portkey, MLflow)]
    smallest = min((size for size in others if size is not None), default=None)
    yield Aim("memory at rest over the smallest peer's that is not Rust", _over(rest, smallest), 1, at_most=True)
    grown = memory and memory["after_bytes"] / memory["early_bytes"]
    yield Aim("memory after 1,000,000 requests over that after 10,000", grown or None, 1.05, at_most=True)
