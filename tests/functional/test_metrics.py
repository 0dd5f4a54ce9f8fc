"""GET /metrics as Prometheus text and as a JSON summary."""

import re

import pytest
from support.metrics import total
from support.upstreams import CHAT, chat_response

from app import create_app
from app.config import Config


def scrape(client):
    """Return every sample of the Prometheus text by its name and labels."""
    text = client.get("/metrics").text
    samples = [line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#")]
    return {name: float(value) for name, value in samples}


def test_requests_are_counted_by_route_and_timed(client):
    client.get("/health")
    client.get("/health")
    labels = 'method="GET",route="/health",service="ai-huggingface"'
    samples = scrape(client)
    assert samples[f'http_requests_total{{{labels},status="200"}}'] == 2
    assert samples[f"http_request_duration_seconds_count{{{labels}}}"] == 2
    assert samples['active_connections{service="ai-huggingface"}'] == 1
    assert samples['http_requests_in_flight{service="ai-huggingface"}'] == 1


def test_operations_are_counted_by_backend_model_and_outcome(client, upstream):
    upstream.post(CHAT, json=chat_response("Hi."))
    upstream.post(CHAT, status=422)
    for _ in range(2):
        client.post("/v1/text/generate", json={"prompt": "x"})
    samples = scrape(client)
    labels = 'backend="openai",model="org/small",operation="generate"'
    assert samples[f'ai_requests_total{{{labels},outcome="ok",service="ai-huggingface"}}'] == 1
    assert samples[f'ai_requests_total{{{labels},outcome="upstream_rejected",service="ai-huggingface"}}'] == 1
    assert samples['ai_request_errors_total{service="ai-huggingface",type="upstream_rejected"}'] == 1


def test_a_bug_is_counted_as_internal_error(client, monkeypatch):
    monkeypatch.setattr("app.backends.openai.request_parameters", lambda request: 1 / 0)
    client.post("/v1/text/generate", json={"prompt": "x"})
    labels = 'backend="openai",model="org/small",operation="generate",outcome="internal_error",service="ai-huggingface"'
    assert scrape(client)[f"ai_requests_total{{{labels}}}"] == 1


def test_models_of_the_settings_have_labels_of_their_own(make_app):
    app = make_app(FALLBACK_MODELS="org/second", MODEL_ALIASES="fast=org/third", SENTIMENT_MODEL="org/rater")
    known = app.extensions["models"].known
    assert known == ["fast", "org/small", "org/rater", "org/third", "org/second"]


def test_clients_cannot_create_series(client, upstream):
    upstream.post(CHAT, json=chat_response("Hi."))
    for number in range(5):
        client.post("/v1/text/generate", json={"prompt": "x", "model": f"org/invented-{number}"})
        client.get(f"/invented-{number}")
        client.open("/health", method=f"INVENTED{number}")
    text = client.get("/metrics").text
    assert "nvented" not in text.lower()
    assert 'model="other"' in text
    assert 'route="unmatched"' in text
    assert 'method="other"' in text


@pytest.mark.parametrize("accept", ["application/json", "application/json, text/plain;q=0.5"])
def test_a_request_for_json_gets_the_summary(client, upstream, accept):
    assert client.get("/metrics", headers={"Accept": accept}).get_json()["requests_total"] == 0
    upstream.post(CHAT, status=500)
    client.post("/v1/text/generate", json={"prompt": "x"})
    client.get("/health")
    body = client.get("/metrics", headers={"Accept": accept}).get_json()
    assert set(body) == {"requests_total", "requests_duration", "error_rate", "timestamp"}
    assert body["requests_total"] == 3
    assert body["error_rate"] == pytest.approx(1 / 3, abs=0.001)
    assert 0 < body["requests_duration"] < 5


TEXT, OPENMETRICS, SUMMARY = "text/plain; version=", "application/openmetrics-text; version=1.0.0", "application/json"
PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;"
    "q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (PROMETHEUS, OPENMETRICS),
        (PROMETHEUS.replace("q=0.6", "q=0"), f"{TEXT}1.0.0"),
        (PROMETHEUS.replace("q=0.4", "q=0.1"), OPENMETRICS),
        ("application/openmetrics-text;q=0.1, text/plain;q=0.9", TEXT),
        ("text/plain;q=0.1, application/openmetrics-text;q=0.9", OPENMETRICS),
        ("text/plain;version=1.0.0;q=0.1, text/plain;version=0.0.4", f"{TEXT}0.0.4"),
        ("application/json;q=0.5, text/plain;q=0.4", SUMMARY),
        ("application/json;q=0.4, text/plain;q=0.5", TEXT),
        ("application/json, text/plain, */*", SUMMARY),
        ("text/plain, application/json", TEXT),
        ("text/html, application/xml;q=0.9, */*;q=0.8", TEXT),
        ("application/*", OPENMETRICS),
        ("text/*;q=0.5, application/*;q=0.4", TEXT),
        ("*/*, text/plain;q=0", OPENMETRICS),
        ("*/*, text/plain;q=0, application/openmetrics-text;q=0", SUMMARY),
        ("*/*;q=0.1, application/json;q=0", TEXT),
        ("application/json;q=0", TEXT),
        ("APPLICATION/JSON", SUMMARY),
        ("image/png", TEXT),
        ("*/*;q=0", TEXT),
        ("application/openmetrics-text;version=abc", TEXT),
        ("application/openmetrics-text;version=9.9.9, application/json;q=0.1", SUMMARY),
        ('application/openmetrics-text;version="1.0.0"', OPENMETRICS),
        (";;;,,q=,/", TEXT),
    ],
)
def test_the_format_is_the_one_with_the_highest_quality(client, accept, content_type):
    response = client.get("/metrics", headers={"Accept": accept})
    assert response.status_code == 200
    assert response.content_type.startswith(content_type)


@pytest.mark.parametrize("accept", ["*/*", "text/plain", "application/openmetrics-text", ""])
def test_any_other_request_gets_prometheus_text(client, accept):
    response = client.get("/metrics", headers={"Accept": accept})
    assert re.match(r"(text/plain|application/openmetrics-text)", response.content_type)
    assert "# TYPE active_connections gauge" in response.text


def test_apps_in_one_process_share_nothing():
    config = Config.from_env({"OPENAI_BASE_URL": "http://a.test/v1"})
    first, second = create_app(config).test_client(), create_app(config).test_client()
    first.get("/health")
    assert [name for name in scrape(second) if "/health" in name] == []
    assert [name for name in scrape(first) if "/health" in name]


RENAMED = {
    "http_refused_total": "http_rejected_total",
    "ai_shed_total": "ai_bulkhead_rejected_total",
    "ai_client_limited_total": "ai_client_rate_limited_total",
    "redis_unanswered_total": "redis_errors_total",
}


def test_a_renamed_metric_counts_under_its_old_name_too(make_app):
    app = make_app()
    client, metrics = app.test_client(), app.extensions["metrics"]
    metrics.http.record_rejected(400)
    metrics.clients.record_rate_limited("team", "rate_limit")
    metrics.redis_error()
    text = client.get("/metrics").text
    for old, new in RENAMED.items():
        assert f"# HELP {old} Deprecated: use {new}.\n" in text
        assert total(client, old) == total(client, new)
    assert total(client, "http_rejected_total", status="400") == 1
    assert total(client, "ai_client_rate_limited_total", client="team", limit="rate_limit") == 1
    assert total(client, "redis_errors_total") == 1


@pytest.mark.parametrize("accept", ["text/plain", "application/json"])
def test_a_missing_directory_of_shared_metrics_is_a_503_that_names_it(client, monkeypatch, tmp_path, accept, caplog):
    for directory in (str(tmp_path / "missing"), ""):
        monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", directory)
        response = client.get("/metrics", headers={"Accept": accept})
        assert (response.status_code, response.get_json()["type"]) == (503, "metrics_unavailable")
        assert "PROMETHEUS_MULTIPROC_DIR" in response.get_json()["message"]
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    assert client.get("/metrics", headers={"Accept": accept}).status_code == 200
    assert not any(record.exc_info for record in caplog.records)
