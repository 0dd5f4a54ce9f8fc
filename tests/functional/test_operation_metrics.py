"""What /metrics tells of operations: tokens, time, cache, retries, fallbacks, guards, and OpenTelemetry's own names."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.metrics import total
from support.streams import told
from support.upstreams import CHAT, OPENAI, chat_answer, stream

from app.version import __version__

MODEL = {"operation": "generate", "backend": "openai", "model": "org/small"}
GENAI = {"gen_ai_operation_name": "chat", "gen_ai_provider_name": "openai", "gen_ai_request_model": "org/small"}
USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
EVENTS = [{"choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": "stop"}]}]


def generate(client, **body):
    with client.post("/v1/text/generate", json={"prompt": "x", **body}) as answer:
        answer.get_data()
        return answer


@pytest.fixture
def slow(monkeypatch):
    """A function that lets every attempt take so many seconds of the clock that attempts are measured by."""
    now = [0.0]

    def take(upstream, seconds):
        def answer(request):
            now[0] += seconds
            return 200, {}, chat_text()

        monkeypatch.setattr("app.upstream.client.time.monotonic", lambda: now[0])
        upstream.add_callback("POST", CHAT, callback=answer, content_type="application/json")

    return take


def chat_text():
    return json.dumps(chat_answer("Hi."))


def test_tokens_are_counted_by_direction_under_our_name_and_opentelemetrys(client, upstream):
    upstream.post(CHAT, json={**chat_answer("Hi."), "usage": USAGE})
    generate(client)
    assert total(client, "ai_tokens_total", **MODEL, direction="input") == 7
    assert total(client, "ai_tokens_total", **MODEL, direction="output") == 3
    assert total(client, "gen_ai_client_token_usage_sum", **GENAI, gen_ai_token_type="input") == 7
    assert total(client, "gen_ai_client_token_usage_sum", **GENAI, gen_ai_token_type="output") == 3


@pytest.mark.parametrize("streamed", [False, True])
def test_tokens_that_are_only_estimated_are_not_reported_as_billable(client, upstream, streamed):
    if streamed:
        upstream.post(CHAT, body=stream(EVENTS), content_type="text/event-stream")
        assert told(generate(client, stream=True).data).text == "Hi"
    else:
        upstream.post(CHAT, json={**chat_answer("Hi."), "usage": None})
        generate(client)
    assert total(client, "ai_tokens_total", **MODEL, direction="output") >= 1
    assert total(client, "gen_ai_client_token_usage_count") is None


def test_estimates_of_openais_routes_are_not_reported_either(client, upstream):
    upstream.post(CHAT, json={**chat_answer("Hi."), "usage": None})
    client.post("/v1/chat/completions", json={"messages": [{"role": "user", "content": "x"}]})
    assert total(client, "ai_tokens_total", operation="chat") > 1
    assert total(client, "gen_ai_client_token_usage_count") is None


def test_an_answer_from_the_cache_used_no_tokens_and_no_upstream(client, upstream):
    upstream.post(CHAT, json={**chat_answer("Hi."), "usage": USAGE})
    for _ in range(3):
        generate(client, temperature=0)
    assert total(client, "ai_cache_total", operation="generate", outcome="miss") == 1
    assert total(client, "ai_cache_total", operation="generate", outcome="hit") == 2
    assert total(client, "ai_requests_total", **MODEL, outcome="ok") == 3
    assert total(client, "ai_tokens_total", **MODEL) == 10
    assert total(client, "gen_ai_client_operation_duration_seconds_count", **GENAI, error_type="") == 1


def test_overhead_is_what_no_upstream_took(client, upstream, slow):
    slow(upstream, 100.0)
    generate(client)
    assert total(client, "ai_overhead_seconds_count", operation="generate") == 1
    assert total(client, "ai_overhead_seconds_sum", operation="generate") == 0  # an upstream of 100 s by its clock
    assert total(client, "ai_upstream_attempt_duration_seconds_count", backend="openai") == 1


def test_the_overhead_of_what_took_no_upstream_is_all_of_it(client, upstream):
    upstream.post(CHAT, json=chat_answer("Hi."))
    generate(client)
    assert 0 < total(client, "ai_overhead_seconds_sum", operation="generate") < 5


def test_attempts_and_the_reasons_of_retries_are_counted(make_client, upstream, instantly):
    client = make_client(OPENAI, HUGGINGFACE_RETRY_ATTEMPTS="2")
    upstream.post(CHAT, status=500)
    upstream.post(CHAT, status=429)
    upstream.post(CHAT, json=chat_answer("Hi."))
    assert generate(client).headers["X-AI-Attempts"] == "3"
    attempts = {
        outcome: total(client, "ai_upstream_attempts_total", backend="openai", outcome=outcome)
        for outcome in ("upstream_unavailable", "upstream_rate_limited", "ok")
    }
    assert set(attempts.values()) == {1}
    assert sum(instantly) > 0
    assert total(client, "ai_overhead_seconds_sum", operation="generate") == 0  # the waits, which took no time here
    for reason in ("upstream_unavailable", "upstream_rate_limited"):
        assert total(client, "ai_upstream_retries_total", backend="openai", reason=reason) == 1
    assert total(client, "ai_upstream_attempt_duration_seconds_count", backend="openai") == 3


def test_a_fallback_that_answered_is_counted_and_one_that_failed_is_not(make_client, upstream):
    client = make_client(OPENAI, FALLBACK_MODELS="org/second")
    for status in (500, 500, 500, 200):
        upstream.post(CHAT, status=status, json=chat_answer("Hi."))
    assert [generate(client).status_code for _ in range(2)] == [502, 200]
    assert total(client, "ai_fallbacks_total", operation="generate", backend="openai") == 1


def test_a_failed_operation_has_its_error_as_opentelemetry_tells_it(client, upstream):
    upstream.post(CHAT, status=401)
    generate(client)
    name = "gen_ai_client_operation_duration_seconds_count"
    assert total(client, name, **GENAI, error_type="upstream_authentication_error") == 1


def test_an_open_breaker_is_seen_and_what_it_refuses_was_never_sent(make_client, upstream):
    client = make_client(OPENAI, BREAKER_FAILURES="1")
    upstream.post(CHAT, status=500)
    generate(client)
    assert total(client, "ai_breaker_state", backend="openai", route="chat/completions") == 2
    assert generate(client).get_json()["type"] == "circuit_open"
    assert total(client, "ai_upstream_attempts_total", backend="openai", outcome="circuit_open") == 1
    assert total(client, "ai_upstream_attempt_duration_seconds_count", backend="openai") == 1
    assert total(client, "ai_shed_total") is None


def test_a_breaker_that_never_opened_is_closed(client, upstream):
    upstream.post(CHAT, json=chat_answer("Hi."))
    generate(client)
    assert total(client, "ai_breaker_state", backend="openai", route="chat/completions") == 0


def test_the_bulkhead_tells_its_places_and_whom_it_refused(make_client, upstream):
    client = make_client(OPENAI, UPSTREAM_MAX_CONCURRENCY="1")
    seen = {}

    def answer(_request):
        with ThreadPoolExecutor(1) as apart:  # within this request Flask would share its `g`
            seen["refused"] = apart.submit(generate, client, prompt="y").result()
            seen["in use"] = apart.submit(total, client, "ai_bulkhead_in_use", backend="openai").result()
        return 200, {}, chat_text()

    upstream.add_callback("POST", CHAT, callback=answer, content_type="application/json")
    assert generate(client).status_code == 200
    assert seen["in use"] == 1
    assert seen["refused"].get_json()["type"] == "overloaded"
    assert total(client, "ai_bulkhead_in_use", backend="openai") == 0
    assert total(client, "ai_bulkhead_limit", backend="openai") == 1
    assert total(client, "ai_shed_total", backend="openai") == 1


def test_a_stream_tells_the_time_to_its_first_chunk_under_opentelemetrys_name(client, upstream):
    upstream.post(CHAT, body=stream(EVENTS), content_type="text/event-stream")
    assert told(generate(client, stream=True).data).done
    assert total(client, "gen_ai_client_operation_time_to_first_chunk_seconds_count", **GENAI) == 1
    assert total(client, "ai_stream_first_event_seconds_count", operation="generate", backend="openai") == 1
    assert total(client, "ai_overhead_seconds_count", operation="generate") == 1


def test_what_never_reached_a_backend_is_no_operation(client):
    assert generate(client, prompt="").status_code == 400
    assert total(client, "ai_overhead_seconds_count") is None


def test_a_model_that_only_the_server_knows_is_called_default(make_client, upstream):
    client = make_client({"OPENAI_BASE_URL": OPENAI["OPENAI_BASE_URL"]})
    upstream.post(CHAT, status=422)
    generate(client)
    assert total(client, "ai_requests_total", model="default") == 1


def test_the_version_and_the_memory_are_told(client):
    assert total(client, "build_info", version=__version__) == 1
    assert 20e6 < total(client, "resident_memory_bytes") < 2e9


@pytest.mark.parametrize(("limit", "told_limit"), [("134217728\n", 134217728), ("max\n", None), (None, None)])
def test_the_limit_of_the_container_is_told_where_there_is_one(make_client, monkeypatch, tmp_path, limit, told_limit):
    file = tmp_path / "memory.max"
    if limit is not None:
        file.write_text(limit)
    monkeypatch.setattr("app.observability.metrics.process.CGROUP_LIMIT", Path(file))
    assert total(make_client(), "memory_limit_bytes") == told_limit


def test_a_redis_that_is_away_is_seen_at_the_next_scrape(make_client, redis):
    assert total(make_client(REDIS_URL=redis.url), "redis_up") == 1
    assert total(make_client(REDIS_URL="redis://127.0.0.1:1/0"), "redis_up") == 0
    assert total(make_client(), "redis_up") is None


def test_an_engine_that_does_not_answer_is_seen_at_the_next_scrape(make_client, upstream):
    upstream.get("http://127.0.0.1:9/health", status=503)
    assert total(make_client({"AI_BACKEND": "embedded", "EMBEDDED_PORT": "9"}), "embedded_engine_up") == 0


def test_a_worker_that_has_just_ended_takes_no_memory(make_app, monkeypatch):
    app = make_app()
    monkeypatch.setattr(app.extensions["metrics"].process, "_processes", lambda: [os.getpid(), 2**22 + 1])
    assert 20e6 < total(app.test_client(), "resident_memory_bytes") < 2e9
