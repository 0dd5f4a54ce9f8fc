"""A clock that moves only when a test moves it."""

import time
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import pytest


class FakeClock:
    """Replaces the `time` module inside single modules of the app; all of them then read the same clock.

    Functions without a replacement here, such as `sleep`, are those of the real module.
    """

    def __init__(self, start: datetime) -> None:
        self._time = start.timestamp()
        self._monotonic = 1000.0

    def advance(self, seconds: float) -> None:
        """Move both clocks forward by `seconds`."""
        self._time += seconds
        self._monotonic += seconds

    def move_to(self, moment: datetime) -> None:
        """Set the wall clock, and leave the monotonic clock as it is."""
        self._time = moment.timestamp()

    def time(self) -> float:
        return self._time

    def time_ns(self) -> int:
        return round(self._time * 1e9)

    def monotonic(self) -> float:
        return self._monotonic

    def perf_counter(self) -> float:
        return self._monotonic

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)


def fake_clock(monkeypatch: pytest.MonkeyPatch, *modules: ModuleType, start: datetime | None = None) -> FakeClock:
    """Return a clock that `modules` read until the end of the test; each has to use `time` by `import time`.

    The wall clock starts at `start`, or now; the monotonic clock starts at 1000 seconds.
    """
    clock = FakeClock(start or datetime.now(UTC))
    for module in modules:
        monkeypatch.setattr(module, "time", clock)
    return clock
