"""LangChain's standard tests for chat models: each has the same outcome through the service as without it."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from support.langchain import outcomes
from support.openai_server import OpenAIServer
from support.servers import free_port, until

SCRIPTED = {"model": "scripted", "other_model": "scripted-large", "tools": True}
# the template of the engine's model has no tools: the service refuses them with 400, the engine ignores them
LOCAL = {"model": "SmolLM2-135M-Instruct", "other_model": "SmolLM2-135M-Instruct", "tools": False}
# the suite skips it for every model without recordings, and Anthropic's content needs Anthropic's client
SKIPPED = {"test_stream_time", "test_anthropic_inputs"}


def failed(results):
    return {name for name, outcome in results.items() if outcome not in ("passed", "skipped")}


@pytest.fixture
def scripted():
    with closing(OpenAIServer()) as server:
        yield server


def test_every_test_of_the_suite_passes_through_the_service_as_straight_to_the_upstream(start, scripted, tmp_path):
    service = start(OPENAI_BASE_URL=f"{scripted.url}/v1", OPENAI_DEFAULT_MODEL="scripted")
    straight, through = tmp_path / "straight.xml", tmp_path / "through.xml"
    with ThreadPoolExecutor() as pool:
        expected = pool.submit(outcomes, f"{scripted.url}/v1", straight, **SCRIPTED)
        results = outcomes(f"{service.url}/v1", through, **SCRIPTED)
        assert results == expected.result()
    assert not failed(results)
    assert {name for name, outcome in results.items() if outcome == "skipped"} == SKIPPED
    assert len(results) >= 50


@pytest.mark.release  # the engine needs more than a minute for both runs
@pytest.mark.timeout(400)
def test_no_test_of_the_suite_fails_on_the_embedded_engine_that_passes_straight_to_it(start, tmp_path):
    port = free_port()
    service = start(AI_BACKEND="embedded", EMBEDDED_PORT=str(port))
    until(service.is_ready)
    through = outcomes(f"{service.url}/v1", tmp_path / "through.xml", **LOCAL)
    straight = outcomes(f"http://127.0.0.1:{port}/v1", tmp_path / "straight.xml", **LOCAL)
    assert through.keys() == straight.keys()
    added = {name: through[name] for name in failed(through) - failed(straight)}
    assert not added
    assert len(failed(through)) < len(through) / 2
