"""Keeps a worker's memory at what it needs, whatever came through it, and the pauses for that short."""

import ctypes
import gc
from contextlib import suppress

# mallopt(3); the values are glibc's own first ones
M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3
KEPT_BYTES = 128 * 1024
# collections of middle-aged objects; Python's own 10 means every few hundred requests
FULL_COLLECTION_AFTER = 100


def limit_malloc_retention() -> None:
    """Have the allocator give large blocks back to the system.

    glibc raises its thresholds to the largest block that was ever freed, up to 32 MiB, and from then on keeps twice as
    much; setting them turns that off. Other C libraries have neither the call nor the habit.
    """
    with suppress(AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_THRESHOLD, KEPT_BYTES)
        mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)


def freeze_startup_objects() -> None:
    """Take what is loaded by now out of the garbage collector's sight, and have it look through the rest, more rarely.

    In its pauses nobody is served, and they grow with what it looks through: 2,000 connections take it 70 ms, for some
    forty objects that are garbage.
    """
    gc.collect()
    gc.freeze()
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, FULL_COLLECTION_AFTER)
    gc.enable()
