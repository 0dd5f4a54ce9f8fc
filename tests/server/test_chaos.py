"""Every fault of the table, over real sockets: the answer, its time, the calls made, and health afterwards."""

import pytest
from support.calls import generate
from support.chaos import ChaosUpstream, tls_of_another_host
from support.faults import BUDGET_SECONDS, FAULTS, RETRIES, UNREACHABLE, page
from support.scripts import DONE
from support.servers import ROOT, Service, free_port, until

OVER_BUDGET_SECONDS = 0.25
AT_ONCE_SECONDS = 0.5
# so many good calls before each fault keep its retries within the retry budget, and outages below the breaker's rate
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
    """A service in normal traffic with the upstream that misbehaves."""
    service = Service(OPENAI_BASE_URL=f"{chaos.url}/v1", **SETTINGS)
    service.wait_for_line("Ready on")
    yield service
    service.stop()


def seconds_taken(answer):
    """The time from the request's arrival to its answer, as the service says."""
    return float(answer.headers["Server-Timing"].rpartition("dur=")[2]) / 1000


def check(answer, fault):
    assert answer.status_code == fault.status, answer.text
    assert answer.json().get("type") == fault.type
    told = answer.headers.get("Retry-After")
    lowest, highest = fault.retry_after or (None, None)
    assert told is None if lowest is None else lowest <= int(told) <= highest
    assert seconds_taken(answer) <= (AT_ONCE_SECONDS if fault.at_once else BUDGET_SECONDS + OVER_BUDGET_SECONDS)
    if fault.slow:
        assert seconds_taken(answer) >= BUDGET_SECONDS - OVER_BUDGET_SECONDS


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.what)
def test_a_fault_has_its_answer_and_leaves_nothing_behind(steady, chaos, fault):
    for _ in range(USUAL_CALLS):
        assert generate(steady).status_code == 200
    chaos.play(fault.acts)
    answer = generate(steady)
    check(answer, fault)
    assert chaos.calls == fault.calls == int(answer.headers["X-AI-Attempts"])
    chaos.play(())
    assert generate(steady).status_code == 200
    assert steady.get("/health/deep").json()["checks"]["openai"]["breakers"]["chat/completions"] == "closed"
    until(lambda: len(chaos.open) <= 1)  # the one that the pool keeps


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault.at_once], ids=lambda fault: fault.what)
def test_a_fault_before_the_first_event_of_a_stream_has_the_same_answer(steady, chaos, fault):
    chaos.play(fault.acts)
    answer = steady.post("/v1/text/generate", prompt="x", stream=True)
    if fault.status == 200:
        assert answer.content.endswith(DONE)
    else:
        check(answer, fault)
    assert chaos.calls == fault.calls


@pytest.mark.parametrize("fault", UNREACHABLE, ids=lambda fault: fault.what)
def test_an_upstream_that_cannot_be_reached_has_its_answer(start, fault):
    with tls_of_another_host() as upstream:
        url = {
            "refuses the connection": f"http://127.0.0.1:{free_port()}/v1",
            "has a name that does not resolve": "http://does-not-resolve.invalid/v1",
            "shows the TLS certificate of another host": f"https://127.0.0.1:{upstream.port}/v1",
        }[fault.what]
        answer = generate(start(OPENAI_BASE_URL=url, **SETTINGS))
        check(answer, fault)
        assert upstream.calls == 0
        assert int(answer.headers["X-AI-Attempts"]) == RETRIES + 1


def test_the_document_is_the_table():
    assert (ROOT / "docs/faults.md").read_text() == page()
