"""What is looked up at each scrape: what the service depends on, the memory it uses, and which version it is."""

import os
import platform
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from prometheus_client import CollectorRegistry

from app.observability.metrics.labelled_metric import gauge
from app.version import __version__

_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
_SHARE = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)


class ProcessMetrics:
    """`dependencies` maps the name of each to what tells whether it is there.

    `arbiter` is the process whose memory is told with that of its children; without one it is this process'.
    """

    arbiter: int | None = None

    def __init__(self, registry: CollectorRegistry, dependencies: Mapping[str, Callable[[], bool]]) -> None:
        self._up = [
            (gauge(registry, f"{name}_up", f"Whether {name} answers.", workers="livemostrecent")[()], answers)
            for name, answers in dependencies.items()
        ]
        build = gauge(registry, "build_info", "What runs.", "version", "python", workers="livemax")
        build[__version__, platform.python_version()].set(1)
        self._resident = gauge(
            registry,
            "resident_memory_bytes",
            "Memory of the server's processes, what they share counted once; without the embedded engine.",
            workers="livemostrecent",
        )[()]
        with suppress(OSError, ValueError):  # no such file, or `max`
            limit = int(_CGROUP_LIMIT.read_text())
            gauge(registry, "memory_limit_bytes", "Memory that the container may use.", workers="livemax")[()].set(
                limit
            )

    def look(self) -> None:
        """Bring the metrics up to date."""
        for up, answers in self._up:
            up.set(answers())
        self._resident.set(sum(map(_memory, self._processes())))

    def _processes(self) -> list[int]:
        if self.arbiter is None:
            return [os.getpid()]
        children = Path(f"/proc/{self.arbiter}/task/{self.arbiter}/children").read_text()
        return [self.arbiter, *map(int, children.split())]


def _memory(process: int) -> int:
    """Return the bytes of a process, its part of what it shares with others; 0 of one that has ended."""
    with suppress(OSError):
        found = _SHARE.search(Path(f"/proc/{process}/smaps_rollup").read_text())
        return int(found[1]) * 1024 if found else 0
    return 0
