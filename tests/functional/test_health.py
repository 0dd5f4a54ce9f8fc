"""GET /health, /health/ready and /health/deep."""

from datetime import datetime

import requests
from support.upstreams import EMBEDDED, HUGGINGFACE, ROUTER_MODELS

from app.version import __version__

MODELS = "http://llm.test:8000/v1/models"
ENGINE = "http://127.0.0.1:9/health"


def test_health_calls_no_dependency(client):
    body = client.get("/health").get_json()
    datetime.fromisoformat(body.pop("timestamp"))
    assert body == {"status": "healthy", "service": "ai-huggingface", "version": __version__}


def test_a_remote_backend_is_ready_from_the_start(client):
    response = client.get("/health/ready")
    assert (response.status_code, response.get_json()) == (200, {"status": "ready"})


def test_the_service_is_ready_from_the_first_response_of_the_engine(make_client, upstream):
    client = make_client(EMBEDDED)
    upstream.get(ENGINE, status=503, json={"error": {"code": 503, "message": "Loading model"}})
    upstream.get(ENGINE, json={"status": "ok"})
    response = client.get("/health/ready")
    assert (response.status_code, response.get_json()["status"]) == (503, "starting")
    assert response.get_json()["reason"]
    assert [client.get("/health/ready").status_code for _ in range(3)] == [200] * 3
    assert len(upstream.calls) == 2


def test_a_draining_service_is_not_ready(make_app):
    app = make_app()
    app.extensions["lifecycle"].draining = True
    response = app.test_client().get("/health/ready")
    assert (response.status_code, response.get_json()["status"]) == (503, "draining")


def test_deep_health_reports_each_backend(make_client, upstream):
    client = make_client(**HUGGINGFACE, AI_BACKEND="openai")
    upstream.get(MODELS, json={"data": []})
    upstream.get(ROUTER_MODELS, status=401)
    response = client.get("/health/deep")
    body = response.get_json()
    assert (response.status_code, body["status"]) == (200, "degraded")
    assert body["checks"]["openai"]["status"] == "healthy"
    assert body["checks"]["openai"]["latency_ms"] >= 0
    assert body["checks"]["openai"]["breakers"] == {"models": "closed"}
    assert body["checks"]["huggingface"]["type"] == "upstream_authentication_error"


def test_deep_health_is_503_while_the_primary_backend_fails(client, upstream):
    upstream.get(MODELS, body=requests.ConnectionError("llm.test"))
    response = client.get("/health/deep")
    assert (response.status_code, response.get_json()["status"]) == (503, "unhealthy")
    assert "llm.test" not in response.text


def test_deep_health_is_cached(client, upstream):
    upstream.get(MODELS, json={"data": []})
    for _ in range(5):
        assert client.get("/health/deep").status_code == 200
    assert len(upstream.calls) == 1


def test_a_probe_is_not_retried(make_client, upstream, instantly):
    client = make_client(HUGGINGFACE_RETRY_ATTEMPTS="3")
    upstream.get(MODELS, status=500)
    client.get("/health/deep")
    assert len(upstream.calls) == 1


def test_an_engine_that_cannot_be_used_is_not_ready_and_says_why(make_client, upstream):
    client = make_client(EMBEDDED)
    error = {"code": 503, "type": "model_unusable", "message": "unknown model architecture"}
    upstream.get(ENGINE, status=503, json={"error": error})
    upstream.post("http://127.0.0.1:9/v1/chat/completions", status=503, json={"error": error})
    reason = "The embedded engine cannot be used: unknown model architecture"
    for _ in range(7):
        response = client.get("/health/ready")
        assert (response.status_code, response.get_json()["reason"]) == (503, reason), "no breaker hides it"
        response = client.post("/v1/text/generate", json={"prompt": "Hi."})
        body = response.get_json()
        assert (response.status_code, body["type"], body["message"]) == (502, "upstream_unavailable", reason)
