"""Every upstream fault of the table, over real sockets: response, time, number of calls, and health afterwards."""

import pytest
from support.calls import generate
from support.chaos import ChaosUpstream, tls_of_another_host
from support.faults import BUDGET_SECONDS, FAULTS, RETRIES, UNREACHABLE, page
from support.scripts import DONE
from support.servers import ROOT, Service, free_port, until

OVER_BUDGET_SECONDS = 0.25
AT_ONCE_SECONDS = 0.5
# good calls before each fault: they keep its retries within the budget, and the failure rate below the breaker's
USUAL_CALLS = 20
SETTINGS = {
    "HUGGINGFACE_TIMEOUT": f"{BUDGET_SECONDS}s",
    "HUGGINGFACE_RETRY_ATTEMPTS": str(RETRIES),
    "OPENAI_DEFAULT_MODEL": "org/small",
}


@pytest.fixture(scope="module")
def chaos():
    upstream = ChaosUpstream()
    yield upstream
    upstream.close()


@pytest.fixture(scope="module")
def steady(chaos):
    """A service with normal traffic to the upstream that misbehaves."""
    service = Service(OPENAI_BASE_URL=f"{chaos.url}/v1", **SETTINGS)
    service.wait_for_line("Ready on")
    yield service
    service.stop()


def seconds_taken(response):
    """The time from the arrival of the request to its response, as Server-Timing reports it."""
    return float(response.headers["Server-Timing"].rpartition("dur=")[2]) / 1000


def check(response, fault):
    assert response.status_code == fault.status, response.text
    assert response.json().get("type") == fault.type
    retry_after = response.headers.get("Retry-After")
    lowest, highest = fault.retry_after or (None, None)
    assert retry_after is None if lowest is None else lowest <= int(retry_after) <= highest
    assert seconds_taken(response) <= (AT_ONCE_SECONDS if fault.at_once else BUDGET_SECONDS + OVER_BUDGET_SECONDS)
    if fault.slow:
        assert seconds_taken(response) >= BUDGET_SECONDS - OVER_BUDGET_SECONDS


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.what)
def test_fault_has_its_response_and_no_lasting_effect(steady, chaos, fault):
    for _ in range(USUAL_CALLS):
        assert generate(steady).status_code == 200
    chaos.play(fault.acts)
    response = generate(steady)
    check(response, fault)
    assert chaos.calls == fault.calls == int(response.headers["X-AI-Attempts"])
    chaos.play(())
    assert generate(steady).status_code == 200
    assert steady.get("/health/deep").json()["checks"]["openai"]["breakers"]["chat/completions"] == "closed"
    until(lambda: len(chaos.open) <= 1)  # the idle connection of the pool


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault.at_once], ids=lambda fault: fault.what)
def test_fault_before_the_first_event_of_a_stream_has_the_same_response(steady, chaos, fault):
    chaos.play(fault.acts)
    response = steady.post("/v1/text/generate", prompt="x", stream=True)
    if fault.status == 200:
        assert response.content.endswith(DONE)
    else:
        check(response, fault)
    assert chaos.calls == fault.calls


@pytest.mark.parametrize("fault", UNREACHABLE, ids=lambda fault: fault.what)
def test_unreachable_upstream_has_its_response(start, fault):
    with tls_of_another_host() as upstream:
        url = {
            "refuses the connection": f"http://127.0.0.1:{free_port()}/v1",
            "has a name that does not resolve": "http://does-not-resolve.invalid/v1",
            "shows the TLS certificate of another host": f"https://127.0.0.1:{upstream.port}/v1",
        }[fault.what]
        response = generate(start(OPENAI_BASE_URL=url, **SETTINGS))
        check(response, fault)
        assert upstream.calls == 0
        assert int(response.headers["X-AI-Attempts"]) == RETRIES + 1


def test_page_in_the_docs_is_generated_from_the_table():
    assert (ROOT / "docs/faults.md").read_text() == page()
