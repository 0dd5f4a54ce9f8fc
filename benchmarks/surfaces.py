"""Measure the processor time of one event of a stream on each surface, without sockets.

    python benchmarks/surfaces.py

Each surface gets the same 10,000 events of llama.cpp, one a read, as text and as the arguments of a tool call. Prints
the minimum of seven runs, and how many times that of chat it is. The runs of all surfaces take turns, so that all see
the same state of the machine. Fails if a surface takes more than 1.5 times as long as chat does.
"""

import sys
import time
from pathlib import Path
from unittest.mock import patch

import orjson

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from support.streams import start_stream
from support.surfaces.table import CONVERSATIONS, SETTINGS, Surface
from support.upstreams import OPENAI

from app import create_app
from app.backends.responses.chunk_decoder import CHAT, ChunkDecoder
from app.inference.service import InferenceService

EVENTS = 10_000
RUNS = 7
MAX_RATIO = 1.5


def arguments(text: str, **fields: str) -> dict:
    return {
        "tool_calls": [{"index": 0, **fields, "function": {"arguments": text, **({"name": "write"} if fields else {})}}]
    }


# the first delta, those in the middle, and the last one
KINDS = {
    "text": ({"content": "Hello"}, {"content": " there"}, {"content": "."}),
    "tool call": (arguments('{"text": "', id="call_1", type="function"), arguments(" there"), arguments('"}')),
}


def event(delta: dict, reason: str | None = None) -> bytes:
    choice = {"finish_reason": reason, "index": 0, "delta": delta}
    names = {"created": 1795416477, "id": "chatcmpl-BIPSTDjaPgZR8zhHPMJ8r5X6r7H5nXgx", "model": "org/model"}
    extra = {"system_fingerprint": "b0-unknown", "object": "chat.completion.chunk"}
    return b"data: %b\n\n" % orjson.dumps({"choices": [choice], **names, **extra})


def seconds_per_event(client, surface: Surface, kind: str) -> float:
    first, delta, last = KINDS[kind]
    reason = "tool_calls" if kind == "tool call" else "stop"
    reads = [event(first), *[event(delta)] * EVENTS, event(last), event({}, reason)]
    stream = start_stream(*reads, decoder=ChunkDecoder(CHAT, "org/model", "", {}))
    route, body = surface.request(streamed=True)
    started = time.process_time()
    with patch.object(InferenceService, "run", lambda *_, **__: stream):
        response = client.post(route, json=body, buffered=False)
    assert response.status_code == 200, response.data
    for _ in response.iter_encoded():
        pass
    return (time.process_time() - started) / EVENTS


def main() -> int:
    client = create_app({**OPENAI, **SETTINGS, "RATE_LIMIT": "900000000/second", "LOG_LEVEL": "error"}).test_client()
    highest = 0.0
    for kind in KINDS:
        surfaces = [one for one in CONVERSATIONS if one.streamed is not None and (one.has_tools or kind == "text")]
        best = dict.fromkeys(surfaces, 1.0)
        for _ in range(RUNS):
            for surface in surfaces:
                best[surface] = min(best[surface], seconds_per_event(client, surface, kind))
        for surface, seconds in best.items():
            ratio = seconds / best[surfaces[0]]
            highest = max(highest, ratio)
            print(f"{kind:>10} {surface.name:>24} {seconds * 1e6:6.1f} us {ratio:5.2f}")
    return int(highest > MAX_RATIO)


if __name__ == "__main__":
    sys.exit(main())
