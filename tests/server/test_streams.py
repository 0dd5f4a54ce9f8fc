"""Streams over real sockets: no delay in any framing, limits of time, and a typed error for each end but a good one."""

import gzip
import json
import random
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
import requests
from support.chaos import ChaosUpstream
from support.scripts import DONE, HEL, LO, Script, event
from support.servers import Service, until
from support.streams import parse_stream
from support.wire import HI, Listener

RECORDINGS = Path(__file__).parents[1] / "contract" / "recordings"
FRAMINGS = ["chunked", "length", "close"]
STEADY = {"HUGGINGFACE_RETRY_ATTEMPTS": "0", "BREAKER_FAILURES": "1000", "BREAKER_FAILURE_RATE": "1"}
LIMITS = {
    "STREAM_FIRST_EVENT_TIMEOUT": "1s",
    "STREAM_IDLE_TIMEOUT": "600ms",
    "STREAM_TOTAL_TIMEOUT": "1500ms",
    "STREAM_HEARTBEAT": "100ms",
}


def hang(exchange):
    exchange.hang()


def read(service, route="/v1/chat/completions", **body):
    listener = Listener(service, route, **body)
    with closing(listener.connection):
        status = listener.begin()
        body = listener.rest()
    return status, parse_stream(body) if status == 200 else json.loads(body)


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("route", ["/v1/chat/completions", "/v1/completions", "/v1/text/generate", "/v1/text/complete"])
def test_each_event_arrives_before_the_upstream_sends_the_next(service, chaos, framing, route):
    release = [threading.Event() for _ in range(4)]
    accented = event("é☃").replace(b"\\u00e9\\u2603", "é☃".encode())
    cut = accented.index("☃".encode()) + 1  # inside a character
    chaos.play(
        [
            Script(
                HEL,
                release[0],
                accented[:cut],
                release[1],
                accented[cut:],
                release[2],
                LO,
                release[3],
                DONE,
                framing=framing,
            )
        ]
    )
    listener = Listener(service, route)
    assert listener.begin() == 200
    assert b"Hel" in listener.next()
    release[0].set()
    release[1].set()
    assert "é☃" in json.dumps(json.loads(listener.next()[6:]), ensure_ascii=False)
    release[2].set()
    assert b"lo." in listener.next()
    release[3].set()
    assert listener.rest().endswith(DONE)
    listener.leave()


@pytest.fixture(scope="module")
def chaos():
    with closing(ChaosUpstream()) as upstream:
        yield upstream


def warm_service(chaos, **variables):
    """A service that has served one stream."""
    service = Service(OPENAI_BASE_URL=f"{chaos.url}/v1", **STEADY, **variables)
    service.wait_for_line("Ready on")
    chaos.play([Script(HEL, LO, DONE)])
    assert read(service)[1].done
    yield service
    service.stop()


@pytest.fixture(scope="module")
def service(chaos):
    yield from warm_service(chaos)


@pytest.fixture(scope="module")
def limited(chaos):
    yield from warm_service(chaos, **LIMITS)


@pytest.fixture(scope="module")
def narrow(chaos):
    """A service that sends one upstream call at a time."""
    yield from warm_service(chaos, UPSTREAM_MAX_CONCURRENCY="1")


@pytest.mark.parametrize(
    ("steps", "kind", "seconds"),
    [
        ([hang], "upstream_timeout", 0.6),
        ([lambda exchange: exchange.reset()], "upstream_unavailable", 0),
        ([lambda exchange: exchange.finish()], "upstream_invalid_response", 0),
        (
            [lambda exchange: exchange.send(b"ff\r\ndata: "), lambda exchange: exchange.finish()],
            "upstream_invalid_response",
            0,
        ),
        ([lambda exchange: exchange.send(b"no chunk\r\n")], "upstream_invalid_response", 0),
        ([b"data: {\n\n"], "upstream_invalid_response", 0),
        ([b"<html>oops</html>\n\n"], "upstream_invalid_response", 0),
        ([b'data: {"error": {"message": "Too long.", "code": 400}}\n\n'], "upstream_rejected", 0),
        ([b": ping\n\n", hang], "upstream_timeout", 0.6),
        ([b"data: " + b"x" * 1_200_000], "upstream_invalid_response", 0),
    ],
)
def test_failure_after_the_first_event_ends_in_one_typed_error_event(limited, chaos, steps, kind, seconds):
    chaos.play([Script(HEL, *steps)])
    started = time.monotonic()
    status, response = read(limited)
    assert (status, response.text, response.errors, response.done) == (200, "Hel", [kind], False)
    assert time.monotonic() - started <= seconds + 0.25


def test_upstream_that_never_ends_is_cut_at_the_total_time(limited, chaos):
    def drip(exchange):
        while not exchange.closing.wait(0.05):
            exchange.send(b"%x\r\n%b\r\n" % (len(HEL), HEL))

    chaos.play([Script(HEL, drip)])
    started = time.monotonic()
    status, response = read(limited)
    assert (status, response.errors, response.done) == (200, ["upstream_timeout"], False)
    assert 1.4 <= time.monotonic() - started <= 1.75
    assert "cut" in response.events[-1]["error"]["message"]


def check_health_during_a_flood(service, chaos):
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read, service)
        until(lambda: chaos.calls == 1)
        slowest = 0.0
        while not reading.done():
            asked = time.monotonic()
            assert service.get("/health").status_code == 200
            slowest = max(slowest, time.monotonic() - asked)
        status, response = reading.result()
    assert (status, response.errors) == (200, ["upstream_timeout"])
    assert slowest < 1  # tens of seconds if the worker is blocked


def test_flood_of_events_does_not_block_other_requests(limited, chaos):
    flood = HEL * 1000

    def pour(exchange):
        while True:
            exchange.send(b"%x\r\n%b\r\n" % (len(flood), flood))

    chaos.play([Script(HEL, pour)])
    check_health_during_a_flood(limited, chaos)


def test_client_may_shorten_the_time_of_a_stream(service, chaos):
    chaos.play([hang, Script(HEL, hang)])
    for expected in (504, 200):
        body = {"messages": [HI], "stream": True}
        url, headers = f"{service.url}/v1/chat/completions", {"X-Request-Timeout": "500ms"}
        response = requests.post(url, json=body, headers=headers, timeout=20)
        assert response.status_code == expected
        assert "upstream_timeout" in response.text
        assert response.elapsed.total_seconds() < 0.75


@pytest.mark.parametrize("act", [hang, Script(hang), Script(b": ping\n\n", hang)], ids=["head", "event", "comment"])
def test_missing_first_event_is_a_504(limited, chaos, act):
    chaos.play([act])
    started = time.monotonic()
    status, response = read(limited)
    assert (status, response["error"]["type"]) == (504, "upstream_timeout")
    assert time.monotonic() - started <= 1.25


def connections(service):
    """The open connections of the worker: those of its clients, and the pooled ones to upstreams."""
    [worker] = service.processes()[0].children()
    return [one for one in worker.net_connections() if one.status == "ESTABLISHED"]


def test_fifty_disconnects_in_a_row_end_their_upstream_calls_and_free_everything(narrow, chaos):
    before = len(connections(narrow))
    for number in range(1, 51):
        script = Script(HEL, hang)
        chaos.play([script])
        listener = Listener(narrow)
        assert listener.begin() == 200
        assert b"Hel" in listener.next()
        disconnected = time.monotonic()
        listener.leave()
        assert script.ended.wait(5)
        assert time.monotonic() - disconnected < 1
        until(lambda number=number: sum('"outcome":"client_disconnected"' in line for line in narrow.lines) == number)
    chaos.play([Script(HEL, LO, DONE)])
    assert read(narrow)[1].done  # the only permit is free
    until(lambda: len(connections(narrow)) <= before)
    [count] = [
        line
        for line in narrow.get("/metrics").text.splitlines()
        if line.startswith("ai_streams_total") and "client_disconnected" in line
    ]
    assert count.endswith(" 50.0")


def test_disconnect_before_the_first_event_ends_the_upstream_call(service, chaos):
    script = Script(hang)
    chaos.play([script])
    listener = Listener(service)
    assert script.begun.wait(5)
    listener.leave()
    assert script.ended.wait(1)


def test_streams_hold_their_permits_until_they_end(narrow, chaos):
    more = threading.Event()
    chaos.play([Script(HEL, more, LO, DONE)])
    listener = Listener(narrow)
    assert listener.begin() == 200
    assert read(narrow)[1]["error"]["type"] == "overloaded"
    more.set()
    assert listener.rest().endswith(DONE)
    assert read(narrow)[0] == 200
    listener.leave()


def test_streams_that_break_off_open_the_breaker(start_with, chaos):
    service = start_with(BREAKER_FAILURES="1000")
    chaos.play([Script(HEL, end=False)] * 40)
    statuses = [read(service)[0] for _ in range(21)]
    assert statuses[0] == 200
    assert statuses[-1] == 503
    assert chaos.calls <= 20


def test_connection_of_a_complete_stream_is_reused(service, chaos):
    chaos.play([Script(HEL, LO, DONE)] * 5)
    assert read(service)[1].done
    before = chaos.accepted
    for _ in range(4):
        assert read(service)[1].done
    assert chaos.accepted - before <= 1  # on a busy machine the end of a body may come too late


def test_stream_ends_at_its_terminal_event_if_the_upstream_does_not_end_the_body(service, chaos):
    script = Script(HEL, LO, DONE, hang)
    chaos.play([script])
    started = time.monotonic()
    assert read(service)[1].done
    assert script.ended.wait(1)
    assert time.monotonic() - started < 1


@pytest.mark.parametrize("framing", FRAMINGS)
def test_recorded_streams_that_are_cut_are_not_reported_as_complete(service, chaos, framing):
    generator = random.Random(framing)
    for file in ("novita__14", "hf-inference__3", "groq__3", "together__13", "hf-inference__44"):
        body = json.loads((RECORDINGS / f"chat_completion__{file}.json").read_text())["response"]["body"].encode()
        complete = replay(service, chaos, body, framing)
        assert complete.done
        for cut in generator.sample(range(len(body)), 12):
            response = replay(service, chaos, body[:cut], framing)
            if response is not None:
                assert complete.text.startswith(response.text)
                assert response.done != bool(response.errors)


def replay(service, chaos, body, framing):
    middle = len(body) // 2
    chaos.play([Script(body[:middle], body[middle:], framing=framing, end=framing != "chunked")])
    status, response = read(service)
    return response if status == 200 else None


def test_streams_and_requests_that_a_shutdown_cuts_get_a_draining_error(start_with, chaos):
    service = start_with(SHUTDOWN_GRACE="1s")
    chaos.play([Script(HEL, hang), hang])
    listener = Listener(service)
    assert listener.begin() == 200
    assert b"Hel" in listener.next()
    with ThreadPoolExecutor(2) as pool:
        waiting = pool.submit(service.post, "/v1/text/generate", prompt="x")
        until(lambda: chaos.calls == 2)
        stopped = pool.submit(service.stop, signal.SIGTERM)
        response = parse_stream(listener.rest())
        assert (response.errors, response.done) == (["draining"], False)
        assert waiting.result().status_code == 503
        assert stopped.result() == 0
    listener.leave()


def test_stream_in_flight_completes_within_the_shutdown_grace(start_with, chaos):
    service = start_with()
    more = threading.Event()
    chaos.play([Script(HEL, more, LO, DONE)])
    listener = Listener(service)
    assert listener.begin() == 200
    with ThreadPoolExecutor(1) as pool:
        stopped = pool.submit(service.stop, signal.SIGTERM)
        until(lambda: any("Handling signal: term" in line for line in service.lines))
        more.set()
        assert parse_stream(listener.rest()).done
        assert stopped.result() == 0
    listener.leave()


def test_every_event_of_a_hundred_streams_at_once_arrives(service, chaos):
    together = threading.Barrier(100)
    words = [f"{number} " for number in range(20)]
    chaos.play([Script(HEL, lambda _: together.wait(20), *map(event, words), LO, DONE) for _ in range(100)])
    with ThreadPoolExecutor(100) as pool:
        responses = [response for _, response in pool.map(lambda _: read(service), range(100))]
    assert {response.text for response in responses} == {"Hel" + "".join(words) + "lo."}
    assert all(response.done for response in responses)


def test_slow_client_gets_the_complete_response_and_its_upstream_is_not_blamed(limited, chaos):
    big = event("x" * 50_000)
    events = [big] * 60
    chaos.play([Script(HEL, *events, LO, DONE)])
    listener = Listener(limited)
    assert listener.begin() == 200
    time.sleep(0.9)  # longer than an upstream may be silent
    response = parse_stream(listener.rest())
    listener.leave()
    assert (response.done, response.errors, len(response.text)) == (True, [], 6 + 60 * 50_000)


@pytest.mark.parametrize(
    "quiet", [b"", b": ping\n\n", b'data: {"type": "ping"}\n\n', event("").replace(b'"content"', b'"reasoning"')]
)
def test_heartbeats_keep_a_stream_alive_while_no_chunk_arrives(limited, chaos, quiet):
    over = threading.Event()

    def send_quiet_events(exchange):
        while not over.wait(0.02):
            exchange.send(b"%x\r\n%b\r\n" % (len(quiet), quiet) if quiet else b"")

    chaos.play([Script(HEL, send_quiet_events, LO, DONE)])
    listener = Listener(limited, "/v1/text/generate")
    assert listener.begin() == 200
    assert b"Hel" in listener.next()
    assert listener.next() == listener.next() == b": still here\n\n"
    over.set()
    assert listener.rest().endswith(DONE)
    listener.leave()


def test_pause_between_events_may_exceed_the_first_event_timeout(start_with, chaos):
    service = start_with(STREAM_FIRST_EVENT_TIMEOUT="300ms", STREAM_IDLE_TIMEOUT="10s")
    more = threading.Event()
    chaos.play([Script(HEL, LO, DONE), Script(HEL, more, LO, DONE)])
    assert read(service)[1].done
    listener = Listener(service)
    assert listener.begin() == 200
    assert b"Hel" in listener.next()
    threading.Timer(0.6, more.set).start()
    assert parse_stream(listener.rest()).done
    listener.leave()


@pytest.mark.parametrize("delay", [0, 0.01, 0.02, 0.03, 0.04])
def test_disconnect_while_a_failed_call_is_closed_frees_everything(narrow, chaos, delay):
    script = Script(b"data: rubbish\n\n", hang)
    chaos.play([script])
    listener = Listener(narrow)
    assert script.begun.wait(5)
    time.sleep(delay)  # within the time in which the upstream may end the body
    listener.leave()
    assert script.ended.wait(1)
    chaos.play([Script(HEL, LO, DONE)])
    assert read(narrow)[1].done


def test_events_after_the_terminal_event_are_ignored(service, chaos):
    error = b'data: {"error": {"message": "Too late.", "code": 500}}\n\n'
    chaos.play([Script(HEL + LO + DONE + error)])
    status, response = read(service)
    assert (status, response.text, response.errors, response.done) == (200, "Hello.", [], True)


@pytest.mark.parametrize("codings", [["gzip"], ["gzip", "gzip"]], ids=len)
def test_compressed_flood_does_not_block_other_requests(limited, chaos, codings):
    flood = HEL + b"\n" * 300_000_000
    for _ in codings:
        flood = gzip.compress(flood, 1 if len(flood) > 10**7 else 9)

    def pour(exchange):
        exchange.send(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: %b\r\n"
            % ", ".join(codings).encode()
        )
        exchange.send(b"Content-Length: %d\r\n\r\n" % (len(flood) + 1), flood)
        exchange.hang()

    chaos.play([pour])
    check_health_during_a_flood(limited, chaos)
