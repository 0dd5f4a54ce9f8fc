"""Streams: reading in the background, limits of time, the order of their end, and no memory left behind."""

import gc
import io
import time
import weakref

import gevent
import pytest
import requests
from gevent.event import Event
from gevent.queue import Empty
from support.streams import FakeReader, parse_stream, run_stream, sent_to_client, start_stream
from urllib3 import HTTPResponse
from urllib3.exceptions import IncompleteRead, ProtocolError

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
from app.upstream.stream import MAX_BUFFERED_READS, StreamLimits, StreamReader

LONG = 20.0
FIRST = b'data: {"choices": [{"index": 0, "delta": {"content": "Hi"}}]}\n\n'
LAST = b'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\n'
DONE = b"data: [DONE]\n\n"


class Body(io.RawIOBase):
    """A body of these reads: bytes, exceptions to raise, and events to wait for."""

    def __init__(self, *reads):
        self.reads = list(reads)

    def readable(self):
        return True

    def read1(self, size=-1):
        data = self.reads.pop(0) if self.reads else b""
        if isinstance(data, Event):
            data.wait(LONG)
            return self.read1(size)
        if isinstance(data, Exception):
            raise type(data)(*data.args)
        return data


def create_reader(*reads, seconds=LONG):
    """A reader of a body, the list of its releases, and the response."""
    response = requests.Response()
    response.raw = HTTPResponse(Body(*reads), preload_content=False)
    released = []
    return StreamReader(response, seconds, lambda: released.append(True)), released, response


def test_reader_returns_the_body_then_no_bytes_and_releases_the_permit():
    reader, released, response = create_reader(b"a", b"b")
    assert [reader.get(LONG) for _ in range(3)] == [b"a", b"b", b""]
    assert released == [True]
    assert response.raw.closed


def test_timeout_of_a_wait_loses_no_bytes():
    more = Event()
    reader, _, _ = create_reader(more, b"late")
    with pytest.raises(Empty):
        reader.get(0.001)
    more.set()
    assert reader.get(LONG) == b"late"


@pytest.mark.parametrize(
    ("raised", "error"),
    [
        (ConnectionResetError(), UpstreamUnavailable),
        (IncompleteRead(1, 2), UpstreamInvalidResponse),
        (ValueError(), InternalError),
        (ProtocolError("cut"), UpstreamInvalidResponse),
        (TimeoutError(), UpstreamTimeout),
    ],
)
def test_exception_of_the_body_is_raised_as_a_service_error(raised, error):
    reader, released, _ = create_reader(b"a", raised)
    assert reader.get(LONG) == b"a"
    with pytest.raises(ServiceError) as caught:
        reader.get(LONG)
    assert type(caught.value) is error
    assert released == [True]


def test_stream_ends_after_its_total_time_even_if_no_client_reads():
    reader, released, _ = create_reader(*[b"x"] * 100, seconds=0.01)
    with gevent.Timeout(LONG):
        while not released:
            gevent.sleep(0.001)
    assert [reader.get(LONG) for _ in range(MAX_BUFFERED_READS)] == [b"x"] * MAX_BUFFERED_READS
    with pytest.raises(StreamDeadlineExceeded):
        reader.get(LONG)


def test_cancel_stops_the_reading_and_wakes_the_consumer():
    reader, released, _ = create_reader(b"a", b"b", Event())
    consumer = gevent.spawn(lambda: [reader.get(LONG) for _ in range(3)])
    gevent.sleep()
    reader.cancel()
    with pytest.raises(ClientDisconnected):
        consumer.get(timeout=LONG)
    assert released == [True]


def test_cancel_drops_the_buffered_reads():
    reader, released, _ = create_reader(*[b"x"] * 100)
    gevent.sleep()
    reader.cancel()
    with pytest.raises(ClientDisconnected):
        reader.get(LONG)
    gevent.sleep()
    assert released == [True]


def test_close_stops_the_reading():
    reader, released, _ = create_reader(Event())
    reader.close()
    gevent.sleep()
    assert released == [True]


def test_deadline_during_close_stops_the_reading():
    reader, released, _ = create_reader(Event())
    with pytest.raises(UpstreamTimeout), gevent.Timeout(0.001, UpstreamTimeout()):
        reader.close()
    gevent.sleep()
    assert released == [True]


@pytest.mark.parametrize("end", ["close", "cancel"])
def test_stopped_reader_frees_its_memory(end):
    gc.disable()
    try:
        reader, _, response = create_reader(b"a", Event())
        assert reader.get(LONG) == b"a"
        getattr(reader, end)()
        gevent.sleep()
        left = weakref.ref(response)
        del reader, response
        assert left() is None
    finally:
        gc.enable()


def test_close_in_mid_body_closes_the_response():
    reader, _, response = create_reader(b"a", Event())
    assert reader.get(LONG) == b"a"
    reader.close()
    gevent.sleep()
    assert response.raw.closed


@pytest.mark.parametrize("end", [DONE, ConnectionResetError()])
def test_connection_is_closed_before_the_permit_is_released_and_the_outcome_comes_last(end):
    order = []
    response = requests.Response()
    response.raw = HTTPResponse(Body(FIRST + LAST, end), preload_content=False)
    reader = StreamReader(response, LONG, lambda: order.append(("released", response.raw.closed)))
    stream = start_stream(reader=reader, on_end=lambda _error: order.append("ended"))
    assert list(stream)
    stream.close()
    assert order == [("released", True), "ended"]


def test_silence_causes_heartbeats_and_then_a_timeout():
    ends = []
    limits = StreamLimits(idle=0.05, heartbeat=0.01)
    stream = start_stream(reader=FakeReader(FIRST, silent=True), limits=limits, on_end=ends.append)
    body = sent_to_client(stream)
    assert body.count(b": still here\n\n") >= 2
    assert parse_stream(body).errors == ["upstream_timeout"]
    assert [type(end) for end in ends] == [UpstreamTimeout]


def test_comments_of_the_upstream_count_as_silence():
    class Pinging(FakeReader):
        def get(self, seconds):
            if self._reads:
                return super().get(seconds)
            time.sleep(min(seconds, 0.01))  # as a queue waits
            return b": ping\n\n"

    response = run_stream(reader=Pinging(FIRST), limits=StreamLimits(idle=0.05, heartbeat=10))
    assert response.errors == ["upstream_timeout"]


def test_no_wait_exceeds_the_rest_of_the_idle_time():
    reader = FakeReader(FIRST, silent=True)
    response = run_stream(reader=reader, limits=StreamLimits(idle=0.03, heartbeat=0.02))
    assert response.errors == ["upstream_timeout"]
    assert max(reader.waits) <= 0.02
    assert sum(reader.waits) < 0.04


def test_response_with_a_finish_reason_is_complete_though_its_upstream_falls_silent():
    reader = FakeReader(FIRST + LAST, silent=True)
    assert run_stream(reader=reader, limits=StreamLimits(idle=0.02, heartbeat=10)).done


def test_time_of_the_client_does_not_count_as_silence():
    stream = start_stream(FIRST, FIRST, LAST, DONE, limits=StreamLimits(idle=0.01, heartbeat=10))
    batches = iter(stream)
    next(batches)
    time.sleep(0.02)  # longer than the upstream may be silent
    assert list(batches)


@pytest.mark.parametrize("end", [UpstreamInvalidResponse(), UpstreamUnavailable(), UpstreamTimeout(), b"data: [DO"])
def test_response_with_a_finish_reason_is_complete_however_its_stream_ends(end):
    response = run_stream(FIRST, LAST, end)
    assert (response.text, response.done, response.errors) == ("Hi", True, [])


ERRORS = [
    b'{"error": "x", "error_type": "generation"}',
    b'{"error": {"message": "Slow down.", "code": 429}}',
    b'{"object": "error", "message": "x", "code": 400}',
    b'{"choices": [{"index": 0, "delta": {}, "finish_reason": "error"}]}',
]


@pytest.mark.parametrize("error", ERRORS)
def test_error_event_counts_only_while_a_choice_has_no_finish_reason(error):
    ends = []
    event = b"data: " + error + b"\n\n"
    response = run_stream(FIRST, LAST, event, DONE, on_end=ends.append)
    assert (response.text, response.done, response.errors, ends) == ("Hi", True, [], [None])
    assert run_stream(FIRST, event, LAST, DONE).errors
    other = b'data: {"choices": [{"index": 1, "delta": {"content": "x"}}]}\n\n'
    assert run_stream(FIRST, other, LAST, event, DONE).errors


def test_events_after_the_terminal_event_are_ignored():
    error = b'data: {"error": {"message": "Too late.", "code": 500}}\n\n'
    response = run_stream(FIRST, LAST + DONE + error, error)
    assert (response.done, response.errors) == (True, [])


def test_chunks_before_an_error_are_sent_before_it():
    response = run_stream(FIRST, FIRST + b"data: rubbish\n\n")
    assert (response.text, response.errors) == ("HiHi", ["upstream_invalid_response"])


def test_each_stream_reports_its_end_once():
    reported = []
    sent_to_client(start_stream(FIRST, UpstreamUnavailable(), on_end=reported.append))
    sent_to_client(start_stream(FIRST, LAST, on_end=reported.append))
    assert [type(error) for error in reported] == [UpstreamUnavailable, type(None)]


def test_shutdown_in_mid_stream_is_a_typed_error():
    assert run_stream(FIRST, Draining()).errors == ["draining"]


def test_disconnected_client_is_sent_no_error():
    stream = start_stream(FIRST, ClientDisconnected())
    assert b"error" not in sent_to_client(stream)
    assert (stream.stats.outcome, stream.stats.error) == ("client_disconnected", "client_disconnected")


@pytest.mark.parametrize("reads", [[], [DONE], [b": ping\n\n", DONE], [b"data: {"], [b'data: {"type": "ping"}\n\n']])
def test_stream_without_a_chunk_has_not_started(reads):
    with pytest.raises(UpstreamInvalidResponse):
        start_stream(*reads)


def test_event_that_never_ends_is_an_invalid_response():
    with pytest.raises(UpstreamInvalidResponse):
        start_stream(FIRST.removesuffix(b"\n\n"), *[b"x" * 65536] * 17)


def test_streams_leave_no_reference_cycles():
    gc.collect()
    gc.disable()
    try:
        for end in (UpstreamUnavailable(), b"data: rubbish\n\n", DONE, b""):
            sent_to_client(start_stream(FIRST, end))
            reader, _, _ = create_reader(b"a", ConnectionResetError())
            reader.get(LONG)
            with pytest.raises(ServiceError):
                reader.get(LONG)
        assert gc.collect() == 0
    finally:
        gc.enable()
