"""The memory of a worker and its garbage collector."""

import gc

import psutil

from app.server.process_memory import FULL_COLLECTION_INTERVAL, freeze_startup_objects, limit_malloc_retention


def test_freed_large_blocks_go_back_to_the_system():
    process = psutil.Process()
    limit_malloc_retention()
    before = process.memory_info().rss
    for megabytes in (1, 8, 24):
        chunks = [bytes(64 * 1024) + b"x" for _ in range(16 * megabytes)]
        joined = b"".join(chunks)
        del chunks, joined
    assert process.memory_info().rss - before < 8 * 1024**2


def test_loaded_objects_are_frozen_and_the_rest_is_collected_less_often():
    thresholds = gc.get_threshold()
    gc.disable()
    try:
        freeze_startup_objects()
        assert gc.isenabled()
        assert gc.get_freeze_count() > 10_000
        assert gc.get_threshold() == (*thresholds[:2], FULL_COLLECTION_INTERVAL)
    finally:
        gc.unfreeze()
        gc.set_threshold(*thresholds)
