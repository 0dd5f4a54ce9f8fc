"""Read the results of a run, and compute medians over its rounds."""

import json
import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import RESULTS

PEERS_FILE, MEMORY_FILE, SCALE_FILE = (RESULTS / f"{name}.json" for name in ("peers", "memory", "scale"))
# name of the measurement without a gateway
DIRECT = "direct"
DISTURBED = 0.1
BOUNDS_MS = (5, 10, 50, 100)


@dataclass(frozen=True)
class Results:
    """The results of a run. A path such as "plain.rate" names a figure; its value is the median of the rounds."""

    data: Mapping[str, Any]

    @property
    def names(self) -> list[str]:
        """The gateways in the order of measurement."""
        return list(self.data.get("gateways", {}))

    def facts(self, name: str) -> Mapping[str, Any]:
        """Return `version`, `peer` and `configured` of a gateway."""
        gateway: Mapping[str, Any] = self.data["gateways"][name]
        return gateway

    def all(self, name: str, path: str) -> list[float]:
        """Return a figure of each round that has it."""
        return [value for one in self._rounds(name) if (value := _at(one, path)) is not None]

    def median(self, name: str, path: str) -> float | None:
        """Return the median of a figure, None if no round has it."""
        return statistics.median(values) if (values := self.all(name, path)) else None

    def added_ms(self, name: str) -> float | None:
        """Return the median latency that a gateway adds at one connection, in milliseconds."""
        own, direct = self.median(name, "single.latency.p50"), self.median(DIRECT, "single.latency.p50")
        return (own - direct) / 1000 if own is not None and direct is not None else None

    def curve(self, name: str) -> list[tuple[float, float, bool]]:
        """Return each tested rate of a gateway with its p99 in ms, and whether all responses were correct."""
        rounds = [one.get("frontier", []) for one in self._rounds(name)]
        points = []
        for same in zip(*rounds, strict=True):
            p99 = statistics.median(point["latency"].get("p99", float("inf")) for point in same) / 1000
            points.append((same[0]["asked"], p99, not any(point["wrong"] or point["failed"] for point in same)))
        return points

    def best_rate(self, name: str, bound_ms: float) -> float | None:
        """Return the highest tested rate with a p99 under a bound, None if there is none."""
        return max((rate for rate, p99, right in self.curve(name) if right and p99 < bound_ms), default=None)

    def errors(self) -> list[str]:
        """Return a line for each failed gateway, and for each load with wrong or failed responses."""
        wrong = [
            f"{where}: {load['right']} right, {load['wrong']} wrong, {load['failed']} failed"
            for where, load in self._loads()
            if load["wrong"] or load["failed"]
        ]
        return [*self.data.get("errors", []), *wrong]

    def disturbed(self) -> float | None:
        """Return the share of loads that lost more than a tenth of the gateway's core to other programs."""
        shares = [load.get("disturbed", 0.0) > DISTURBED for _, load in self._loads()]
        return sum(shares) / len(shares) if shares else None

    def _loads(self) -> list[tuple[str, dict[str, Any]]]:
        return [(f"{name}, {where}", load) for name in self.names for where, load in _loads(self._rounds(name), "")]

    def _rounds(self, name: str) -> list[Any]:
        rounds: list[Any] = self.data.get("gateways", {}).get(name, {}).get("rounds", [])
        return rounds


def read(file: Path) -> dict[str, Any]:
    """Return the results in a file, an empty dict if the file is missing."""
    data: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    return data


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
