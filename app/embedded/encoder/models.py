"""Models that are loaded at their first use and then stay."""

import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


class Models:
    """The loaded models of a process; `threads` is the number of threads that each may use."""

    def __init__(self, threads: int = 1) -> None:
        self.threads = threads
        self._loaded: dict[Callable[[Models], Any], Any] = {}
        # a model may be made of others
        self._loading = threading.RLock()

    def get(self, load: "Callable[[Models], T]") -> T:
        """Return what `load` returned at the first call; an error of `load` is raised, and the next call tries again.

        Raises ModelFileError if a file is missing or differs.
        """
        if load in self._loaded:
            return self._loaded[load]  # without the lock: another model may be loading
        with self._loading:
            # another thread may have loaded it while this one waited
            self._loaded[load] = self._loaded[load] if load in self._loaded else load(self)
            return self._loaded[load]
