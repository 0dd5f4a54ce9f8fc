"""Parsing responses that the recordings in tests/contract do not contain."""

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.backends.base import UpstreamResponse
from app.backends.responses.chunk_decoder import CHAT, TEXT
from app.backends.responses.parse import parse_completion, parse_generation
from app.backends.responses.sse import iter_event_data
from app.errors import ServiceError, UpstreamInvalidResponse
from app.json_depth import exceeds_json_depth

KEYS = st.sampled_from(
    [
        "choices",
        "message",
        "delta",
        "content",
        "text",
        "finish_reason",
        "usage",
        "prompt_tokens",
        "completion_tokens",
        "logprobs",
        "top_logprobs",
        "token",
        "tokens",
        "logprob",
        "error",
        "code",
        "type",
        "generated_text",
        "details",
        "generated_tokens",
        "prefill",
        "index",
        "x_groq",
        "status_code",
        "special",
        "input_length",
        "tool_calls",
        "function",
        "function_call",
        "custom",
        "arguments",
        "input",
        "name",
        "id",
        "model",
    ]
)
NUMBERS = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | NUMBERS | st.text()
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(max_size=5), inner, max_size=6),
    max_leaves=30,
)


def read(payload, media_type="application/json", **headers):
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return parse_generation(UpstreamResponse(200, {"content-type": media_type, **headers}, body), None, "prompt")


@given(JSON)
def test_any_json_is_parsed_or_raises_a_service_error(payload):
    for media_type in ("application/json", "text/event-stream"):
        data = json.dumps(payload).encode()
        body = b"data: " + data + b"\n\n" if media_type == "text/event-stream" else data
        try:
            response = read(body, media_type)
        except ServiceError:
            continue
        assert response.usage.total_tokens == response.usage.prompt_tokens + response.usage.completion_tokens


TEXTS = st.sampled_from(["", "f", "{", '{"a":1}', "}", "\ud83d", "\ude00", "x"])
PART = st.fixed_dictionaries({}, optional={"name": SCALARS | TEXTS, "arguments": JSON | TEXTS, "input": JSON | TEXTS})
CALL = st.fixed_dictionaries(
    {},
    optional={
        "index": SCALARS | st.integers(0, 2),
        "id": SCALARS | st.sampled_from(["", "a", "b"]),
        "type": SCALARS | st.sampled_from(["function", "custom", "search"]),
        "function": PART | JSON,
        "custom": PART | JSON,
    },
)
DELTA = st.fixed_dictionaries(
    {},
    optional={"content": SCALARS | TEXTS, "tool_calls": st.lists(CALL | st.none(), max_size=3), "function_call": PART},
)
EVENT = st.fixed_dictionaries(
    {
        "choices": st.lists(
            st.fixed_dictionaries({"delta": DELTA | JSON, "index": st.sampled_from([0, 1, None])}), max_size=2
        )
    }
)


@given(st.lists(EVENT, max_size=5), st.sampled_from([CHAT, TEXT]), st.booleans())
def test_any_events_are_parsed_or_raise_a_service_error(events, kind, streamed):
    bodies = [b"data: %b\n\n" % json.dumps(event).encode() for event in events]
    body = b"".join(bodies) + b"data: [DONE]\n\n" if streamed else json.dumps({"choices": events}).encode()
    try:
        result = parse_completion(UpstreamResponse(200, {}, body), kind, None, "prompt")
    except ServiceError:
        return
    assert json.loads(orjson.dumps(result.payload))["model"]
    for choice in result.payload["choices"]:
        for call in choice.get("message", {}).get("tool_calls") or ():
            assert isinstance(call.get("function", {}).get("arguments", ""), str)


@given(st.binary(max_size=200))
def test_any_bytes_raise_a_service_error(body):
    for media_type in ("application/json", "text/event-stream", "text/html"):
        with pytest.raises(ServiceError):
            read(body, media_type)


def test_the_choice_with_index_0_is_returned():
    choices = [{"index": 1, "message": {"content": "b"}}, {"index": 0, "message": {"content": "a"}}]
    assert read({"choices": choices}).text == "a"


def test_special_tokens_are_left_out_of_the_text():
    events = [
        {"token": {"text": "Hi", "special": False}, "generated_text": None, "details": None},
        {"token": {"text": "</s>", "special": True}, "generated_text": "Hi", "details": {"finish_reason": "eos_token"}},
    ]
    body = "".join(f"data:{json.dumps(event)}\n\n" for event in events).encode()
    response = read(body, "text/event-stream")
    assert (response.text, response.finish_reason) == ("Hi", "stop")


def test_counts_of_the_headers_are_used_if_the_body_has_none():
    headers = {"x-prompt-tokens": "12", "x-generated-tokens": "0"}
    usage = read({"generated_text": "Hi"}, **headers).usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.estimated) == (12, 0, False)


@pytest.mark.parametrize("value", [-1, True, 2**64 - 1, "12", 1.5, None, []])
def test_invalid_counts_are_replaced_by_estimates(value):
    usage = {"prompt_tokens": value, "completion_tokens": value}
    read_usage = read({"choices": [{"message": {"content": "12345678"}}], "usage": usage}).usage
    assert (read_usage.prompt_tokens, read_usage.completion_tokens, read_usage.estimated) == (2, 8, True)


@pytest.mark.parametrize(
    ("logprobs", "tops"),
    [
        (None, []),
        ({}, []),
        ({"content": [{"token": "a", "logprob": -1}]}, [{"a": -1}]),
        ({"content": [{"token": "a", "logprob": -1, "top_logprobs": "x"}]}, [{"a": -1}]),
        ({"content": [{"token": "a", "top_logprobs": [{"token": "b", "logprob": -2}, 5]}, 7]}, [{"b": -2}]),
        ({"content": [{"token": 5, "logprob": "x"}]}, [{}]),
        ({"tokens": ["a", "b"], "top_logprobs": [{"a": -1, "c": None}, None]}, [{"a": -1}, {}]),
        ({"tokens": ["a"], "top_logprobs": None}, []),
    ],
)
def test_valid_log_probabilities_are_parsed_and_others_skipped(logprobs, tops):
    response = read({"choices": [{"message": {"content": "a"}, "logprobs": logprobs}]})
    assert [dict(position.top) for position in response.logprobs] == tops


@pytest.mark.parametrize("message", [{"content": {"text": "a"}}, {"content": [{"text": "a"}, {"text": 5}]}])
def test_content_that_is_a_list_of_parts_is_joined(message):
    assert read({"message": message, "finish_reason": "COMPLETE"}).text == "a"


def test_a_stream_that_ends_in_done_needs_no_finish_reason():
    body = b'data: {"choices": [{"delta": {"content": "Hi"}}]}\n\ndata: [DONE]\n\n'
    assert read(body, "text/event-stream").finish_reason == "stop"


SAID = b'data: {"choices": [{"delta": {"content": "Hi"}}]}\n\n'
DONE = b"data: [DONE]\n\n"


@pytest.mark.parametrize(
    "data",
    [
        b"null", b"{}", b"[]", b"", b" ", b'{"ping": 1}', b'{"type": "ping"}', b'{"type": "ping", "delta": null}',
        b'{"id": "c1", "object": "chat.completion.chunk"}', b'{"choices": null}', b'{"choices": []}',
        b'{"choices": {}}', b'{"choices": [null]}', b'{"x_groq": {"id": "r"}}', b'{"message": null}',
    ],
)  # fmt: skip
def test_an_event_that_says_nothing_is_skipped(data):
    for events in ((data, SAID[6:-2]), (SAID[6:-2], data)):
        body = b"".join(b"data: %b\n\n" % event for event in events) + DONE
        assert read(body, "text/event-stream").text == "Hi"


@pytest.mark.parametrize(
    "data",
    [
        b"{", b'"rubbish"', b"<html>", b'{"message": "Out of memory."}', b'{"detail": "Not found."}',
        b'{"choices": {"delta": {}}}', b'{"choices": "x"}', b'{"type": "error", "message": "No."}',
    ],
)  # fmt: skip
def test_an_event_that_cannot_be_read_is_an_invalid_response(data):
    with pytest.raises(UpstreamInvalidResponse):
        read(b"data: %b\n\n" % data + SAID + DONE, "text/event-stream")


@pytest.mark.parametrize(
    "payload",
    [
        {"choices": []},
        {"done": True},
        {"type": "about:blank"},
        {"type": "error", "message": "Rate limit exceeded"},
        {"generated_text": None},
        {"message": {}},
        {"choices": [{"index": 1, "message": {"content": "b"}}]},
    ],
)
def test_json_without_a_choice_is_an_invalid_response(payload):
    with pytest.raises(UpstreamInvalidResponse):
        read(payload)


def test_a_stream_without_chunks_is_an_invalid_response():
    with pytest.raises(UpstreamInvalidResponse):
        read(b"data: [DONE]\n\n", "text/event-stream")


def test_a_choice_without_an_index_is_the_first():
    assert read({"choices": [{"index": None, "message": {"content": "a"}}]}).text == "a"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_events_end_at_any_line_end_and_comments_are_skipped(end):
    lines = [": hi", "event: message", "data: a", "data:b", "", "id: 1", "", "data: c", "", "data", "data: d"]
    assert list(iter_event_data(end.join(lines).encode())) == [b"a\nb", b"c", b"d"]


def test_half_a_character_does_not_make_many_brackets_deep():
    payload = ["\ud83d", *[[] for _ in range(300)]]
    assert not exceeds_json_depth(payload, json.dumps(payload).encode())
