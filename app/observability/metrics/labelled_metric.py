"""Metrics with the label `service`: prometheus_client's metrics without their checks and locks.

A request changes two dozen series. README.md has the overridden methods and what they save.
"""

import logging
import time
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any, Generic, TypeVar, cast

import prometheus_client
from prometheus_client import CollectorRegistry, values
from prometheus_client.values import MutexValue

from app.observability.metrics.shared_file import ReservedFile
from app.version import SERVICE

logger = logging.getLogger(__name__)

setattr(values, "MmapedDict", ReservedFile)  # noqa: B010 - the library has no option for it


class _UnlockedValue:
    """A value without a lock: greenlets switch only where one waits, and no method here waits."""

    def __init__(self) -> None:
        self._value = 0.0

    def inc(self, amount: float) -> None:
        self._value += amount

    def set(self, value: float, timestamp: float | None = None) -> None:
        self._value = value

    def get(self) -> float:
        return self._value

    def get_exemplar(self) -> None:
        return None


def _without_lock(value: Any) -> Any:
    """Replace a value of a single process. With several workers the library keeps values in files, and they stay."""
    return _UnlockedValue() if isinstance(value, MutexValue) else value


class Counter(prometheus_client.Counter):
    """A counter."""

    def _metric_init(self) -> None:
        super()._metric_init()
        self._value = _without_lock(self._value)

    def inc(self, amount: float = 1, exemplar: Any = None) -> None:
        """Add an amount, which must not be negative."""
        self._value.inc(amount)


class Gauge(prometheus_client.Gauge):
    """A gauge."""

    def _metric_init(self) -> None:
        super()._metric_init()
        self._value = _without_lock(self._value)

    def inc(self, amount: float = 1) -> None:
        """Add an amount."""
        self._value.inc(amount)

    def dec(self, amount: float = 1) -> None:
        """Subtract an amount."""
        self._value.inc(-amount)

    def set(self, value: float) -> None:
        """Set the value. In mode `livemostrecent` the time decides which worker's value counts."""
        self._value.set(value, time.time() if self._is_most_recent else None)


class Histogram(prometheus_client.Histogram):
    """A histogram."""

    def _metric_init(self) -> None:
        super()._metric_init()
        self._sum = _without_lock(self._sum)
        self._buckets = [_without_lock(bucket) for bucket in self._buckets]

    def observe(self, amount: float, exemplar: Any = None) -> None:
        """Count a value."""
        self._sum.inc(amount)
        self._buckets[bisect_left(self._upper_bounds, amount)].inc(1)


class _Uncounted:
    """A series that cannot be written, because its file cannot grow."""

    def _ignore(self, amount: float = 1, exemplar: Any = None) -> None:
        pass

    inc = dec = set = observe = _ignore


M = TypeVar("M", Counter, Gauge, Histogram)
_Labels = tuple[str | int, ...]


class LabelledMetric(dict[_Labels, M], Generic[M]):
    """The series of one metric by the values of their labels, without those in `first`. Made at first use.

    The library's own `labels()` converts all values to text and takes a lock at each call.
    """

    def __init__(self, metric: M, *first: str) -> None:
        self._metric: M = metric
        self._first = first

    def __missing__(self, labels: _Labels) -> M:
        try:
            self[labels] = self._metric.labels(*self._first, *labels)
        except OSError as error:
            [described] = self._metric.describe()
            logger.error("a series of %s is not counted: %s", described.name, error.strerror)
            self[labels] = cast("M", _Uncounted())
        return self[labels]


class _CounterPair:
    """Two series that count the same."""

    def __init__(self, current: Counter, deprecated: Counter) -> None:
        self._current = current
        self._deprecated = deprecated

    def inc(self) -> None:
        """Add 1 to both."""
        self._current.inc()
        self._deprecated.inc()


class RenamedCounter(dict[_Labels, _CounterPair]):
    """The series of a counter under its current and its deprecated name, which works for one version."""

    def __init__(self, current: LabelledMetric[Counter], deprecated: LabelledMetric[Counter]) -> None:
        self._current = current
        self._deprecated = deprecated

    def __missing__(self, labels: _Labels) -> _CounterPair:
        pair = self[labels] = _CounterPair(self._current[labels], self._deprecated[labels])
        return pair


def counter(registry: CollectorRegistry, name: str, text: str, *labels: str) -> LabelledMetric[Counter]:
    """Return a new counter."""
    return LabelledMetric(Counter(name, text, ("service", *labels), registry=registry), SERVICE)


def renamed_counter(registry: CollectorRegistry, name: str, old_name: str, text: str, *labels: str) -> RenamedCounter:
    """Return a new counter that also counts under its old name."""
    deprecated = counter(registry, old_name, f"Deprecated: use {name}.", *labels)
    return RenamedCounter(counter(registry, name, text, *labels), deprecated)


def gauge(registry: CollectorRegistry, name: str, text: str, *labels: str, workers: str) -> LabelledMetric[Gauge]:
    """Return a new gauge; `workers` combines the workers' values: `livesum`, `livemax` or `livemostrecent`."""
    metric = Gauge(name, text, ("service", *labels), registry=registry, multiprocess_mode=workers)  # type: ignore[arg-type]  # the library's Literal
    return LabelledMetric(metric, SERVICE)


def histogram(
    registry: CollectorRegistry, name: str, text: str, *labels: str, buckets: Sequence[float]
) -> LabelledMetric[Histogram]:
    """Return a new histogram."""
    return LabelledMetric(Histogram(name, text, ("service", *labels), buckets=buckets, registry=registry), SERVICE)
