"""Streams over real sockets: prompt in every framing, with limits of time, and never broken without a word."""

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
from support.streams import told
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
    return status, told(body) if status == 200 else json.loads(body)


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("route", ["/v1/chat/completions", "/v1/completions", "/v1/text/generate", "/v1/text/complete"])
def test_each_event_arrives_while_the_next_one_is_still_to_come(service, chaos, framing, route):
    more = [threading.Event() for _ in range(4)]
    accented = event("é☃").replace(b"\\u00e9\\u2603", "é☃".encode())
    cut = accented.index("☃".encode()) + 1  # inside of a character
    chaos.play(
        [Script(HEL, more[0], accented[:cut], more[1], accented[cut:], more[2], LO, more[3], DONE, framing=framing)]
    )
    listener = Listener(service, route)
    assert listener.begin() == 200
    assert b"Hel" in listener.next()
    more[0].set()
    more[1].set()
    assert "é☃" in json.dumps(json.loads(listener.next()[6:]), ensure_ascii=False)
    more[2].set()
    assert b"lo." in listener.next()
    more[3].set()
    assert listener.rest().endswith(DONE)
    listener.leave()


@pytest.fixture(scope="module")
def chaos():
    with closing(ChaosUpstream()) as upstream:
        yield upstream


def served(chaos, **variables):
    """A service that has served a stream before."""
    service = Service(OPENAI_BASE_URL=f"{chaos.url}/v1", **STEADY, **variables)
    service.wait_for_line("Ready on")
    chaos.play([Script(HEL, LO, DONE)])
    assert read(service)[1].done
    yield service
    service.stop()


@pytest.fixture(scope="module")
def service(chaos):
    yield from served(chaos)


@pytest.fixture(scope="module")
def limited(chaos):
    yield from served(chaos, **LIMITS)


@pytest.fixture(scope="module")
def narrow(chaos):
    """A service that makes one upstream call at a time."""
    yield from served(chaos, UPSTREAM_MAX_CONCURRENCY="1")


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
def test_whatever_goes_wrong_later_ends_in_one_typed_error_event(limited, chaos, steps, kind, seconds):
    chaos.play([Script(HEL, *steps)])
    began = time.monotonic()
    status, answer = read(limited)
    assert (status, answer.text, answer.errors, answer.done) == (200, "Hel", [kind], False)
    assert time.monotonic() - began <= seconds + 0.25


def test_an_upstream_that_never_ends_is_cut_at_the_total_time(limited, chaos):
    def drip(exchange):
        while not exchange.closing.wait(0.05):
            exchange.send(b"%x\r\n%b\r\n" % (len(HEL), HEL))

    chaos.play([Script(HEL, drip)])
    began = time.monotonic()
    status, answer = read(limited)
    assert (status, answer.errors, answer.done) == (200, ["upstream_timeout"], False)
    assert 1.4 <= time.monotonic() - began <= 1.75
    assert "cut" in answer.events[-1]["error"]["message"]


def check_health_beside_a_stream_that_floods(service, chaos):
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read, service)
        until(lambda: chaos.calls == 1)
        slowest = 0.0
        while not reading.done():
            asked = time.monotonic()
            assert service.get("/health").status_code == 200
            slowest = max(slowest, time.monotonic() - asked)
        status, answer = reading.result()
    assert (status, answer.errors) == (200, ["upstream_timeout"])
    assert slowest < 1  # it takes tens of seconds where the worker is held up


def test_a_flood_of_events_stops_nobody_else(limited, chaos):
    flood = HEL * 1000

    def pour(exchange):
        while True:
            exchange.send(b"%x\r\n%b\r\n" % (len(flood), flood))

    chaos.play([Script(HEL, pour)])
    check_health_beside_a_stream_that_floods(limited, chaos)


def test_the_caller_may_grant_a_stream_less_time(service, chaos):
    chaos.play([hang, Script(HEL, hang)])
    for expected in (504, 200):
        body = {"messages": [HI], "stream": True}
        url, headers = f"{service.url}/v1/chat/completions", {"X-Request-Timeout": "500ms"}
        answer = requests.post(url, json=body, headers=headers, timeout=20)
        assert answer.status_code == expected
        assert "upstream_timeout" in answer.text
        assert answer.elapsed.total_seconds() < 0.75


@pytest.mark.parametrize("act", [hang, Script(hang), Script(b": ping\n\n", hang)], ids=["head", "event", "comment"])
def test_no_first_event_in_time_is_a_504(limited, chaos, act):
    chaos.play([act])
    began = time.monotonic()
    status, answer = read(limited)
    assert (status, answer["error"]["type"]) == (504, "upstream_timeout")
    assert time.monotonic() - began <= 1.25


def connections(service):
    """The open connections of the worker, those to its callers and the pooled ones to upstreams."""
    [worker] = service.processes()[0].children()
    return [one for one in worker.net_connections() if one.status == "ESTABLISHED"]


def test_a_caller_that_leaves_ends_the_upstream_call_and_frees_all_fifty_times_in_a_row(narrow, chaos):
    before = len(connections(narrow))
    for number in range(1, 51):
        script = Script(HEL, hang)
        chaos.play([script])
        listener = Listener(narrow)
        assert listener.begin() == 200
        assert b"Hel" in listener.next()
        left = time.monotonic()
        listener.leave()
        assert script.gone.wait(5)
        assert time.monotonic() - left < 1
        until(lambda number=number: sum('"outcome":"client_disconnected"' in line for line in narrow.lines) == number)
    chaos.play([Script(HEL, LO, DONE)])
    assert read(narrow)[1].done  # the one place is free
    until(lambda: len(connections(narrow)) <= before)
    [count] = [
        line
        for line in narrow.get("/metrics").text.splitlines()
        if line.startswith("ai_streams_total") and "client_disconnected" in line
    ]
    assert count.endswith(" 50.0")


def test_a_caller_that_leaves_before_the_first_event_ends_the_upstream_call(service, chaos):
    script = Script(hang)
    chaos.play([script])
    listener = Listener(service)
    assert script.begun.wait(5)
    listener.leave()
    assert script.gone.wait(1)


def test_streams_keep_their_places_to_their_ends(narrow, chaos):
    more = threading.Event()
    chaos.play([Script(HEL, more, LO, DONE)])
    listener = Listener(narrow)
    assert listener.begin() == 200
    assert read(narrow)[1]["error"]["type"] == "overloaded"
    more.set()
    assert listener.rest().endswith(DONE)
    assert read(narrow)[0] == 200
    listener.leave()


def test_a_backend_whose_streams_break_off_is_left_alone(start_with, chaos):
    service = start_with(BREAKER_FAILURES="1000")
    chaos.play([Script(HEL, end=False)] * 40)
    statuses = [read(service)[0] for _ in range(21)]
    assert statuses[0] == 200
    assert statuses[-1] == 503
    assert chaos.calls <= 20


def test_the_connection_of_a_whole_stream_is_used_again(service, chaos):
    chaos.play([Script(HEL, LO, DONE)] * 5)
    assert read(service)[1].done
    before = chaos.accepted
    for _ in range(4):
        assert read(service)[1].done
    assert chaos.accepted - before <= 1  # on a busy machine an end may come too late to be waited for


def test_a_stream_whose_upstream_forgets_to_close_ends_at_its_terminal_event(service, chaos):
    script = Script(HEL, LO, DONE, hang)
    chaos.play([script])
    began = time.monotonic()
    assert read(service)[1].done
    assert script.gone.wait(1)
    assert time.monotonic() - began < 1


@pytest.mark.parametrize("framing", FRAMINGS)
def test_recorded_streams_cut_anywhere_are_told_apart_from_whole_ones(service, chaos, framing):
    choose = random.Random(framing)
    for file in ("novita__14", "hf-inference__3", "groq__3", "together__13", "hf-inference__44"):
        body = json.loads((RECORDINGS / f"chat_completion__{file}.json").read_text())["response"]["body"].encode()
        whole = told_of(service, chaos, body, framing)
        assert whole.done
        for cut in choose.sample(range(len(body)), 12):
            answer = told_of(service, chaos, body[:cut], framing)
            if answer is not None:
                assert whole.text.startswith(answer.text)
                assert answer.done != bool(answer.errors)


def told_of(service, chaos, body, framing):
    middle = len(body) // 2
    chaos.play([Script(body[:middle], body[middle:], framing=framing, end=framing != "chunked")])
    status, answer = read(service)
    return answer if status == 200 else None


def test_streams_and_requests_that_a_shutdown_cuts_are_told_so(start_with, chaos):
    service = start_with(SHUTDOWN_GRACE="1s")
    chaos.play([Script(HEL, hang), hang])
    listener = Listener(service)
    assert listener.begin() == 200
    assert b"Hel" in listener.next()
    with ThreadPoolExecutor(2) as pool:
        waiting = pool.submit(service.post, "/v1/text/generate", prompt="x")
        until(lambda: chaos.calls == 2)
        stopped = pool.submit(service.stop, signal.SIGTERM)
        answer = told(listener.rest())
        assert (answer.errors, answer.done) == (["draining"], False)
        assert waiting.result().status_code == 503
        assert stopped.result() == 0
    listener.leave()


def test_a_stream_in_flight_finishes_within_the_grace_of_a_shutdown(start_with, chaos):
    service = start_with()
    more = threading.Event()
    chaos.play([Script(HEL, more, LO, DONE)])
    listener = Listener(service)
    assert listener.begin() == 200
    with ThreadPoolExecutor(1) as pool:
        stopped = pool.submit(service.stop, signal.SIGTERM)
        until(lambda: any("Handling signal: term" in line for line in service.lines))
        more.set()
        assert told(listener.rest()).done
        assert stopped.result() == 0
    listener.leave()


def test_every_event_of_a_hundred_streams_at_once_arrives(service, chaos):
    together = threading.Barrier(100)
    words = [f"{number} " for number in range(20)]
    chaos.play([Script(HEL, lambda _: together.wait(20), *map(event, words), LO, DONE) for _ in range(100)])
    with ThreadPoolExecutor(100) as pool:
        answers = [answer for _, answer in pool.map(lambda _: read(service), range(100))]
    assert {answer.text for answer in answers} == {"Hel" + "".join(words) + "lo."}
    assert all(answer.done for answer in answers)


def test_a_slow_caller_gets_the_whole_answer_and_is_no_fault_of_the_upstream(limited, chaos):
    big = event("x" * 50_000)
    pieces = [big] * 60
    chaos.play([Script(HEL, *pieces, LO, DONE)])
    listener = Listener(limited)
    assert listener.begin() == 200
    time.sleep(0.9)  # longer than an upstream may be silent; nothing tells that the service is held up
    answer = told(listener.rest())
    listener.leave()
    assert (answer.done, answer.errors, len(answer.text)) == (True, [], 6 + 60 * 50_000)


@pytest.mark.parametrize(
    "quiet", [b"", b": ping\n\n", b'data: {"type": "ping"}\n\n', event("").replace(b'"content"', b'"reasoning"')]
)
def test_comment_lines_keep_a_stream_alive_while_nothing_comes_or_nothing_for_the_caller(limited, chaos, quiet):
    over = threading.Event()

    def murmur(exchange):
        while not over.wait(0.02):
            exchange.send(b"%x\r\n%b\r\n" % (len(quiet), quiet) if quiet else b"")

    chaos.play([Script(HEL, murmur, LO, DONE)])
    listener = Listener(limited, "/v1/text/generate")
    assert listener.begin() == 200
    assert b"Hel" in listener.next()
    assert listener.next() == listener.next() == b": still here\n\n"
    over.set()
    assert listener.rest().endswith(DONE)
    listener.leave()


def test_silence_longer_than_the_time_to_the_first_event_is_no_fault(start_with, chaos):
    service = start_with(STREAM_FIRST_EVENT_TIMEOUT="300ms", STREAM_IDLE_TIMEOUT="10s")
    more = threading.Event()
    chaos.play([Script(HEL, LO, DONE), Script(HEL, more, LO, DONE)])
    assert read(service)[1].done
    listener = Listener(service)
    assert listener.begin() == 200
    assert b"Hel" in listener.next()
    threading.Timer(0.6, more.set).start()
    assert told(listener.rest()).done
    listener.leave()


@pytest.mark.parametrize("delay", [0, 0.01, 0.02, 0.03, 0.04])
def test_a_caller_that_leaves_while_a_failed_call_is_being_closed_leaves_nothing_behind(narrow, chaos, delay):
    script = Script(b"data: rubbish\n\n", hang)
    chaos.play([script])
    listener = Listener(narrow)
    assert script.begun.wait(5)
    time.sleep(delay)  # into the time in which the upstream may still end by itself
    listener.leave()
    assert script.gone.wait(1)
    chaos.play([Script(HEL, LO, DONE)])
    assert read(narrow)[1].done


def test_what_comes_after_the_terminal_event_does_not_count(service, chaos):
    fault = b'data: {"error": {"message": "Too late.", "code": 500}}\n\n'
    chaos.play([Script(HEL + LO + DONE + fault)])
    status, answer = read(service)
    assert (status, answer.text, answer.errors, answer.done) == (200, "Hello.", [], True)


@pytest.mark.parametrize("codings", [["gzip"], ["gzip", "gzip"]], ids=len)
def test_a_compressed_flood_stops_nobody_else(limited, chaos, codings):
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
    check_health_beside_a_stream_that_floods(limited, chaos)
