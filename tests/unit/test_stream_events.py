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


USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}


def data_of(event):
    return b"data: %b\n\n" % (event if isinstance(event, bytes) else json.dumps(event).encode())


@pytest.mark.parametrize(
    "event",
    [
        {"id": "c1", "choices": None, "usage": USAGE},
        {"id": "c1", "usage": USAGE},
        {"choices": [], "usage": USAGE},
        {"choices": {}, "usage": USAGE},
        {"choices": [None], "usage": USAGE},
        {"type": "usage", "usage": USAGE},
        {"x_groq": {"usage": USAGE}},
        {"choices": [{"index": 0, "delta": {}, "usage": USAGE}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "usage": USAGE}]},
    ],
)
def test_usage_is_taken_from_wherever_it_comes(event):
    for events in ([FIRST, data_of(event), LAST, DONE], [FIRST, LAST, data_of(event)], [data_of(event), FIRST, LAST]):
        response = run_stream(*events)
        assert (response.text, response.done, response.errors, response.usages) == ("Hi", True, [], [USAGE])


def test_usage_of_a_later_event_adds_to_the_one_before():
    later = {"choices": [], "usage": {"completion_tokens": 4, "prompt_tokens": None, "queue_time": 0.1}}
    [usage] = run_stream(FIRST, data_of({"usage": USAGE}), LAST, data_of(later)).usages
    assert usage == {**USAGE, "completion_tokens": 4, "queue_time": 0.1}


def test_counts_that_are_written_as_floats_are_counts():
    [usage] = run_stream(FIRST, LAST, data_of({"usage": {name: float(count) for name, count in USAGE.items()}})).usages
    assert usage == USAGE
    assert all(isinstance(count, int) for count in usage.values())


NOTHING = [
    b"null", b"{}", b"[]", b"5", b"true", b'""', b'{"choices": null}', b'{"id": "c1"}', b'{"ping": 1}',
    b'{"error": null}', b'{"error": {"message": ""}}',
]  # fmt: skip


@pytest.mark.parametrize("event", NOTHING)
def test_event_that_says_nothing_is_passed_over_wherever_it_comes(event):
    odd = data_of(event)
    response = run_stream(odd, FIRST, odd, LAST, odd, DONE)
    assert (response.text, response.done, response.errors) == ("Hi", True, [])
    assert len(response.events) == 3  # with the usage


@pytest.mark.parametrize(
    "rest",
    [
        data_of(b"{"), data_of(b"rubbish"), data_of(b'"text"'), b"<html>", b"data: {", data_of({"choices": [5]}),
        data_of({"choices": [{"delta": 5}]}), data_of({"message": "bye"}), data_of({"choices": [{"index": 999}]}),
        b"data: " + b"x" * 1_100_000,
    ],
)  # fmt: skip
def test_finished_response_is_complete_whatever_follows(rest):
    ends = []
    response = run_stream(FIRST, LAST, rest, DONE, on_end=ends.append)
    assert (response.text, response.done, response.errors, ends) == ("Hi", True, [], [None])
    unfinished = run_stream(FIRST, rest, LAST, DONE)
    # a line of another form is no event
    assert unfinished.errors == ([] if rest == b"<html>" else ["upstream_invalid_response"])


def halves(*texts, field="content", **extra):
    """Events whose field has these texts, in JSON as a tokenizer cuts it."""
    return [
        data_of(json.dumps({"choices": [{"index": 0, "delta": {field: text, **extra}}]}).encode()) for text in texts
    ]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["\ud83d", "\ude00"], "😀"),
        (["a\ud83d", "\ude00b"], "a😀b"),
        (["\ud83d", "", "\ude00\ud83d", "\ude00"], "😀😀"),
        (["\ud83d", "x"], "\ufffdx"),
        (["\ud83d", "\ud83d", "\ude00"], "\ufffd😀"),
        (["\ude00", "y"], "\ufffdy"),
        (["\ud83d"], "\ufffd"),
        (["é\ud83d\ude00", "\ud83d"], "é😀\ufffd"),
    ],
)
@pytest.mark.parametrize("end", [LAST, DONE])
def test_halves_of_a_character_are_joined_and_one_alone_is_replaced(texts, expected, end):
    response = run_stream(*halves(*texts), end)
    assert (response.text, response.done) == (expected, True)
    text = run_stream(*halves(*texts), end, decoder=ChunkDecoder(TEXT, None, "a", {}))
    assert text.text == expected


def test_halves_are_joined_within_their_field_choice_and_call_only():
    def call(index, half):
        return {"index": index, "function": {"name": f"f{index}", "arguments": half}}

    high, low = "\ud83d", "\ude00"
    deltas = [
        {"content": high, "reasoning_content": low, "tool_calls": [call(0, high), call(1, high)]},
        {"reasoning_content": high, "tool_calls": [call(1, low)]},
        {"content": low, "tool_calls": [call(0, "x")]},
        {"tool_calls": [call(1, high)]},
    ]
    other = {"choices": [{"index": 1, "delta": {"content": low}, "finish_reason": "stop"}]}
    events = [data_of({"choices": [{"index": 0, "delta": delta}]}) for delta in deltas]
    response = run_stream(events[0], data_of(other), *events[1:], data_of({"choices": [{"finish_reason": "stop"}]}))
    texts = {"content": "", "reasoning_content": "", 0: "", 1: "", "other": ""}
    for choice in (choice for event in response.events for choice in event["choices"]):
        delta = choice["delta"]
        texts["content" if choice["index"] == 0 else "other"] += delta.get("content") or ""
        texts["reasoning_content"] += delta.get("reasoning_content") or ""
        for one in delta.get("tool_calls", ()):
            texts[one["index"]] += one["function"]["arguments"]
    replaced = "\ufffd"
    assert texts == {
        "content": "😀", "reasoning_content": replaced * 2, 0: f"{replaced}x", 1: f"😀{replaced}", "other": replaced,
    }  # fmt: skip


def test_half_that_is_held_back_comes_with_the_finish_reason():
    end = data_of({"choices": [{"index": 0, "delta": {"content": None}, "finish_reason": "stop"}]})
    response = run_stream(*halves("a\ud83d"), end, *halves("\ud83d"))
    assert [event["choices"][0]["delta"].get("content") for event in response.events[:-1]] == ["a", "\ufffd", "\ufffd"]


def test_fields_that_are_no_fragments_have_no_halves():
    logprobs = {"content": [{"token": "\ud83d", "logprob": -1}]}
    event = {"id": "\ud83d", "\ud83d": 1, "choices": [{"index": 0, "delta": {"content": "a"}, "logprobs": logprobs}]}
    first, second, *_ = run_stream(data_of(event), data_of(event), LAST).events
    for one in (first, second):
        assert one["choices"][0]["logprobs"]["content"][0]["token"] == "\ufffd"
        assert one["\ufffd"] == 1
    assert first["id"] == "\ufffd"


def test_halves_in_nested_fields_are_replaced_at_the_end():
    details = [{"index": 3, "text": "\ud83d"}]
    events = halves("a", parts=["\ud83d"], details=details)
    last = run_stream(*events, DONE).events[1]["choices"][0]
    assert last["delta"] == {"parts": ["\ufffd"], "details": [{"index": 3, "text": "\ufffd"}]}


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e999"])
def test_numbers_that_json_lacks_are_null(number):
    event = (
        b'{"choices": [{"index": 0, "delta": {"content": "a"}, "logprobs": {"content": [{"logprob": %b}]}}], "x": %b}'
    )
    first = run_stream(data_of(event % (number, number)), LAST).events[0]
    assert (first["choices"][0]["logprobs"]["content"][0]["logprob"], first["x"]) == (None, None)


def test_byte_order_mark_before_the_data_is_dropped():
    assert run_stream(b"\xef", b"\xbb\xbf" + FIRST.replace(b"data: ", b"data: \xef\xbb\xbf"), LAST).text == "Hi"


@pytest.mark.parametrize("number", [2**64, -(2**63) - 1, 10**40, 2**64 - 1])
@pytest.mark.parametrize("changed", [False, True])
def test_integers_beyond_64_bits_stay_what_they_were(number, changed):
    usage = {"usage": USAGE} if changed else {}
    choice = {"index": 0, "delta": {"content": "a"}, "seed": number, "finish_reason": "stop"}
    first = run_stream(data_of({**NAMES, "choices": [choice], "n": number, **usage})).events[0]
    assert (first["n"], first["choices"][0]["seed"]) == (number, number)


def test_choices_without_numbers_are_counted():
    choices = [{"delta": {"content": "a"}}, {"index": None, "delta": {"content": "b"}}, {"index": "2", "delta": {}}]
    [first, *_] = run_stream(data_of({"choices": choices}), DONE).events
    assert [choice["index"] for choice in first["choices"]] == [0, 1, 2]


@pytest.mark.parametrize("empty", [None, "", [], {}, False])
def test_delta_that_is_empty_says_nothing(empty):
    end = data_of({"choices": [{"index": 0, "delta": empty, "finish_reason": "stop"}]})
    assert run_stream(FIRST, end).finish_reasons == ["stop"]


SINGLE = b"".join(event.replace(b"\n\n", b"\n") for event in (FIRST, FIRST, LAST, DONE))


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_events_may_be_separated_by_one_line_end(end, size):
    body = SINGLE.replace(b"\n", end)
    response = run_stream(*[body[start : start + size] for start in range(0, len(body), size)])
    assert (response.text, response.finish_reasons, response.done) == ("HiHi", ["stop"], True)


def test_event_is_not_held_back_until_the_next_one():
    splitter = EventSplitter()
    assert splitter.feed(b'data: {"a": 1}\n') == [b'{"a": 1}']
    assert splitter.feed(b"\n") == []
    assert splitter.feed(b'data: {"a":\ndata: {"b": 1}\n') == []
    assert splitter.feed(b"data: }\n") == []  # looked at once, so the blank line decides
    assert splitter.feed(b"\n") == [b'{"a":\n{"b": 1}\n}']


@pytest.mark.parametrize("begin", [b"", b"\n\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf \r\n"])
def test_document_in_place_of_events_is_one_chunk(begin):
    message = {"choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}], "usage": USAGE}
    body = begin + json.dumps(message, indent=1).encode()
    for reads in ([body], [body[index : index + 1] for index in range(len(body))]):
        response = run_stream(*reads)
        assert (response.text, response.finish_reasons, response.usages, response.done) == (
            "Hi",
            ["stop"],
            [USAGE],
            True,
        )
    with pytest.raises(UpstreamInvalidResponse):
        start_stream(body[:-1])
