"""The same fault of an upstream on every surface: the same meaning, in the words of its API, over real sockets."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
import requests
from support.chaos import ChaosUpstream
from support.faults import REPRESENTATIVES
from support.scripts import HEL, LO, Script
from support.servers import Service
from support.surfaces.sdks import SDKS
from support.surfaces.table import CALLING, CONVERSATIONS, SETTINGS

FAULTS = [fault for fault in REPRESENTATIVES if not fault.slow]
[SLOW] = [fault for fault in REPRESENTATIVES if fault.slow]
VARIABLES = {
    **SETTINGS,
    "OPENAI_DEFAULT_MODEL": "org/small",
    "HUGGINGFACE_RETRY_ATTEMPTS": "0",
    "HUGGINGFACE_TIMEOUT": "700ms",
    "STREAM_IDLE_TIMEOUT": "300ms",
    "STREAM_HEARTBEAT": "100ms",
    "BREAKER_FAILURES": "1000",
    "BREAKER_FAILURE_RATE": "1",
}
LACKS = {"model_not_found": 404, "not_supported": 501}
STREAMS = [surface for surface in CONVERSATIONS if surface.streamed is not None]
# how a stream breaks after its first event: the steps, and the service's type of error
BREAKS = {
    "cut": ([lambda exchange: exchange.finish()], "upstream_invalid_response"),
    "reset": ([lambda exchange: exchange.reset()], "upstream_unavailable"),
    "hang": ([lambda exchange: exchange.hang()], "upstream_timeout"),
    "error event": ([b'data: {"error": {"message": "Slow down.", "code": 429}}\n\n'], "upstream_rate_limited"),
    "rubbish": ([b"data: {]\n\n"], "upstream_invalid_response"),
}


@pytest.fixture(scope="module")
def chaos():
    with closing(ChaosUpstream()) as upstream:
        yield upstream


@pytest.fixture(scope="module")
def service(chaos):
    service = Service(OPENAI_BASE_URL=f"{chaos.url}/v1", **VARIABLES)
    service.wait_for_line("Ready on")
    assert requests.post(service.url + STREAMS[0].route, json=STREAMS[0].body, timeout=20).status_code == 200
    yield service
    service.stop()


def ask(service, surface, *, streamed=False):
    route, body = surface.request(streamed=streamed)
    return requests.post(service.url + route, json=body, timeout=20)


def check(response, surface, fault):
    # a server without an optional route may say so with either status, and another route may answer for it
    kinds = LACKS if surface.optional and fault.type in LACKS else {fault.type: fault.status}
    expected = [(surface.dialect.status(*kind), surface.dialect.word(kind[0])) for kind in kinds.items()]
    assert (response.status_code, surface.dialect.error(response.json())) in expected, response.text
    assert ("Retry-After" in response.headers) == (fault.retry_after is not None)


@pytest.mark.parametrize("surface", CALLING, ids=str)
def test_a_fault_has_the_same_meaning_on_every_surface(service, chaos, surface):
    for fault in FAULTS:
        for streamed in (False, True)[: 1 + (surface.streamed is not None)]:
            chaos.play(fault.acts)
            check(ask(service, surface, streamed=streamed), surface, fault)


def test_a_silent_upstream_is_a_timeout_on_every_surface(service, chaos):
    chaos.play(SLOW.acts * len(CALLING))
    with ThreadPoolExecutor(len(CALLING)) as pool:
        responses = list(pool.map(lambda surface: ask(service, surface), CALLING))
    for surface, response in zip(CALLING, responses, strict=True):
        check(response, surface, SLOW)


@pytest.mark.parametrize("surface", STREAMS, ids=str)
def test_a_stream_that_breaks_ends_in_the_error_of_its_api(service, chaos, surface):
    for how, (steps, kind) in BREAKS.items():
        chaos.play([Script(HEL, *steps)])
        response = ask(service, surface, streamed=True)
        assert response.headers["Content-Type"].partition(";")[0] == surface.dialect.mimetype
        answer = surface.dialect.stream(response.content)
        assert (answer.text, answer.complete, answer.error) == ("Hel", False, surface.dialect.word(kind)), how


@pytest.mark.parametrize("surface", STREAMS, ids=str)
def test_a_silent_stream_has_signs_of_life_that_its_clients_skip(service, chaos, surface):
    chaos.play([Script(HEL, lambda exchange: exchange.closing.wait(0.25), LO)])
    response = ask(service, surface, streamed=True)
    answer = surface.dialect.stream(response.content)
    assert (answer.text, answer.complete, answer.error) == ("Hello.", True, None)
    assert response.content.count(surface.dialect.heartbeat) >= 1


@pytest.mark.parametrize("sdk", SDKS, ids=str)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.type)
def test_each_sdk_raises_its_own_error(service, chaos, sdk, fault):
    for streamed in (False, True):
        chaos.play(fault.acts)
        with pytest.raises(sdk.refused) as error:
            sdk.ask(service.url, streamed)
        assert sdk.status(error.value) == fault.status


@pytest.mark.parametrize("sdk", SDKS, ids=str)
@pytest.mark.parametrize("how", BREAKS)
def test_each_sdk_raises_its_own_error_at_the_end_of_a_broken_stream(service, chaos, sdk, how):
    chaos.play([Script(HEL, *BREAKS[how][0])])
    with pytest.raises(sdk.broken):
        sdk.ask(service.url, True)


@pytest.mark.parametrize("sdk", SDKS, ids=str)
def test_each_sdk_reads_a_stream_with_signs_of_life(service, chaos, sdk):
    chaos.play([Script(HEL, lambda exchange: exchange.closing.wait(0.25), LO)])
    assert sdk.ask(service.url, True) == "Hello."
