"""Streams: what their limits do, and that nothing of them is left."""

import gc
import io
import json
import time
import weakref

import gevent
import pytest
import requests
from gevent.event import Event
from gevent.queue import Empty
from support.streams import Pieces, given, stream_of, told
from urllib3 import HTTPResponse
from urllib3.exceptions import IncompleteRead, ProtocolError

from app.backends.responses.chunk_decoder import TEXT, ChunkDecoder
from app.backends.responses.sse import EventSplitter
from app.errors import (
    ClientDisconnected,
    Draining,
    InternalError,
    ServiceError,
    StreamDeadlineExceeded,
    UpstreamInvalidResponse,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from app.upstream.stream import PIECES, StreamLimits, StreamReader

LONG = 20.0
FIRST = b'data: {"choices": [{"index": 0, "delta": {"content": "Hi"}}]}\n\n'
LAST = b'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\n'
DONE = b"data: [DONE]\n\n"


NAMES = {"id": "a", "object": "chat.completion.chunk", "created": 5, "model": "org/model"}


class Body(io.RawIOBase):
    """A body that a test feeds: pieces, faults, or events to wait for."""

    def __init__(self, *pieces):
        self.pieces = list(pieces)

    def readable(self):
        return True

    def read1(self, size=-1):
        piece = self.pieces.pop(0) if self.pieces else b""
        if isinstance(piece, Event):
            piece.wait(LONG)
            return self.read1(size)
        if isinstance(piece, Exception):
            raise type(piece)(*piece.args)
        return piece


def pump_of(*pieces, seconds=LONG):
    response = requests.Response()
    response.raw = HTTPResponse(Body(*pieces), preload_content=False)
    released = []
    return StreamReader(response, seconds, lambda: released.append(True)), released, response


def begun(*pieces, **options):
    stream = stream_of(*pieces, **options)
    stream.wait_first_event()
    return stream


def test_a_pump_gives_the_pieces_then_nothing_and_frees_the_connection():
    pump, released, response = pump_of(b"a", b"b")
    assert [pump.get(LONG) for _ in range(3)] == [b"a", b"b", b""]
    assert released == [True]
    assert response.raw.closed


def test_a_wait_for_a_piece_can_end_without_losing_it():
    more = Event()
    pump, _, _ = pump_of(more, b"late")
    with pytest.raises(Empty):
        pump.get(0.001)
    more.set()
    assert pump.get(LONG) == b"late"


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (ConnectionResetError(), UpstreamUnavailable),
        (IncompleteRead(1, 2), UpstreamInvalidResponse),
        (ValueError(), InternalError),
        (ProtocolError("cut"), UpstreamInvalidResponse),
        (TimeoutError(), UpstreamTimeout),
    ],
)
def test_what_ends_a_body_is_told_as_a_fault_of_ours(fault, error):
    pump, released, _ = pump_of(b"a", fault)
    assert pump.get(LONG) == b"a"
    with pytest.raises(ServiceError) as told_of:
        pump.get(LONG)
    assert type(told_of.value) is error
    assert released == [True]


def test_a_stream_that_goes_on_for_too_long_is_cut_though_nobody_takes_it():
    pump, released, _ = pump_of(*[b"x"] * 100, seconds=0.01)
    gevent.sleep(0.02)  # nothing tells that the time is over
    assert released == [True]
    assert [pump.get(LONG) for _ in range(PIECES)] == [b"x"] * PIECES
    with pytest.raises(StreamDeadlineExceeded):
        pump.get(LONG)


def test_a_caller_that_leaves_ends_the_reading_and_wakes_the_taker():
    never = Event()
    pump, released, _ = pump_of(b"a", b"b", never)
    taken = gevent.spawn(lambda: [pump.get(LONG) for _ in range(3)])
    gevent.sleep()
    pump.cancel()
    with pytest.raises(ClientDisconnected):
        taken.get(timeout=LONG)
    assert released == [True]


def test_what_was_read_ahead_is_dropped_when_the_caller_leaves():
    pump, released, _ = pump_of(*[b"x"] * 100)
    gevent.sleep()
    pump.cancel()
    with pytest.raises(ClientDisconnected):
        pump.get(LONG)
    gevent.sleep()
    assert released == [True]


def test_closing_ends_the_reading():
    pump, released, _ = pump_of(Event())
    pump.close()
    gevent.sleep()
    assert released == [True]


def test_a_limit_that_ends_the_wait_for_the_end_ends_the_reading_too():
    pump, released, _ = pump_of(Event())
    with pytest.raises(UpstreamTimeout), gevent.Timeout(0.001, UpstreamTimeout()):
        pump.close()
    gevent.sleep()
    assert released == [True]


@pytest.mark.parametrize("end", ["close", "cancel"])
def test_a_pump_that_is_stopped_keeps_nothing_alive(end):
    gc.disable()
    try:
        pump, _, response = pump_of(b"a", Event())
        assert pump.get(LONG) == b"a"
        getattr(pump, end)()
        gevent.sleep()
        left = weakref.ref(response)
        del pump, response
        assert left() is None
    finally:
        gc.enable()


def test_closing_in_mid_body_closes_the_response():
    pump, _, response = pump_of(b"a", Event())
    assert pump.get(LONG) == b"a"
    pump.close()
    gevent.sleep()
    assert response.raw.closed


def test_silence_gives_signs_of_life_and_then_a_timeout():
    ends = []
    stream = begun(FIRST, silent=True, limits=StreamLimits(idle=0.05, heartbeat=0.01), judge=ends.append)
    body = given(stream)
    assert body.count(b": still here\n\n") >= 2
    assert told(body).errors == ["upstream_timeout"]
    assert [type(end) for end in ends] == [UpstreamTimeout]


def test_comments_of_an_upstream_are_no_events():
    class Pinging(Pieces):
        def get(self, seconds):
            time.sleep(min(seconds, 0.01))  # what the wait for a queue does
            return b": ping\n\n"

    stream = begun(FIRST, limits=StreamLimits(idle=0.05, heartbeat=10))
    stream._pump = Pinging()
    assert told(given(stream)).errors == ["upstream_timeout"]


def test_no_wait_is_longer_than_what_is_left_of_the_silence():
    stream = begun(FIRST, silent=True, limits=StreamLimits(idle=0.03, heartbeat=0.02))
    assert told(given(stream)).errors == ["upstream_timeout"]
    assert max(stream._pump.waits) <= 0.02
    assert sum(stream._pump.waits) < 0.04


def test_an_answer_that_has_said_why_it_ended_is_whole_though_its_upstream_says_no_more():
    assert told(given(begun(FIRST + LAST, silent=True, limits=StreamLimits(idle=0.02, heartbeat=10)))).done


def test_what_the_caller_took_does_not_count_as_silence():
    stream = begun(FIRST, FIRST, LAST, DONE, limits=StreamLimits(idle=0.01, heartbeat=10))
    batches = iter(stream)
    next(batches)
    time.sleep(0.02)  # longer than an upstream may be silent
    assert list(batches)


def test_a_choice_that_goes_on_when_another_has_ended_is_not_whole():
    other = b'data: {"choices": [{"index": 1, "delta": {"content": "x"}}]}\n\n'
    answer = told(given(begun(FIRST, other, LAST)))
    assert (answer.done, answer.errors) == (False, ["upstream_invalid_response"])


def test_reasoning_counts_where_nobody_counts():
    thought = b'data: {"choices": [{"delta": {"reasoning": "one two three"}, "finish_reason": "stop"}]}\n\n'
    [usage] = told(given(begun(thought, DONE))).usages
    assert usage["completion_tokens"] == 3


def test_chunks_without_names_take_those_of_the_chunks_before():
    def chunk(**names):
        return b"data: %b\n\n" % json.dumps({"choices": [{"index": 0, "delta": {"content": "x"}}], **names}).encode()

    answer = told(given(begun(chunk(id="a", created=5), chunk(id="", created=0), chunk(id=5, created="x"), LAST)))
    assert {(event["id"], event["created"]) for event in answer.events} == {("a", 5)}
    assert {event["model"] for event in answer.events} == {"org/model"}


@pytest.mark.parametrize("other", [{"id": "b"}, {"created": 6}, {"model": "theirs"}, {"object": "chat.completion"}])
def test_all_chunks_have_the_names_of_the_first(other):
    choices = [{"index": 0, "delta": {"content": "x"}, "finish_reason": "stop"}]
    events = [b"data: %b\n\n" % json.dumps({**NAMES, **more, "choices": choices}).encode() for more in ({}, other)]
    for event in told(given(begun(*events))).events:
        assert {name: event[name] for name in NAMES} == NAMES


def test_a_model_that_is_no_name_is_left_out():
    event = b'data: {"model": [1], "choices": [{"delta": {"content": "x"}, "finish_reason": "stop"}]}\n\n'
    answer = told(given(begun(event, reader=ChunkDecoder(TEXT, None, "a", {}))))
    assert {event["model"] for event in answer.events} == {""}


def test_a_message_beside_a_delta_repeats_the_answer_and_is_not_its_text():
    event = b'data: {"choices": [{"delta": {}, "message": {"content": "Hi"}, "finish_reason": "stop"}]}\n\n'
    assert told(given(begun(FIRST, event))).text == "Hi"


def event_of(**choice):
    return b"data: %b\n\n" % json.dumps({"choices": [{"index": 0, **choice}]}).encode()


@pytest.mark.parametrize("thinking", ["Hm.", [{"type": "text", "text": "H"}, {"type": "text", "text": "m."}]])
def test_thoughts_among_the_parts_of_the_content_are_reasoning(thinking):
    parts = [{"type": "thinking", "thinking": thinking}, {"type": "text", "text": "Hi"}, 5, {"text": None}]
    answer = told(given(begun(event_of(delta={"content": parts}, finish_reason="stop"))))
    [delta] = [event["choices"][0]["delta"] for event in answer.events if event["choices"]]
    assert delta == {"content": "Hi", "reasoning_content": "Hm."}


@pytest.mark.parametrize("content", [[{"thinking": 5}], [{"text": {}}], [{"text": [{"text": 5}, 5]}]])
def test_parts_that_hold_no_text_add_none(content):
    assert told(given(begun(event_of(delta={"content": content}, finish_reason="stop")))).text == ""


def test_tool_calls_of_coheres_stream_are_read():
    def call(kind, **call):
        return (
            b"data: %b\n\n"
            % json.dumps({"type": kind, "index": 1, "delta": {"message": {"tool_calls": call}}}).encode()
        )

    end = b'data: {"type": "message-end", "delta": {"finish_reason": "TOOL_CALL"}}\n\n'
    first = call("tool-call-start", id="a", type="function", function={"name": "f", "arguments": ""})
    answer = told(given(begun(first, call("tool-call-delta", function={"arguments": "{}"}), end)))
    calls = [
        one for event in answer.events for choice in event["choices"] for one in choice["delta"].get("tool_calls", ())
    ]
    assert [(one.get("id"), one["function"]["arguments"]) for one in calls] == [("a", ""), (None, "{}")]
    assert answer.finish_reasons == ["tool_calls"]


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
def test_events_are_found_as_soon_as_they_end(feeds, expected):
    splitter = EventSplitter()
    assert [event for piece in feeds for event in splitter.feed(piece)] == expected


@pytest.mark.parametrize("piece", [b"x" * 65_536, b"data: " + b"x" * 60_000 + b"\n", b"data:\n" * 10_000])
def test_an_event_that_does_not_end_is_given_up(piece):
    splitter = EventSplitter()
    with pytest.raises(UpstreamInvalidResponse):
        list(map(splitter.feed, [piece] * 20))


@pytest.mark.parametrize("end", [UpstreamInvalidResponse(), UpstreamUnavailable(), UpstreamTimeout(), b"data: [DO"])
def test_after_its_finish_reason_an_answer_is_whole_however_its_stream_ends(end):
    answer = told(given(begun(FIRST, LAST, end)))
    assert (answer.text, answer.done, answer.errors) == ("Hi", True, [])


def test_an_error_event_counts_even_after_a_finish_reason():
    answer = told(given(begun(FIRST, LAST, b'data: {"error": "x", "error_type": "generation"}\n\n')))
    assert (answer.done, answer.errors) == (False, ["upstream_unavailable"])


def test_nothing_is_read_after_the_terminal_event():
    fault = b'data: {"error": {"message": "Too late.", "code": 500}}\n\n'
    answer = told(given(begun(FIRST, LAST + DONE + fault, fault)))
    assert (answer.done, answer.errors) == (True, [])


def test_what_came_before_a_fault_is_given_before_it():
    answer = told(given(begun(FIRST, FIRST + b"data: rubbish\n\n")))
    assert (answer.text, answer.errors) == ("HiHi", ["upstream_invalid_response"])


def test_a_failure_is_reported_once_and_an_end_is_none():
    reported = []
    given(begun(FIRST, UpstreamUnavailable(), judge=reported.append))
    given(begun(FIRST, LAST, judge=reported.append))
    assert [type(error) for error in reported] == [UpstreamUnavailable, type(None)]


def test_a_shutdown_in_mid_stream_is_a_typed_error():
    assert told(given(begun(FIRST, Draining()))).errors == ["draining"]


def test_a_caller_that_left_is_sent_nothing_more():
    stream = begun(FIRST, ClientDisconnected())
    assert b"error" not in given(stream)
    facts = stream.stats
    assert (facts.outcome, facts.error) == ("client_disconnected", "client_disconnected")


@pytest.mark.parametrize("pieces", [[], [DONE], [b": ping\n\n", DONE], [b"data: {"], [b'data: {"type": "ping"}\n\n']])
def test_a_stream_that_says_nothing_has_not_begun(pieces):
    with pytest.raises(UpstreamInvalidResponse):
        begun(*pieces)


def test_an_event_of_several_lines_is_given_on_in_one():
    whole = json.dumps({**NAMES, "choices": [{"index": 0, "delta": {"content": "Hi"}}]}, indent=1).encode()
    body = given(begun(b"".join(b"data: %b\n" % line for line in whole.splitlines()) + b"\n", LAST))
    assert told(body).text == "Hi"


def test_an_answer_has_at_most_so_many_choices_and_calls():
    choice = b'data: {"choices": [{"index": %d, "delta": {"content": "x"}}]}\n\n'
    for index in (128, -1, 10**18):
        assert told(given(begun(FIRST, choice % index))).errors == ["upstream_invalid_response"]
    assert told(given(begun(FIRST, choice % 127, DONE))).done
    calls = b'{"id": "%d", "function": {"name": "f"}}'
    event = b'data: {"choices": [{"index": 0, "delta": {"tool_calls": [%b]}}]}\n\n'
    for count, fails in ((1000, False), (1001, True)):
        many = event % b",".join(calls % number for number in range(count))
        assert bool(told(given(begun(FIRST, many, DONE))).errors) == fails


def test_long_texts_are_counted_without_being_kept():
    pieces = [b'data: {"choices": [{"delta": {"content": "%b"}}]}\n\n' % (b"word " * 1000)] * 20
    stream = begun(*pieces, LAST)
    [usage] = told(given(stream)).usages
    assert 20_000 <= usage["completion_tokens"] <= 20_020
    assert not stream.decoder._generated._chunks[1:]


def test_events_without_end_are_given_up():
    with pytest.raises(UpstreamInvalidResponse):
        begun(FIRST.removesuffix(b"\n\n"), *[b"x" * 65536] * 17)


def test_a_reason_that_the_backend_left_out_is_said_at_the_end():
    call = b'"tool_calls": {"function": {"name": "f", "parameters": {"a": 1}}}'
    chat = told(given(begun(b'data: {"choices": [{"delta": {%b}}]}\n\n' % call, DONE)))
    assert chat.finish_reasons == ["tool_calls"]
    text = told(given(begun(FIRST, DONE, reader=ChunkDecoder(TEXT, None, "a", {}))))
    assert (text.text, text.finish_reasons) == ("Hi", ["stop"])


def test_streams_leave_no_cycles_behind():
    gc.collect()
    gc.disable()
    try:
        for end in (UpstreamUnavailable(), b"data: rubbish\n\n", DONE, b""):
            given(begun(FIRST, end))
            pump, _, _ = pump_of(b"a", ConnectionResetError())
            pump.get(LONG)
            with pytest.raises(ServiceError):
                pump.get(LONG)
        assert gc.collect() == 0
    finally:
        gc.enable()
