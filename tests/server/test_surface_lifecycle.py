"""Every surface on the real server: traces, clients that leave, and requests in flight while the service stops."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
import requests
from support.chaos import ChaosUpstream
from support.scripts import HEL, Script
from support.servers import Service, chat_response, reply, until
from support.surfaces.table import CALLING, CONVERSATIONS, SETTINGS
from support.tracing import run_traced, stream

# two surfaces may send the same upstream request
FRESH = {"Cache-Control": "no-store"}
STREAMS = [surface for surface in CONVERSATIONS if surface.streamed is not None]


def ask(service, surface, *, streamed=False, **options):
    route, body = surface.request(streamed=streamed)
    return requests.post(service.url + route, json=body, headers=FRESH, timeout=20, **options)


def response_to(handler):
    """Return the response of the table to a request of the service, with a vector for each text."""
    found = [one.response for one in CALLING if one.upstream.endswith(handler.path)]
    if "JSON" in json.dumps(handler.asked):
        contents = [one["choices"][0]["message"]["content"] for one in found]
        objects = [json.loads(content) for content in contents if content.startswith("{")]
        return chat_response(json.dumps({name: value for one in objects for name, value in one.items()}))
    response = found[0]
    if "input" not in handler.asked:
        return response
    texts = handler.asked["input"]
    count = len(texts) if isinstance(texts, list) else 1
    return {**response, "data": [{"index": index, "embedding": [0.5, 0.25]} for index in range(count)]}


@pytest.fixture(scope="module")
def traced():
    started = []

    def start(**variables):
        started.append(Service(**variables))
        started[0].wait_for_line("Ready on")
        return started[0]

    yield from run_traced(start, **SETTINGS)
    started[0].stop()


@pytest.mark.parametrize("surface", CALLING, ids=str)
def test_a_request_is_one_trace(traced, surface):
    traced.respond_with(lambda handler: reply(handler, surface.response))
    assert traced.request(surface.route, surface.body, FRESH).status_code == 200
    trace = traced.trace(3)
    route = surface.rule or surface.route
    assert (trace.server.name, trace.server.attributes["http.route"]) == (f"POST {route}", route)
    assert trace.operation.parent_id == trace.server.span_id
    assert trace.operation.attributes["gen_ai.request.model"] == "org/small"
    assert [attempt.parent_id for attempt in trace.attempts] == [trace.operation.span_id]
    assert not any(span.failed for span in trace.spans)


@pytest.mark.parametrize("surface", STREAMS, ids=str)
def test_a_stream_is_one_trace(traced, surface):
    for done in (True, False):
        traced.respond_with(stream("Hi", " there.", done=done))
        route, body = surface.request(streamed=True)
        assert traced.request(route, body).status_code == 200
        trace = traced.trace(3)
        assert trace.operation.attributes["gen_ai.request.stream"] is True
        errors = {span.error for span in trace.spans}
        assert errors == ({None} if done else {"upstream_invalid_response"})


@pytest.fixture(scope="module")
def chaos():
    with closing(ChaosUpstream()) as upstream:
        yield upstream


@pytest.fixture(scope="module")
def served(chaos):
    service = Service(OPENAI_BASE_URL=f"{chaos.url}/v1", OPENAI_DEFAULT_MODEL="org/small", **SETTINGS)
    service.wait_for_line("Ready on")
    yield service
    service.stop()


@pytest.mark.parametrize("surface", STREAMS, ids=str)
def test_a_client_that_leaves_a_stream_ends_the_call_of_the_upstream(served, chaos, surface):
    script = Script(HEL, lambda exchange: exchange.hang())
    chaos.play([script])
    with ask(served, surface, streamed=True, stream=True) as response:
        assert b"Hel" in next(response.iter_content(None))
    assert script.ended.wait(5)
    left = {"operation": surface.operation, "outcome": "client_disconnected", "error": "client_disconnected"}
    until(lambda: any(line.items() >= left.items() for line in served.logged()))


def test_requests_in_flight_end_while_the_service_stops(start, remote):
    service = start(OPENAI_BASE_URL=f"{remote.url}/v1", OPENAI_DEFAULT_MODEL="org/small", **SETTINGS)
    release = threading.Event()

    def respond(handler):
        release.wait(20)
        stream("Hi.")(handler) if handler.asked.get("stream") else reply(handler, response_to(handler))

    remote.respond = respond
    calls = [(surface, False) for surface in CALLING] + [(surface, True) for surface in STREAMS]
    with ThreadPoolExecutor(len(calls) + 1) as pool:
        pending = [pool.submit(ask, service, surface, streamed=streamed) for surface, streamed in calls]
        for _ in pending:
            assert remote.arrived.acquire(timeout=20)
        stopped = pool.submit(service.stop)
        until(lambda: any("Handling signal: term" in line for line in service.lines))
        release.set()
        assert stopped.result() == 0
    for (surface, streamed), call in zip(calls, pending, strict=True):
        assert call.result().status_code == 200, call.result().text
        if streamed:
            assert surface.dialect.stream(call.result().content).complete
        else:
            surface.dialect.check(call.result().json())
