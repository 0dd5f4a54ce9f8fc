"""Responses of an upstream's own route of the Responses API: events, errors, usage, and what servers leave out."""

import json
from functools import partial

import pytest
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from app.backends.responses.optional_route import OtherRouteResponse
from app.backends.responses.responses_decoder import ResponsesDecoder, parse_response
from app.backends.responses.sse import EventSplitter
from app.backends.upstream_response import UpstreamResponse
from app.errors import (
    UpstreamInvalidResponse,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamUnavailable,
)

EVENT = TypeAdapter(ResponseStreamEvent)
TEXT = {"type": "output_text", "text": "Hello", "annotations": []}
MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [TEXT]}
USAGE = {"input_tokens": 7, "output_tokens": 3, "total_tokens": 10}
RESPONSE = {"id": "resp_1", "object": "response", "status": "completed", "model": "up", "output": [MESSAGE]}
CREATED = {"type": "response.created", "response": {"id": "resp_1", "object": "response", "status": "in_progress"}}
ADDED = {"type": "response.output_item.added", "item": {**MESSAGE, "status": "in_progress", "content": []}}
PART = {"type": "response.content_part.added", "item_id": "msg_1", "part": {"type": "output_text", "text": ""}}
DELTA = {"type": "response.output_text.delta", "item_id": "msg_1", "delta": "Hello"}
DONE = {"type": "response.output_text.done", "item_id": "msg_1", "text": "Hello"}
COMPLETED = {"type": "response.completed", "response": {**RESPONSE, "usage": USAGE}}
STREAM = (CREATED, ADDED, PART, DELTA, DONE, COMPLETED)


def decoder(model="org/small", headers=None, **options):
    return ResponsesDecoder(model, "What is it?", headers or {}, **options)


def decode(one, *events):
    """Return the events that a client gets, as JSON."""
    chunks = [one.decode_event(json.dumps(event).encode()) for event in events]
    lines = b"".join(chunk.data for chunk in chunks if chunk).splitlines()
    return [json.loads(line[6:]) for line in lines if line.startswith(b"data: ")]


def parse(body, status=200, model="org/small", **headers):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return parse_response(UpstreamResponse(status, headers, data), partial(ResponsesDecoder, model, "What is it?"))


def test_events_of_a_sparse_server_become_those_of_the_sdk():
    events = decode(decoder(), *STREAM)
    assert [event["type"] for event in events] == [event["type"] for event in STREAM]
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    for event in events:
        EVENT.validate_python(event)
    assert {event["output_index"] for event in events if "output_index" in event} == {0}


def test_items_are_placed_in_the_order_of_their_appearance():
    other = {"type": "response.output_item.added", "item": {**MESSAGE, "id": "msg_2"}}
    events = decode(decoder(), CREATED, ADDED, other, {**DELTA, "item_id": "msg_2"}, DELTA)
    assert [event.get("output_index") for event in events] == [None, 0, 1, 1, 0]


def test_an_event_with_all_fields_is_passed_on_unchanged():
    full = {**DELTA, "sequence_number": 4, "output_index": 0, "content_index": 0, "logprobs": [], "obfuscation": "x"}
    raw = json.dumps(full, separators=(" , ", " : ")).encode()
    assert raw in decoder().decode_event(raw).data


def test_an_event_of_several_lines_is_one_line():
    raw = json.dumps({**DELTA, "sequence_number": 0}, indent=1).encode()
    assert decoder().decode_event(raw).data.count(b"\n") == 3


def test_events_before_the_first_output_are_held_back_until_it_arrives():
    one = decoder()
    assert decode(one, CREATED, {**CREATED, "type": "response.in_progress"}) == []
    assert [event["type"] for event in decode(one, ADDED)] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
    ]


def test_a_stream_is_complete_after_its_terminal_event_only():
    one = decoder()
    decode(one, *STREAM[:-1])
    assert not one.is_complete
    decode(one, COMPLETED)
    assert one.is_complete
    assert one.ended


@pytest.mark.parametrize("end", [b"[DONE]", b""])
def test_a_stream_without_its_terminal_event_is_broken(end):
    one = decoder()
    decode(one, *STREAM[:-1])
    one.decode_event(end)
    with pytest.raises(UpstreamInvalidResponse):
        one.require_complete()


def test_events_after_the_terminal_one_are_ignored():
    one = decoder()
    decode(one, *STREAM)
    assert one.decode_event(b"[DONE]") is None
    assert decode(one, {"type": "error", "message": "late"}) == []


def test_clients_see_the_name_of_the_model_that_they_asked():
    events = decode(decoder(), *STREAM)
    assert {event["response"]["model"] for event in events if "response" in event} == {"org/small"}


def test_without_a_name_the_upstreams_name_is_seen():
    one = decoder(model=None)
    assert decode(one, *STREAM)[-1]["response"]["model"] == "up"
    assert one.model == "up"


def test_the_usage_is_the_upstreams():
    one = decoder()
    usage = decode(one, *STREAM)[-1]["response"]["usage"]
    assert (one.usage.prompt_tokens, one.usage.completion_tokens, one.usage.estimated) == (7, 3, False)
    assert usage == {
        **USAGE,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens_details": {"reasoning_tokens": 0},
    }


def test_without_a_usage_it_is_estimated():
    one = decoder()
    usage = decode(one, *STREAM[:-1], {**COMPLETED, "response": RESPONSE})[-1]["response"]["usage"]
    assert usage["estimated"]
    assert usage["input_tokens"]
    assert usage["output_tokens"]


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (RESPONSE, "stop"),
        ({**RESPONSE, "output": [{"type": "function_call"}]}, "tool_calls"),
        ({**RESPONSE, "status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, "length"),
        ({**RESPONSE, "status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, "content_filter"),
        ({**RESPONSE, "status": "incomplete"}, "length"),
    ],
)
def test_the_finish_reason_is_that_of_a_chat(response, reason):
    kind = f"response.{response['status']}"
    one = decoder()
    decode(one, CREATED, {"type": kind, "response": response})
    assert one.finish_reason == reason
    assert parse(response).finish_reasons == (reason,)


@pytest.mark.parametrize(
    ("event", "error"),
    [
        ({"type": "error", "code": "server_error", "message": "It broke."}, UpstreamUnavailable),
        ({"type": "error", "code": None, "message": "It broke."}, UpstreamUnavailable),
        ({"type": "error", "error": {"type": "invalid_request_error", "message": "No."}}, UpstreamRejected),
        ({"error": {"message": "Slow down.", "code": "rate_limit_exceeded"}}, UpstreamRateLimited),
        ({"type": "response.failed", "response": {"error": {"code": "rate_limit_exceeded"}}}, UpstreamRateLimited),
        ({"type": "response.failed", "response": None}, UpstreamUnavailable),
        ({"type": "response.completed", "response": {**RESPONSE, "status": "failed"}}, UpstreamUnavailable),
        ({"type": "response.completed", "response": {**RESPONSE, "status": "queued"}}, UpstreamInvalidResponse),
    ],
)
def test_an_error_in_the_stream_is_that_error(event, error):
    one = decoder()
    decode(one, CREATED, ADDED)
    with pytest.raises(error):
        decode(one, event)


@pytest.mark.parametrize("data", [b"{", b'"text', b"\xff"])
def test_an_event_that_is_no_json_is_invalid(data):
    with pytest.raises(UpstreamInvalidResponse):
        decoder().decode_event(data)


@pytest.mark.parametrize(
    "event", [None, 5, {"type": "ping"}, {"type": "keepalive", "sequence_number": 1}, {"type": "response.a\nevent: b"}]
)
def test_other_events_are_dropped(event):
    assert decode(decoder(), event) == []


def test_a_chat_in_place_of_a_response_shows_another_route():
    with pytest.raises(OtherRouteResponse):
        decode(decoder(), {"choices": [{"delta": {"content": "Hi."}}]})


@pytest.mark.parametrize("event", STREAM)
def test_an_imitation_counts_as_no_route_unless_it_is_accepted(event):
    headers = {"server": "llama.cpp"}
    with pytest.raises(OtherRouteResponse):
        decode(decoder(headers=headers), event)
    decode(decoder(headers=headers, accepts_imitations=True), event)


def test_a_whole_response_in_place_of_a_stream_shows_another_route():
    with pytest.raises(OtherRouteResponse):
        decoder().decode(json.dumps(RESPONSE).encode(), complete=True)


def test_a_sparse_response_becomes_one_of_the_sdk():
    result = parse({**RESPONSE, "usage": USAGE})
    Response.model_validate(result.payload)
    assert result.payload["output"] == [MESSAGE]
    assert (result.model, result.payload["model"]) == ("org/small", "org/small")
    assert result.usage.total_tokens == 10


def test_unknown_fields_of_a_response_stay():
    assert parse({**RESPONSE, "cost": 0.1}).payload["cost"] == 0.1


def test_a_stream_that_was_not_asked_for_is_read_as_a_response():
    body = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in STREAM)
    assert parse(body.encode()).payload["output"] == [MESSAGE]


@pytest.mark.parametrize(
    "body",
    [
        {"object": "chat.completion", "choices": []},
        {"object": "response"},
        [RESPONSE],
        b"<html>data</html>",
        b"",
    ],
)
def test_a_body_of_another_kind_shows_another_route(body):
    with pytest.raises(OtherRouteResponse):
        parse(body)


def test_a_failed_response_raises_its_error():
    with pytest.raises(UpstreamRateLimited):
        parse({**RESPONSE, "status": "failed", "error": {"code": "rate_limit_exceeded", "message": "Slow down."}})


def test_half_a_character_is_replaced():
    raw = json.dumps({**DELTA, "delta": "a\ud83d"}).encode()
    assert "a\ufffd" in decoder().decode_event(raw).data.decode()


def test_an_event_may_be_as_long_as_a_response():
    long = {**CREATED, "response": {**CREATED["response"], "instructions": "x" * 2 * 1024**2}}
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in (long, *STREAM[1:]))
    assert parse(body.encode()).payload["output"] == [MESSAGE]
    splitter = EventSplitter(max_event_bytes=ResponsesDecoder.max_event_bytes)
    assert len(splitter.feed(body.encode())) == len(STREAM)
