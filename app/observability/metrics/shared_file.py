"""Files of metrics that several workers share, without a SIGBUS when the file system is full."""

import os
from pathlib import Path
from typing import Any

from prometheus_client.mmap_dict import MmapedDict

# the size that prometheus_client gives a new file
INITIAL_BYTES = 64 * 1024


class ReservedFile(MmapedDict):
    """A file whose blocks are reserved before they are mapped.

    prometheus_client only sets the length of a file. Where no block is free, the first write to the mapped page ends
    the process with SIGBUS. Raises OSError instead.
    """

    _capacity: int
    _used: int
    _f: Any

    def __init__(self, filename: str, read_mode: bool = False) -> None:
        if not read_mode:
            _reserve(filename, INITIAL_BYTES)
        super().__init__(filename, read_mode)  # type: ignore[no-untyped-call]  # of the library

    def _init_value(self, key: str) -> None:
        # a value takes its key, its length, padding of at most 8 bytes and two doubles
        needed = self._used + len(key.encode()) + 32
        if needed > self._capacity:
            _reserve(self._f.name, max(2 * self._capacity, needed))
        super()._init_value(key)  # type: ignore[no-untyped-call]  # of the library


def _reserve(filename: str, size: int) -> None:
    with Path(filename).open("ab") as file:
        os.posix_fallocate(file.fileno(), 0, size)
