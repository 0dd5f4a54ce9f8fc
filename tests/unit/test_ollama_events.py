"""Streams in Ollama's form: every line fits the types of Ollama's client, however the upstream's bytes are cut."""

import json
import random
import time

import pytest
from ollama import ChatResponse, GenerateResponse
from support.streams import LIMITS, FakeReader, context, start_stream

from app.operations.sse import iter_events
from app.translators.ollama.translators import OLLAMA_CHAT, OLLAMA_GENERATE
from app.upstream.stream import StreamLimits

TEXT = ["Ein ", "Löwe", " 🦁", "\n", '"zitiert"', "\u2028", "."]
ARGUMENTS = '{"city": "Zürich", "days": [1, 2]}'
TYPES = {OLLAMA_CHAT: ChatResponse, OLLAMA_GENERATE: GenerateResponse}


def event(reason=None, **delta):
    choices = [{"index": 0, "delta": delta, "finish_reason": reason}]
    return b"data: %b\n\n" % json.dumps({"choices": choices}, ensure_ascii=False).encode()


def call(arguments, **named):
    return event(tool_calls=[{"index": 0, **named, "function": {**named, "arguments": arguments}}])


THOUGHTS = [event(reasoning=word) for word in ("Hm, ", "ja.")]
CALLS = [call("", id="c1", name="weather"), *(call(ARGUMENTS[at : at + 5]) for at in range(0, len(ARGUMENTS), 5))]
WHOLE = b"".join([event(role="assistant"), *THOUGHTS, *(event(content=word) for word in TEXT), *CALLS])
ENDED = WHOLE + event("tool_calls") + b"data: [DONE]\n\n"


def cut(data, seed):
    chooser = random.Random(seed)
    places = sorted(chooser.sample(range(1, len(data)), chooser.randint(0, 40)))
    return [data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True)]


def lines(translator, *reads, **options):
    body = b"".join(sent(translator, start_stream(*reads, **options)))
    assert body.endswith(b"\n")
    return [TYPES[translator](**json.loads(line)) for line in body.removesuffix(b"\n").split(b"\n")]


def sent(translator, stream):
    request = context()
    return iter_events(request, stream, translator.events({}, request, stream))


@pytest.mark.parametrize("seed", range(250))
def test_a_cut_stream_has_the_same_text_thoughts_and_calls(seed):
    parts = lines(OLLAMA_CHAT, *cut(ENDED, seed))
    assert "".join(part.message.content for part in parts) == "".join(TEXT)
    assert "".join(part.message.thinking or "" for part in parts) == "Hm, ja."
    [made] = [part.message.tool_calls for part in parts if part.message.tool_calls]
    assert [(one.function.name, one.function.arguments) for one in made] == [("weather", json.loads(ARGUMENTS))]
    assert [part.done for part in parts] == [False] * (len(parts) - 1) + [True]


@pytest.mark.parametrize("seed", range(250))
def test_a_cut_stream_of_a_prompt_has_the_same_text_and_thoughts(seed):
    parts = lines(OLLAMA_GENERATE, *cut(ENDED, seed))
    assert "".join(part.response for part in parts) == "".join(TEXT)
    assert "".join(part.thinking or "" for part in parts) == "Hm, ja."
    assert [part.done for part in parts] == [False] * (len(parts) - 1) + [True]


@pytest.mark.parametrize("translator", TYPES)
@pytest.mark.parametrize("seed", range(20))
def test_a_broken_stream_ends_with_an_error_and_is_never_done(translator, seed):
    stream = start_stream(*cut(WHOLE, seed))
    *parts, error = b"".join(sent(translator, stream)).removesuffix(b"\n").split(b"\n")
    assert [json.loads(part)["done"] for part in parts] == [False] * len(parts)
    assert list(json.loads(error)) == ["error"]


def test_a_last_character_that_waits_for_its_other_half_is_sent():
    half = b'data: {"choices": [{"index": 0, "delta": {"content": "a\\ud83e"}}]}\n\ndata: [DONE]\n\n'
    first, last, end = lines(OLLAMA_CHAT, half)
    assert (first.message.content, last.message.content, end.done_reason) == ("a", "\ufffd", "stop")


def test_silence_is_filled_with_white_space_in_front_of_a_line():
    reader = FakeReader(event(content="a"), silent=True)
    stream = start_stream(reader=reader, limits=StreamLimits(idle=LIMITS.idle, heartbeat=0.01))
    body = sent(OLLAMA_CHAT, stream)
    assert json.loads(next(body))["message"]["content"] == "a"
    started = time.monotonic()
    beat = next(body)
    assert time.monotonic() - started < LIMITS.idle
    assert beat == b" "
    assert json.loads(beat + b'{"done": true}') == {"done": True}
