"""The state of the process: starting, ready or draining."""

import signal
from collections.abc import Callable
from dataclasses import dataclass, field

TERMINATION_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)


@dataclass
class Lifecycle:
    """The state that readiness reports; `has_started` is called until it returns true, then never again.

    `problem` returns why the service cannot start, "" while it may.
    """

    has_started: Callable[[], bool]
    problem: Callable[[], str] = lambda: ""
    draining: bool = False
    _started: bool = field(default=False, init=False)

    @property
    def state(self) -> str:
        """`draining`, `starting` or `ready`."""
        if self.draining:
            return "draining"
        self._started = self._started or self.has_started()
        return "ready" if self._started else "starting"
