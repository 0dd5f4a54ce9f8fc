"""Reads the results of a run: medians over its rounds."""

import json
import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import RESULTS

PEERS_FILE, MEMORY_FILE, SCALE_FILE = (RESULTS / f"{name}.json" for name in ("peers", "memory", "scale"))
# the name under which the results have what the upstream gives without a gateway
DIRECT = "direct"
DISTURBED = 0.1
BOUNDS_MS = (5, 10, 50, 100)


@dataclass(frozen=True)
class Results:
    """What a run wrote. Figures are named by a path such as "plain.rate"; each is the median of its rounds."""

    told: Mapping[str, Any]

    @property
    def names(self) -> list[str]:
        """The gateways, in the order in which they were measured."""
        return list(self.told.get("gateways", {}))

    def facts(self, name: str) -> Mapping[str, Any]:
        """Return what a gateway is: `version`, `peer`, `configured`."""
        gateway: Mapping[str, Any] = self.told["gateways"][name]
        return gateway

    def all(self, name: str, path: str) -> list[float]:
        """Return a figure of each round; of none where the gateway does not have it, or was not measured."""
        return [value for one in self._rounds(name) if (value := _at(one, path)) is not None]

    def median(self, name: str, path: str) -> float | None:
        """Return a figure, None where the gateway does not have it."""
        return statistics.median(values) if (values := self.all(name, path)) else None

    def added_ms(self, name: str) -> float | None:
        """Return by how much the median at one connection is above that without a gateway, in milliseconds."""
        own, direct = self.median(name, "single.latency.p50"), self.median(DIRECT, "single.latency.p50")
        return (own - direct) / 1000 if own is not None and direct is not None else None

    def curve(self, name: str) -> list[tuple[float, float, bool]]:
        """Return the rates that were asked of a gateway, each with its p99 in ms and whether all answers were right."""
        rounds = [one.get("frontier", []) for one in self._rounds(name)]
        points = []
        for same in zip(*rounds, strict=True):
            p99 = statistics.median(point["latency"].get("p99", float("inf")) for point in same) / 1000
            points.append((same[0]["asked"], p99, not any(point["wrong"] or point["failed"] for point in same)))
        return points

    def best_rate(self, name: str, bound_ms: float) -> float | None:
        """Return the highest rate of those tried with its p99 under a bound, None where there is none."""
        return max((rate for rate, p99, right in self.curve(name) if right and p99 < bound_ms), default=None)

    def faults(self) -> list[str]:
        """Return a line for each gateway that could not be measured, and each load with wrong or failed answers."""
        wrong = [
            f"{where}: {load['right']} right, {load['wrong']} wrong, {load['failed']} failed"
            for where, load in self._loads()
            if load["wrong"] or load["failed"]
        ]
        return [*self.told.get("errors", []), *wrong]

    def disturbed(self) -> float | None:
        """Return the share of loads that lost more than a tenth of the gateway's core to other programs."""
        shares = [load.get("disturbed", 0.0) > DISTURBED for _, load in self._loads()]
        return sum(shares) / len(shares) if shares else None

    def _loads(self) -> list[tuple[str, dict[str, Any]]]:
        return [(f"{name}, {where}", load) for name in self.names for where, load in _loads(self._rounds(name), "")]

    def _rounds(self, name: str) -> list[Any]:
        rounds: list[Any] = self.told.get("gateways", {}).get(name, {}).get("rounds", [])
        return rounds


def read(file: Path) -> dict[str, Any]:
    """Return what a run wrote; nothing where there was none."""
    told: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    return told


def _at(value: Any, path: str) -> Any:
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _loads(value: Any, where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(value, dict) and "wrong" in value:
        yield where, value
        return
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from _loads(inner, f"{where} {key}".strip())
