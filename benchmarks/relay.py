"""Measure the processor time to read, check and relay one event of a stream, without sockets.

    python benchmarks/relay.py

Prints the minimum of five runs over 20,000 events of llama.cpp: passed on unchanged, with the model's name replaced,
and as events of /v1/text/generate. The time of one `orjson.loads`, which each event needs, is printed for comparison.
"""

import sys
import time
import timeit
from pathlib import Path

import orjson

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from support.streams import context, start_stream

from app.backends.responses.chunk_decoder import CHAT, ChunkDecoder
from app.operations.openai_passthrough import OpenAIEvents
from app.operations.sse import iter_events
from app.operations.text_generation import TextEvents

EVENTS = 20_000
RUNS = 5


def event(model: str, reason: str | None = None) -> bytes:
    choice = {"finish_reason": reason, "index": 0, "delta": {"content": " there"}}
    names = {"created": 1795416477, "id": "chatcmpl-BIPSTDjaPgZR8zhHPMJ8r5X6r7H5nXgx", "model": model}
    extra = {"system_fingerprint": "b0-unknown", "object": "chat.completion.chunk"}
    return b"data: %b\n\n" % orjson.dumps({"choices": [choice], **names, **extra})


def seconds_per_event(model: str, *, as_text: bool) -> float:
    decoder = ChunkDecoder(CHAT, "org/model", "", {})
    stream = start_stream(*[event(model)] * EVENTS, event(model, "stop"), decoder=decoder)
    request = context()
    events = TextEvents(request, stream) if as_text else OpenAIEvents(request, stream, include_usage=False)
    started = time.process_time()
    for _ in iter_events(request, stream, events):
        pass
    return (time.process_time() - started) / EVENTS


def main() -> None:
    cases = {
        "unchanged": ("org/model", False),
        "with the model's name replaced": ("theirs", False),
        "as text events": ("org/model", True),
    }
    for name, (model, as_text) in cases.items():
        best = min(seconds_per_event(model, as_text=as_text) for _ in range(RUNS))
        print(f"{name}: {best * 1e6:.1f} us per event")
    data = event("org/model")[6:-2]
    print(f"orjson.loads alone: {timeit.timeit(lambda: orjson.loads(data), number=EVENTS) / EVENTS * 1e6:.1f} us")


if __name__ == "__main__":
    main()
