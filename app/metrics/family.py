"""Metrics with the label `service`, whose series are found at the cost of a look into a dictionary."""

from collections.abc import Sequence
from typing import Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from app.version import SERVICE

M = TypeVar("M", Counter, Gauge, Histogram)
_Key = tuple[str | int, ...]


class Family(dict[_Key, M], Generic[M]):
    """The series of one metric by the values of its labels after `first`, which are made on first use.

    The library's own `labels()` makes texts of all values and takes a lock, at each call.
    """

    def __init__(self, metric: M, *first: str) -> None:
        self._metric: M = metric
        self._first = first

    def __missing__(self, values: _Key) -> M:
        series = self[values] = self._metric.labels(*self._first, *values)
        return series


def counter(registry: CollectorRegistry, name: str, text: str, *labels: str) -> Family[Counter]:
    """Return a new counter."""
    return Family(Counter(name, text, ("service", *labels), registry=registry), SERVICE)


def gauge(registry: CollectorRegistry, name: str, text: str, *labels: str, workers: str) -> Family[Gauge]:
    """Return a new gauge; `workers` says what is made of those of several: `livesum`, `livemax`, `livemostrecent`."""
    made = Gauge(name, text, ("service", *labels), registry=registry, multiprocess_mode=workers)  # type: ignore[arg-type]  # the library's Literal
    return Family(made, SERVICE)


def histogram(
    registry: CollectorRegistry, name: str, text: str, *labels: str, buckets: Sequence[float]
) -> Family[Histogram]:
    """Return a new histogram."""
    return Family(Histogram(name, text, ("service", *labels), buckets=buckets, registry=registry), SERVICE)
