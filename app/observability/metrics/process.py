"""Metrics that each scrape reads anew: dependencies, memory and version."""

import os
import platform
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from prometheus_client import CollectorRegistry

from app.observability.metrics.labelled_metric import gauge
from app.version import __version__

# control groups version 2: https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files
CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
_PSS = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)


class ProcessMetrics:
    """Gauges of dependencies and of memory. `dependencies` maps each name to a function that checks it.

    `arbiter` is the process id of gunicorn's arbiter: its memory is measured together with that of its children.
    Without it the memory of this process is measured.
    """

    arbiter: int | None = None

    def __init__(
        self,
        registry: CollectorRegistry,
        dependencies: Mapping[str, Callable[[], bool]],
        key_file_is_valid: Callable[[], bool] = lambda: True,
    ) -> None:
        self._up = [
            (gauge(registry, f"{name}_up", f"1 if {name} responds, else 0.", workers="livemostrecent")[()], check)
            for name, check in dependencies.items()
        ]
        text = "0 if API_KEYS_FILE is invalid and earlier keys are in use, else 1."
        key_file = gauge(registry, "api_keys_file_valid", text, workers="livemostrecent")[()]
        self._up.append((key_file, key_file_is_valid))
        build = gauge(
            registry, "build_info", "Always 1; the labels are the versions.", "version", "python", workers="livemax"
        )
        build[__version__, platform.python_version()].set(1)
        self._resident = gauge(
            registry,
            "resident_memory_bytes",
            "Memory of the server's processes, shared memory counted once, without the embedded engine.",
            workers="livemostrecent",
        )[()]
        with suppress(OSError, ValueError):  # no such file, or `max`
            limit = int(CGROUP_LIMIT.read_text())
            gauge(registry, "memory_limit_bytes", "Memory limit of the container.", workers="livemax")[()].set(limit)

    def refresh(self) -> None:
        """Check the dependencies and measure the memory."""
        for up, check in self._up:
            up.set(check())
        self._resident.set(sum(map(_memory, self._processes())))

    def _processes(self) -> list[int]:
        if self.arbiter is None:
            return [os.getpid()]
        children = Path(f"/proc/{self.arbiter}/task/{self.arbiter}/children").read_text()
        return [self.arbiter, *map(int, children.split())]


def _memory(process: int) -> int:
    """Return the bytes of a process (its proportional set size), or 0 if the process has ended."""
    with suppress(OSError):
        match = _PSS.search(Path(f"/proc/{process}/smaps_rollup").read_text())
        return int(match[1]) * 1024 if match else 0
    return 0
