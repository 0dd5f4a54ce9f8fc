"""Metrics with the label `service`, of which a request changes two dozen: at the cost of an addition each.

The library's own ways to change a series check each time what is known here, and take a lock, which greenlets do not
need where nothing waits.
"""

import time
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import prometheus_client
from prometheus_client import CollectorRegistry, values

from app.version import SERVICE


class _Value(values.MutexValue):
    _value: float

    def inc(self, amount: float) -> None:
        self._value += amount

    def set(self, value: float, timestamp: float | None = None) -> None:
        self._value = value


if values.ValueClass is values.MutexValue:  # workers that share values do so in files, as the library has it
    values.ValueClass = _Value


class Counter(prometheus_client.Counter):
    """A counter."""

    def inc(self, amount: float = 1, exemplar: Any = None) -> None:
        """Add an amount, which is not negative."""
        self._value.inc(amount)


class Gauge(prometheus_client.Gauge):
    """A gauge."""

    def inc(self, amount: float = 1) -> None:
        """Add an amount."""
        self._value.inc(amount)

    def dec(self, amount: float = 1) -> None:
        """Take an amount away."""
        self._value.inc(-amount)

    def set(self, value: float) -> None:
        """Set the value; that of one worker counts until another's, so it has its time."""
        self._value.set(value, time.time() if self._is_most_recent else None)


class Histogram(prometheus_client.Histogram):
    """A histogram."""

    def observe(self, amount: float, exemplar: Any = None) -> None:
        """Count a value."""
        self._sum.inc(amount)
        self._buckets[bisect_left(self._upper_bounds, amount)].inc(1)


M = TypeVar("M", Counter, Gauge, Histogram)
_Key = tuple[str | int, ...]


class LabelledMetric(dict[_Key, M], Generic[M]):
    """The series of one metric by the values of its labels after `first`, which are made on first use.

    The library's own `labels()` makes texts of all values and takes a lock, at each call.
    """

    def __init__(self, metric: M, *first: str) -> None:
        self._metric: M = metric
        self._first = first

    def __missing__(self, values: _Key) -> M:
        series = self[values] = self._metric.labels(*self._first, *values)
        return series


def counter(registry: CollectorRegistry, name: str, text: str, *labels: str) -> LabelledMetric[Counter]:
    """Return a new counter."""
    return LabelledMetric(Counter(name, text, ("service", *labels), registry=registry), SERVICE)


def gauge(registry: CollectorRegistry, name: str, text: str, *labels: str, workers: str) -> LabelledMetric[Gauge]:
    """Return a new gauge; `workers` says what is made of those of several: `livesum`, `livemax`, `livemostrecent`."""
    made = Gauge(name, text, ("service", *labels), registry=registry, multiprocess_mode=workers)  # type: ignore[arg-type]  # the library's Literal
    return LabelledMetric(made, SERVICE)


def histogram(
    registry: CollectorRegistry, name: str, text: str, *labels: str, buckets: Sequence[float]
) -> LabelledMetric[Histogram]:
    """Return a new histogram."""
    return LabelledMetric(Histogram(name, text, ("service", *labels), buckets=buckets, registry=registry), SERVICE)
