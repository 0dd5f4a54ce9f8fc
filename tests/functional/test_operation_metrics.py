"""Metrics of operations: tokens, time, cache, retries, fallbacks, bulkheads, breakers, and OpenTelemetry's names."""

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.calls import generate
from support.metrics import total
from support.streams import parse_stream
from support.upstreams import CHAT, OPENAI, chat_response, stream

from app.version import __version__

MODEL = {"operation": "generate", "backend": "openai", "model": "org/small"}
GENAI = {"gen_ai_operation_name": "chat", "gen_ai_provider_name": "openai", "gen_ai_request_model": "org/small"}
USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
EVENTS = [{"choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": "stop"}]}]


def finish(response):
    """Read a response to its end, which records its metrics; return it."""
    with response:
        response.get_data()
        return response


@pytest.fixture
def slow(monkeypatch):
    """Return a function that makes every attempt take some seconds of the clock that measures attempts."""
    now = [0.0]

    def take(upstream, seconds):
        def respond(request):
            now[0] += seconds
            return 200, {}, chat_text()

        monkeypatch.setattr("app.upstream.client.time.monotonic", lambda: now[0])
        upstream.add_callback("POST", CHAT, callback=respond, content_type="application/json")

    return take


def chat_text():
    return json.dumps(chat_response("Hi."))


def test_tokens_are_counted_by_direction_in_both_metrics(client, upstream):
    upstream.post(CHAT, json={**chat_response("Hi."), "usage": USAGE})
    finish(generate(client))
    assert total(client, "ai_tokens_total", **MODEL, direction="input") == 7
    assert total(client, "ai_tokens_total", **MODEL, direction="output") == 3
    assert total(client, "gen_ai_client_token_usage_sum", **GENAI, gen_ai_token_type="input") == 7
    assert total(client, "gen_ai_client_token_usage_sum", **GENAI, gen_ai_token_type="output") == 3


@pytest.mark.parametrize("streamed", [False, True])
def test_estimated_tokens_are_left_out_of_opentelemetrys_metric(client, upstream, streamed):
    if streamed:
        upstream.post(CHAT, body=stream(EVENTS), content_type="text/event-stream")
        assert parse_stream(finish(generate(client, stream=True)).data).text == "Hi"
    else:
        upstream.post(CHAT, json={**chat_response("Hi."), "usage": None})
        finish(generate(client))
    assert total(client, "ai_tokens_total", **MODEL, direction="output") >= 1
    assert total(client, "gen_ai_client_token_usage_count") is None


def test_estimated_tokens_of_openai_routes_are_left_out_too(client, upstream):
    upstream.post(CHAT, json={**chat_response("Hi."), "usage": None})
    client.post("/v1/chat/completions", json={"messages": [{"role": "user", "content": "x"}]})
    assert total(client, "ai_tokens_total", operation="chat") > 1
    assert total(client, "gen_ai_client_token_usage_count") is None


def test_a_cache_hit_counts_no_tokens_and_no_upstream_call(client, upstream):
    upstream.post(CHAT, json={**chat_response("Hi."), "usage": USAGE})
    for _ in range(3):
        finish(generate(client, temperature=0))
    assert total(client, "ai_cache_total", operation="generate", outcome="miss") == 1
    assert total(client, "ai_cache_total", operation="generate", outcome="hit") == 2
    assert total(client, "ai_requests_total", **MODEL, outcome="ok") == 3
    assert total(client, "ai_tokens_total", **MODEL) == 10
    assert total(client, "gen_ai_client_operation_duration_seconds_count", **GENAI, error_type="") == 1


def test_overhead_excludes_the_time_of_the_upstream(client, upstream, slow):
    slow(upstream, 100.0)
    finish(generate(client))
    assert total(client, "ai_overhead_seconds_count", operation="generate") == 1
    assert total(client, "ai_overhead_seconds_sum", operation="generate") == 0  # the upstream took 100 s
    assert total(client, "ai_upstream_attempt_duration_seconds_count", backend="openai") == 1


def test_overhead_includes_the_rest_of_the_time(client, upstream):
    upstream.post(CHAT, json=chat_response("Hi."))
    finish(generate(client))
    assert 0 < total(client, "ai_overhead_seconds_sum", operation="generate") < 5


def test_attempts_and_reasons_of_retries_are_counted(make_client, upstream, instantly):
    client = make_client(OPENAI, HUGGINGFACE_RETRY_ATTEMPTS="2")
    upstream.post(CHAT, status=500)
    upstream.post(CHAT, status=429)
    upstream.post(CHAT, json=chat_response("Hi."))
    assert finish(generate(client)).headers["X-AI-Attempts"] == "3"
    attempts = {
        outcome: total(client, "ai_upstream_attempts_total", backend="openai", outcome=outcome)
        for outcome in ("upstream_unavailable", "upstream_rate_limited", "ok")
    }
    assert set(attempts.values()) == {1}
    assert sum(instantly) > 0
    assert (
        total(client, "ai_overhead_seconds_sum", operation="generate") == 0
    )  # the retry delays, which this test skips
    for reason in ("upstream_unavailable", "upstream_rate_limited"):
        assert total(client, "ai_upstream_retries_total", backend="openai", reason=reason) == 1
    assert total(client, "ai_upstream_attempt_duration_seconds_count", backend="openai") == 3


def test_only_successful_fallbacks_are_counted(make_client, upstream):
    client = make_client(OPENAI, FALLBACK_MODELS="org/second")
    for status in (500, 500, 500, 200):
        upstream.post(CHAT, status=status, json=chat_response("Hi."))
    assert [finish(generate(client)).status_code for _ in range(2)] == [502, 200]
    assert total(client, "ai_fallbacks_total", operation="generate", backend="openai") == 1


def test_opentelemetrys_duration_has_the_error_type(client, upstream):
    upstream.post(CHAT, status=401)
    finish(generate(client))
    name = "gen_ai_client_operation_duration_seconds_count"
    assert total(client, name, **GENAI, error_type="upstream_authentication_error") == 1


def test_an_open_breaker_and_its_rejected_attempts_are_recorded(make_client, upstream):
    client = make_client(OPENAI, BREAKER_FAILURES="1")
    upstream.post(CHAT, status=500)
    finish(generate(client))
    assert total(client, "ai_breaker_state", backend="openai", route="chat/completions") == 2
    assert finish(generate(client)).get_json()["type"] == "circuit_open"
    assert total(client, "ai_upstream_attempts_total", backend="openai", outcome="circuit_open") == 1
    assert total(client, "ai_upstream_attempt_duration_seconds_count", backend="openai") == 1
    assert total(client, "ai_bulkhead_rejected_total") is None


def test_a_breaker_starts_closed(client, upstream):
    upstream.post(CHAT, json=chat_response("Hi."))
    finish(generate(client))
    assert total(client, "ai_breaker_state", backend="openai", route="chat/completions") == 0


def test_bulkhead_permits_and_rejections_are_recorded(make_client, upstream):
    client = make_client(OPENAI, UPSTREAM_MAX_CONCURRENCY="1")
    seen = {}

    def respond(_request):
        with ThreadPoolExecutor(1) as thread:  # in this thread the calls would share the context of the request
            seen["rejected"] = thread.submit(generate, client, prompt="y").result()
            seen["in use"] = thread.submit(total, client, "ai_bulkhead_in_use", backend="openai").result()
        return 200, {}, chat_text()

    upstream.add_callback("POST", CHAT, callback=respond, content_type="application/json")
    assert finish(generate(client)).status_code == 200
    assert seen["in use"] == 1
    assert seen["rejected"].get_json()["type"] == "overloaded"
    assert total(client, "ai_bulkhead_in_use", backend="openai") == 0
    assert total(client, "ai_bulkhead_limit", backend="openai") == 1
    assert total(client, "ai_bulkhead_rejected_total", backend="openai") == 1


def test_the_time_to_the_first_chunk_is_recorded_in_both_metrics(client, upstream):
    upstream.post(CHAT, body=stream(EVENTS), content_type="text/event-stream")
    assert parse_stream(finish(generate(client, stream=True)).data).done
    assert total(client, "gen_ai_client_operation_time_to_first_chunk_seconds_count", **GENAI) == 1
    assert total(client, "ai_stream_first_event_seconds_count", operation="generate", backend="openai") == 1
    assert total(client, "ai_overhead_seconds_count", operation="generate") == 1


def test_an_invalid_request_counts_as_no_operation(client):
    assert finish(generate(client, prompt="")).status_code == 400
    assert total(client, "ai_overhead_seconds_count") is None


def test_an_unknown_default_model_has_the_label_default(make_client, upstream):
    client = make_client({"OPENAI_BASE_URL": OPENAI["OPENAI_BASE_URL"]})
    upstream.post(CHAT, status=422)
    finish(generate(client))
    assert total(client, "ai_requests_total", model="default") == 1


def test_version_and_memory_are_reported(client):
    assert total(client, "build_info", version=__version__) == 1
    assert 20e6 < total(client, "resident_memory_bytes") < 2e9


@pytest.mark.parametrize(("text", "limit"), [("134217728\n", 134217728), ("max\n", None), (None, None)])
def test_the_memory_limit_of_the_container_is_reported_if_there_is_one(make_client, monkeypatch, tmp_path, text, limit):
    file = tmp_path / "memory.max"
    if text is not None:
        file.write_text(text)
    monkeypatch.setattr("app.observability.metrics.process.CGROUP_LIMIT", file)
    assert total(make_client(), "memory_limit_bytes") == limit


def test_each_scrape_checks_redis(make_client, redis):
    assert total(make_client(REDIS_URL=redis.url), "redis_up") == 1
    assert total(make_client(REDIS_URL="redis://127.0.0.1:1/0"), "redis_up") == 0
    assert total(make_client(), "redis_up") is None


def test_each_scrape_checks_the_engine(make_client, upstream):
    upstream.get("http://127.0.0.1:9/health", status=503)
    assert total(make_client({"AI_BACKEND": "embedded", "EMBEDDED_PORT": "9"}), "embedded_engine_up") == 0


def test_a_worker_that_has_just_ended_has_no_memory(make_app):
    app = make_app()
    app.extensions["metrics"].process.arbiter = os.getpid()
    with subprocess.Popen(["true"]) as child:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # ended, but still among the children
        assert 20e6 < total(app.test_client(), "resident_memory_bytes") < 2e9
