"""Events of streams: split, decoded in the dialects of the backends, and sent to the client in one form."""

import json
import tracemalloc

import pytest
from support.streams import parse_stream, run_stream, sent_to_client, start_stream

from app.backends.responses.chunk_decoder import TEXT, ChunkDecoder
from app.backends.responses.sse import EventSplitter
from app.errors import UpstreamInvalidResponse

FIRST = b'data: {"choices": [{"index": 0, "delta": {"content": "Hi"}}]}\n\n'
LAST = b'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\n'
DONE = b"data: [DONE]\n\n"
NAMES = {"id": "a", "object": "chat.completion.chunk", "created": 5, "model": "org/model"}


def test_response_is_incomplete_while_one_choice_has_no_finish_reason():
    other = b'data: {"choices": [{"index": 1, "delta": {"content": "x"}}]}\n\n'
    response = run_stream(FIRST, other, LAST)
    assert (response.done, response.errors) == (False, ["upstream_invalid_response"])


def test_reasoning_is_part_of_estimated_usage():
    thought = b'data: {"choices": [{"delta": {"reasoning": "one two three"}, "finish_reason": "stop"}]}\n\n'
    [usage] = run_stream(thought, DONE).usages
    assert usage["completion_tokens"] == 3


def test_chunks_without_id_and_date_take_those_of_the_first_chunk():
    def chunk(**names):
        return b"data: %b\n\n" % json.dumps({"choices": [{"index": 0, "delta": {"content": "x"}}], **names}).encode()

    response = run_stream(chunk(id="a", created=5), chunk(id="", created=0), chunk(id=5, created="x"), LAST)
    assert {(event["id"], event["created"]) for event in response.events} == {("a", 5)}
    assert {event["model"] for event in response.events} == {"org/model"}


@pytest.mark.parametrize("other", [{"id": "b"}, {"created": 6}, {"model": "theirs"}, {"object": "chat.completion"}])
def test_all_chunks_have_the_id_date_and_model_of_the_first(other):
    choices = [{"index": 0, "delta": {"content": "x"}, "finish_reason": "stop"}]
    events = [b"data: %b\n\n" % json.dumps({**NAMES, **more, "choices": choices}).encode() for more in ({}, other)]
    for event in run_stream(*events).events:
        assert {name: event[name] for name in NAMES} == NAMES


@pytest.mark.parametrize("names", [[[1]], [None, "", " "], ["org/theirs"], ["", "org/theirs"], [None, "org/theirs"]])
def test_without_a_requested_model_the_chunks_name_that_of_the_upstream_and_never_none(names):
    def event(name, **choice):
        return (
            b"data: %b\n\n" % json.dumps({"model": name, "choices": [{"delta": {"content": "x"}, **choice}]}).encode()
        )

    response = run_stream(*map(event, names), LAST, decoder=ChunkDecoder(TEXT, None, "a", {}))
    assert response.events[-1]["model"] == ("org/theirs" if "org/theirs" in names else "default")
    assert all(event["model"].strip() for event in response.events)


def test_message_next_to_a_delta_is_ignored():
    event = b'data: {"choices": [{"delta": {}, "message": {"content": "Hi"}, "finish_reason": "stop"}]}\n\n'
    assert run_stream(FIRST, event).text == "Hi"


def event_of(**choice):
    return b"data: %b\n\n" % json.dumps({"choices": [{"index": 0, **choice}]}).encode()


@pytest.mark.parametrize("thinking", ["Hm.", [{"type": "text", "text": "H"}, {"type": "text", "text": "m."}]])
def test_thinking_parts_of_the_content_become_reasoning(thinking):
    parts = [{"type": "thinking", "thinking": thinking}, {"type": "text", "text": "Hi"}, 5, {"text": None}]
    response = run_stream(event_of(delta={"content": parts}, finish_reason="stop"))
    [delta] = [event["choices"][0]["delta"] for event in response.events if event["choices"]]
    assert delta == {"content": "Hi", "reasoning_content": "Hm."}


@pytest.mark.parametrize("content", [[{"thinking": 5}], [{"text": {}}], [{"text": [{"text": 5}, 5]}]])
def test_parts_without_text_add_none(content):
    assert run_stream(event_of(delta={"content": content}, finish_reason="stop")).text == ""


def test_tool_calls_of_coheres_stream_are_decoded():
    def call(kind, **call):
        return (
            b"data: %b\n\n"
            % json.dumps({"type": kind, "index": 1, "delta": {"message": {"tool_calls": call}}}).encode()
        )

    end = b'data: {"type": "message-end", "delta": {"finish_reason": "TOOL_CALL"}}\n\n'
    first = call("tool-call-start", id="a", type="function", function={"name": "f", "arguments": ""})
    response = run_stream(first, call("tool-call-delta", function={"arguments": "{}"}), end)
    calls = [
        one for event in response.events for choice in event["choices"] for one in choice["delta"].get("tool_calls", ())
    ]
    assert [(one.get("id"), one["function"]["arguments"]) for one in calls] == [("a", ""), (None, "{}")]
    assert response.finish_reasons == ["tool_calls"]


@pytest.mark.parametrize(
    ("feeds", "expected"),
    [
        ([b"data: a\r", b"\ndata: b\r", b"\n\r\n"], [b"a\nb"]),
        ([b"data: a\r\r"], [b"a"]),
        ([b"\xef\xbb\xbfdata: a\n\n"], [b"a"]),
        ([b"data:  a \n\n"], [b" a "]),
        ([b"data: a\n", b"\n", b"data: b\n\n"], [b"a", b"b"]),
        ([b"data: " + b"x" * 60_000] + [b"x" * 60_000] * 16 + [b"\n\n"], [b"x" * 1_020_000]),
    ],
)
def test_events_are_split_as_soon_as_they_end(feeds, expected):
    splitter = EventSplitter()
    assert [event for data in feeds for event in splitter.feed(data)] == expected


@pytest.mark.parametrize("data", [b"x" * 65_536, b"data: " + b"x" * 60_000 + b"\n", b"data:\n" * 10_000])
def test_event_that_never_ends_is_an_invalid_response(data):
    splitter = EventSplitter()
    with pytest.raises(UpstreamInvalidResponse):
        list(map(splitter.feed, [data] * 20))


def test_event_of_several_lines_is_sent_in_one_line():
    event = json.dumps({**NAMES, "choices": [{"index": 0, "delta": {"content": "Hi"}}]}, indent=1).encode()
    body = sent_to_client(start_stream(b"".join(b"data: %b\n" % line for line in event.splitlines()) + b"\n", LAST))
    assert parse_stream(body).text == "Hi"


def test_number_of_choices_and_tool_calls_is_limited():
    choice = b'data: {"choices": [{"index": %d, "delta": {"content": "x"}}]}\n\n'
    for index in (128, -1, 10**18):
        assert run_stream(FIRST, choice % index).errors == ["upstream_invalid_response"]
    assert run_stream(FIRST, choice % 127, DONE).done
    calls = b'{"id": "%d", "function": {"name": "f"}}'
    event = b'data: {"choices": [{"index": 0, "delta": {"tool_calls": [%b]}}]}\n\n'
    for count, fails in ((1000, False), (1001, True)):
        many = event % b",".join(calls % number for number in range(count))
        assert bool(run_stream(FIRST, many, DONE).errors) == fails


def test_long_text_is_counted_without_being_stored():
    event = event_of(delta={"content": "word " * 1000})
    stream = start_stream(event)
    tracemalloc.start()
    try:
        decoder = stream.decoder
        for _ in range(1000):
            decoder.decode(event[6:-2])
        assert tracemalloc.get_traced_memory()[0] < len(event) * 10
        assert 1_001_000 <= decoder.usage.completion_tokens <= 1_001_020
    finally:
        tracemalloc.stop()


def test_missing_finish_reason_is_added_at_the_end():
    call = b'"tool_calls": {"function": {"name": "f", "parameters": {"a": 1}}}'
    chat = run_stream(b'data: {"choices": [{"delta": {%b}}]}\n\n' % call, DONE)
    assert chat.finish_reasons == ["tool_calls"]
    text = run_stream(FIRST, DONE, decoder=ChunkDecoder(TEXT, None, "a", {}))
    assert (text.text, text.finish_reasons) == ("Hi", ["stop"])
