"""The spans of requests to the running service, as a collector receives them."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from secrets import token_hex

import pytest
import requests
from flask import Flask
from support.canaries import PROMPT
from support.collector import CLIENT, SERVER, Collector
from support.servers import LONG_SECONDS, Service, chat_response, reply, until
from support.tracing import (
    CLIENT_SPAN_ID,
    GENERATE,
    TracedService,
    disconnect,
    fail_with,
    in_a_trace,
    run_traced,
    stream,
    succeed,
)

from app import create_app


@pytest.fixture(scope="module")
def shared() -> Iterator[TracedService]:
    """One service for all tests without settings of their own."""
    started: list[Service] = []

    def start(**variables: str) -> Service:
        started.append(Service(**variables))
        started[0].wait_for_line("Ready on")
        return started[0]

    yield from run_traced(start, HUGGINGFACE_RETRY_ATTEMPTS="1", HUGGINGFACE_TIMEOUT="2s", STREAM_IDLE_TIMEOUT="1s")
    started[0].stop()


@pytest.fixture
def traced(shared: TracedService) -> TracedService:
    shared.respond_with()
    return shared


def test_a_request_is_one_trace_across_client_service_and_upstream(traced):
    assert traced.request(*GENERATE, headers={"tracestate": "vendor=1"}).status_code == 200
    trace = traced.trace()
    [attempt] = trace.attempts
    assert len(trace.spans) == 3
    assert [trace.server.parent_id, trace.operation.parent_id] == [CLIENT_SPAN_ID, trace.server.span_id]
    assert attempt.parent_id == trace.operation.span_id
    assert traced.traceparents() == [attempt.traceparent]
    assert traced.upstream.requests[0]["headers"]["tracestate"] == "vendor=1"


@pytest.mark.parametrize("traceparent", ["", "nonsense", f"00-{'0' * 32}-{CLIENT_SPAN_ID}-01", "00-" + "x" * 600])
def test_a_request_without_a_valid_traceparent_starts_a_new_trace(traced, traceparent):
    response = traced.request(*GENERATE, headers={"traceparent": traceparent})
    assert response.status_code == 200
    [version, trace_id, _, flags] = traced.traceparents()[0].split("-")
    assert (version, int(flags, 16) & 1) == ("00", 1)
    assert traced.collector.trace(trace_id).server.parent_id == ""


def test_spans_have_the_attributes_of_the_conventions(traced):
    body = {"prompt": "x", "max_tokens": 5, "temperature": 1, "top_p": 0.5, "seed": 3, "stop": ["end"]}
    traced.request("/v1/text/generate", body, headers={"User-Agent": "a client", "X-Request-ID": "id-1"})
    trace = traced.trace()
    identity = {"ai_huggingface.request_id": "id-1", "ai_huggingface.client": "127.0.0.1"}
    port = int(traced.upstream.url.rpartition(":")[2])
    assert (trace.server.name, trace.server.kind, trace.server.attributes) == (
        "POST /v1/text/generate",
        SERVER,
        {
            "http.request.method": "POST",
            "http.route": "/v1/text/generate",
            "http.response.status_code": 200,
            "url.path": "/v1/text/generate",
            "url.scheme": "http",
            "client.address": "127.0.0.1",
            "network.protocol.version": "1.1",
            "user_agent.original": "a client",
            **identity,
        },
    )
    assert (trace.operation.name, trace.operation.kind, trace.operation.attributes) == (
        "chat org/small",
        CLIENT,
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "org/small",
            "gen_ai.request.max_tokens": 5,
            "gen_ai.request.temperature": 1.0,
            "gen_ai.request.top_p": 0.5,
            "gen_ai.request.seed": 3,
            "gen_ai.request.stream": False,
            "gen_ai.response.model": "org/small",
            "gen_ai.response.finish_reasons": ["stop"],
            "gen_ai.usage.input_tokens": 1,
            "gen_ai.usage.output_tokens": 1,
            "server.address": "127.0.0.1",
            "server.port": port,
            "ai_huggingface.cache": "miss",
            "ai_huggingface.fallback": False,
            **identity,
        },
    )
    [attempt] = trace.attempts
    assert (attempt.name, attempt.kind, attempt.attributes) == (
        "POST",
        CLIENT,
        {
            "http.request.method": "POST",
            "http.response.status_code": 200,
            "url.full": f"{traced.upstream.url}/v1/chat/completions",
            "server.address": "127.0.0.1",
            "server.port": port,
            **identity,
        },
    )
    assert not any(span.failed for span in trace.spans)
    assert type(trace.operation.attributes["gen_ai.request.temperature"]) is float
    resource = trace.server.resource
    assert (resource["service.name"], resource["telemetry.sdk.name"]) == ("ai-huggingface", "opentelemetry")


@pytest.mark.parametrize(
    ("route", "body", "name"),
    [
        ("/v1/text/complete", {"prompt": "x"}, "text_completion org/small"),
        ("/v1/text/sentiment", {"text": "fine"}, "text_classification org/small"),
        ("/v1/text/summarize", {"text": "A long text."}, "summarization org/small"),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "x"}]}, "chat org/small"),
        ("/v1/completions", {"prompt": "x"}, "text_completion org/small"),
        ("/v1/embeddings", {"input": "x"}, "embeddings org/small"),
        ("/v1/embeddings", {"input": "x", "model": "org/other"}, "embeddings org/other"),
    ],
)
def test_each_operation_has_a_span(traced, route, body, name):
    traced.request(route, body)
    trace = traced.trace()
    assert (trace.operation.name, trace.server.attributes["http.route"]) == (name, route)
    assert trace.attempts
    assert all(attempt.parent_id == trace.operation.span_id for attempt in trace.attempts)
    assert traced.traceparents() == [attempt.traceparent for attempt in trace.attempts]


def test_malformed_models_and_unknown_finish_reasons_are_left_out(start_traced):
    traced = start_traced(OPENAI_DEFAULT_MODEL="")
    body = {**chat_response("Hi."), "model": f"{PROMPT} {PROMPT}"}
    body["choices"][0]["finish_reason"] = PROMPT
    traced.respond_with(lambda handler: reply(handler, body))
    assert traced.request("/v1/chat/completions", {"messages": [{"role": "user", "content": "x"}]}).status_code == 200
    operation = traced.trace().operation
    attributes = set(operation.attributes)
    assert operation.name == "chat"
    assert not attributes & {"gen_ai.request.model", "gen_ai.response.model", "gen_ai.response.finish_reasons"}


def test_a_request_without_inference_has_attempts_but_no_operation(start_traced):
    traced = start_traced(HUGGINGFACE_API_KEY="hf_key", HUGGINGFACE_HUB_URL="UPSTREAM")
    traced.respond_with(lambda handler: reply(handler, {}, 404, X_Error_Code="RepoNotFound"))
    url = f"{traced.service.url}/v1/models/validate?model=org/unknown"
    response = requests.get(url, headers=in_a_trace(traced.new_id()), timeout=30)
    assert response.json()["valid"] is False
    trace = traced.trace()
    [lookup] = [attempt for attempt in trace.attempts if "/api/models/org/unknown" in attempt.attributes["url.full"]]
    assert (lookup.name, lookup.error, lookup.failed) == ("GET", "404", True)
    assert {attempt.parent_id for attempt in trace.attempts} == {trace.server.span_id}
    assert (len(trace.spans) - len(trace.attempts), trace.server.failed) == (1, False)


def test_an_operation_has_the_name_of_its_own_default_model(start_traced):
    traced = start_traced(SENTIMENT_MODEL="org/rater")
    traced.respond_with(lambda handler: reply(handler, {}, 404))
    assert traced.request("/v1/text/sentiment", {"text": "x"}).status_code == 404
    attributes = traced.trace().operation.attributes
    assert (attributes["gen_ai.request.model"], attributes["gen_ai.response.model"]) == ("org/rater", "org/rater")


def test_each_retry_has_a_span_of_its_own(traced):
    traced.respond_with(fail_with(500))
    assert traced.request(*GENERATE).status_code == 200
    trace = traced.trace()
    first, second = trace.attempts
    assert (first.error, first.failed, first.attributes["http.response.status_code"]) == (
        "upstream_unavailable",
        True,
        500,
    )
    assert (second.error, second.attributes["http.request.resend_count"]) == (None, 1)
    assert "http.request.resend_count" not in first.attributes
    assert traced.traceparents() == [first.traceparent, second.traceparent]
    assert (trace.operation.error, trace.operation.failed, trace.server.failed) == (None, False, False)


def test_a_fallback_belongs_to_the_same_operation(start_traced):
    traced = start_traced(FALLBACK_MODELS="org/second")
    traced.respond_with(fail_with(500))
    assert traced.request(*GENERATE).status_code == 200
    trace = traced.trace()
    attributes = trace.operation.attributes
    assert (attributes["gen_ai.request.model"], attributes["gen_ai.response.model"]) == ("org/small", "org/second")
    assert (attributes["ai_huggingface.fallback"], trace.operation.error) == (True, None)
    assert [attempt.error for attempt in trace.attempts] == ["upstream_unavailable", None]
    assert all("http.request.resend_count" not in attempt.attributes for attempt in trace.attempts)


def test_a_hedge_is_an_attempt_beside_the_first_one(start_traced):
    traced = start_traced(HEDGE_AFTER="100ms", CACHE_TTL="0s")
    release = threading.Event()

    def hang(handler):
        release.wait(LONG_SECONDS)

    traced.respond_with(*[succeed] * 20, hang)
    for _ in range(20):
        traced.request("/v1/text/generate", {"prompt": "x", "seed": 1})
    traced.upstream.requests.clear()
    assert traced.request("/v1/text/generate", {"prompt": "x", "seed": 1}).status_code == 200
    trace = traced.trace(spans=4)
    release.set()
    first, second = trace.attempts
    assert (first.error, first.failed, second.error) == ("cancelled", False, None)
    assert second.attributes["http.request.resend_count"] == 1
    assert {first.parent_id, second.parent_id} == {trace.operation.span_id}
    assert traced.traceparents() == [first.traceparent, second.traceparent]
    assert first.begin < second.begin < first.end


def test_the_spans_of_a_stream_end_with_it(traced):
    resume = threading.Event()
    traced.respond_with(stream("Hi", resume, "."))
    with traced.request("/v1/text/generate", {"prompt": "x", "stream": True}, stream=True) as response:
        lines = response.iter_lines()
        next(lines)
        began = time.time()
        assert not [span for span in traced.collector.spans if span.trace_id == traced.ids[-1]]
        resume.set()
        assert b"data: [DONE]" in list(lines)
    trace = traced.trace()
    [attempt] = trace.attempts
    assert all(span.begin < began < span.end and not span.failed for span in trace.spans)
    assert attempt.end <= trace.operation.end <= trace.server.end
    attributes = trace.operation.attributes
    assert (attributes["gen_ai.request.stream"], attributes["gen_ai.response.finish_reasons"]) == (True, ["stop"])
    assert (attributes["gen_ai.usage.input_tokens"], attributes["gen_ai.usage.output_tokens"]) == (7, 3)
    assert 0 < attributes["gen_ai.response.time_to_first_chunk"] < trace.operation.end - trace.operation.begin + 1


def test_a_stream_that_fails_is_an_error_of_all_its_spans(traced):
    traced.respond_with(stream("Hi", done=False))
    response = traced.request("/v1/text/generate", {"prompt": "x", "stream": True})
    assert b"upstream_invalid_response" in response.content
    trace = traced.trace()
    assert [(span.error, span.failed) for span in trace.spans] == [("upstream_invalid_response", True)] * 3
    assert trace.server.attributes["http.response.status_code"] == 200
    assert "gen_ai.response.finish_reasons" not in trace.operation.attributes


def test_a_stream_that_fails_before_its_first_event_ends_its_spans(traced):
    traced.respond_with(fail_with(400), fail_with(400))
    assert traced.request("/v1/text/generate", {"prompt": "x", "stream": True}).status_code == 400
    trace = traced.trace()
    assert [(span.error, span.failed) for span in trace.attempts] == [("upstream_rejected", True)]
    assert (trace.operation.error, trace.server.error) == ("upstream_rejected", None)


def test_a_disconnect_ends_all_spans_without_error_status(traced):
    done = threading.Event()
    traced.respond_with(lambda handler: done.wait(LONG_SECONDS))
    with suppress(requests.ReadTimeout):
        traced.request(*GENERATE, timeout=0.3)
    trace = traced.trace()
    done.set()
    assert [(span.error, span.failed) for span in trace.spans] == [
        (None, False),
        ("client_disconnected", False),
        ("client_disconnected", False),
    ]
    assert trace.server.attributes["http.response.status_code"] == 499


def test_a_disconnect_during_a_stream_ends_all_its_spans(traced):
    done = threading.Event()
    traced.respond_with(stream("Hi", done))
    with traced.request("/v1/text/generate", {"prompt": "x", "stream": True}, stream=True) as response:
        next(response.iter_lines())
    trace = traced.trace()
    done.set()
    assert [(span.error, span.failed) for span in trace.spans] == [("client_disconnected", False)] * 3


def test_an_upstream_failure_is_an_error_of_all_spans(traced):
    traced.respond_with(disconnect, fail_with(503))
    response = traced.request(*GENERATE)
    kind = response.json()["type"]
    trace = traced.trace()
    assert (response.status_code, trace.operation.error, trace.server.error) == (502, kind, kind)
    assert trace.operation.failed
    assert trace.server.failed
    assert "http.response.status_code" not in trace.attempts[0].attributes
    assert trace.attempts[1].attributes["http.response.status_code"] == 503


def test_a_silent_upstream_is_a_timeout_of_all_spans(traced):
    done = threading.Event()
    traced.respond_with(lambda handler: done.wait(LONG_SECONDS))
    assert traced.request(*GENERATE).status_code == 504
    trace = traced.trace()
    done.set()
    assert {span.error for span in trace.spans} == {"upstream_timeout"}


def test_an_invalid_request_has_no_error_status(traced):
    assert traced.request("/v1/text/generate", {"prompt": 5}).status_code == 400
    trace = traced.trace()
    assert (len(trace.spans), trace.server.error, trace.server.failed) == (1, None, False)


def test_a_cache_hit_has_no_attempt(traced):
    body = {"prompt": token_hex(16), "temperature": 0}
    for outcome, attempts in (("miss", 1), ("hit", 0)):
        traced.request("/v1/text/generate", body)
        trace = traced.trace()
        assert (trace.operation.attributes["ai_huggingface.cache"], len(trace.attempts)) == (outcome, attempts)


def test_unvalidated_fields_are_recorded_only_with_the_right_type(traced):
    body = {"messages": [{"role": "user", "content": "x"}], "top_k": PROMPT, "n": None}
    traced.request("/v1/chat/completions", body)
    attributes = traced.trace().operation.attributes
    assert not {"gen_ai.request.top_k", "gen_ai.request.choice.count"} & set(attributes)
    traced.request("/v1/chat/completions", {**body, "top_k": 40, "n": 1, "max_completion_tokens": 9})
    attributes = traced.trace().operation.attributes
    assert (attributes["gen_ai.request.top_k"], attributes["gen_ai.request.choice.count"]) == (40.0, 1)
    assert attributes["gen_ai.request.max_tokens"] == 9


def test_estimated_tokens_are_left_out(traced):
    uncounted = {"choices": chat_response("Hi.")["choices"]}
    traced.respond_with(lambda handler: reply(handler, uncounted))
    assert traced.request(*GENERATE).json()["usage"]["estimated"] is True
    assert not [name for name in traced.trace().operation.attributes if name.startswith("gen_ai.usage")]


def test_probes_metrics_pages_and_unknown_routes_are_not_traced(traced):
    before = len(traced.collector.spans)
    for route in ("/health", "/health/ready", "/health/deep", "/metrics", "/docs", "/openapi.json", "/nowhere"):
        traced.service.get(route, headers=in_a_trace())
    assert all("traceparent" not in request["headers"] for request in traced.upstream.requests)
    assert traced.upstream.requests  # the deep check's
    traced.request(*GENERATE)
    traced.trace()
    assert len(traced.collector.spans) == before + 3


def test_access_lines_have_the_ids_of_the_trace(traced):
    traced.request(*GENERATE)
    trace_id, span_id = traced.ids[-1], traced.trace().server.span_id
    until(lambda: any(line.get("trace_id") == trace_id for line in traced.service.logged()))
    [line] = [line for line in traced.service.logged() if line.get("trace_id") == trace_id]
    assert (line["logger"], line["span_id"]) == ("app.access", span_id)
    assert all("trace_id" not in line for line in traced.service.logged() if line.get("route") == "/health")


@pytest.fixture
def traced_app(remote) -> Iterator[tuple[Flask, Collector]]:
    """An app in this process, so that a test can add a bug."""
    with closing(Collector()) as collector:
        settings = {"OPENAI_BASE_URL": f"{remote.url}/v1", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
        app = create_app(settings)
        yield app, collector
        app.extensions["client"].close()  # an idle connection would be found by a later test


def test_the_line_of_an_internal_error_has_the_ids_of_the_trace(traced_app, caplog):
    app, collector = traced_app
    app.add_url_rule("/bug", view_func=lambda: {}["x"])
    app.test_client().get("/bug", headers=(headers := in_a_trace()))
    assert_bug_is_logged(app, collector, headers, caplog)


def test_the_line_of_an_internal_error_in_a_stream_has_the_ids_of_the_trace(traced_app, remote, caplog, monkeypatch):
    app, collector = traced_app
    remote.response = stream("Hi")
    monkeypatch.setattr("app.backends.responses.chunk_decoder.ChunkDecoder.missing_finish_chunks", lambda reader: 1 / 0)
    body = {"messages": [{"role": "user", "content": "x"}], "stream": True}
    response = app.test_client().post("/v1/chat/completions", json=body, headers=(headers := in_a_trace()))
    assert b"internal_error" in response.data
    response.close()
    assert_bug_is_logged(app, collector, headers, caplog)


def assert_bug_is_logged(app, collector, headers, caplog):
    app.extensions["tracing"].close()
    server = collector.trace(headers["traceparent"].split("-")[1]).server
    [record] = [record for record in caplog.records if record.levelname == "ERROR" and record.exc_info]
    assert (record.trace_id, record.span_id) == (server.trace_id, server.span_id)
    assert (server.error, server.failed) == ("internal_error", True)


def test_an_unsampled_trace_is_propagated_but_not_exported(traced):
    unsampled = token_hex(16)
    traced.request(*GENERATE, headers={"traceparent": f"00-{unsampled}-{CLIENT_SPAN_ID}-00"})
    [traceparent] = traced.traceparents()
    assert traceparent.startswith(f"00-{unsampled}-")
    assert traceparent.endswith("-00")
    traced.request(*GENERATE)
    traced.trace()
    assert not [span for span in traced.collector.spans if span.trace_id == unsampled]
    until(lambda: any(line.get("trace_id") == unsampled for line in traced.service.logged()))


def test_exports_are_not_traced_themselves(traced):
    traced.request(*GENERATE)
    traced.trace()
    assert all("traceparent" not in headers for headers in traced.collector.headers)
    assert not [span for span in traced.collector.spans if traced.collector.url in span.attributes.get("url.full", "")]
