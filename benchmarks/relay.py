"""Processor time for reading, checking and giving on one event, without sockets.

    python benchmarks/relay.py

The least of five runs over 20,000 events of llama.cpp's: given on as they came, with the model's name put right, and as
events of /v1/text/generate. Beside it the time of the one `orjson.loads` that each event costs.
"""

import sys
import time
import timeit
from pathlib import Path

import orjson

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from support.streams import context, stream_of

from app.backends.responses.chunk_decoder import CHAT, ChunkDecoder
from app.operations.openai_passthrough import OpenAIEvents
from app.operations.sse import iter_events
from app.operations.text_generation import TextEvents

EVENTS = 20_000
RUNS = 5


def event(model: str, reason: str | None = None) -> bytes:
    choice = {"finish_reason": reason, "index": 0, "delta": {"content": " there"}}
    names = {"created": 1795416477, "id": "chatcmpl-BIPSTDjaPgZR8zhHPMJ8r5X6r7H5nXgx", "model": model}
    more = {"system_fingerprint": "b0-unknown", "object": "chat.completion.chunk"}
    return b"data: %b\n\n" % orjson.dumps({"choices": [choice], **names, **more})


def once(model: str, *, as_text: bool) -> float:
    """Return the seconds for an event."""
    stream = stream_of(*[event(model)] * EVENTS, event(model, "stop"), reader=ChunkDecoder(CHAT, "org/model", "", {}))
    stream.wait_first_event()
    request = context()
    events = TextEvents(request, stream) if as_text else OpenAIEvents(stream, include_usage=False)
    began = time.process_time()
    for _ in iter_events(request, stream, events):
        pass
    return (time.process_time() - began) / EVENTS


def main() -> None:
    cases = {
        "as it came": ("org/model", False),
        "with the model's name put right": ("theirs", False),
        "as text": ("org/model", True),
    }
    for name, (model, as_text) in cases.items():
        best = min(once(model, as_text=as_text) for _ in range(RUNS))
        print(f"{name}: {best * 1e6:.1f} us an event")
    data = event("org/model")[6:-2]
    print(f"orjson.loads alone: {timeit.timeit(lambda: orjson.loads(data), number=EVENTS) / EVENTS * 1e6:.1f} us")


if __name__ == "__main__":
    main()
