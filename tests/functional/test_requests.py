"""Behaviour of every request: ids, headers, routing errors, the log line."""

import re

import pytest
from flask import session
from support.keys import made
from support.lines import request_lines
from support.upstreams import CHAT, HUGGINGFACE, PIPELINE, chat_response


def test_a_valid_request_id_is_used(client):
    assert client.get("/health", headers={"X-Request-ID": "a-B_1.2"}).headers["X-Request-ID"] == "a-B_1.2"


@pytest.mark.parametrize("given", ["", "x" * 129, "a b", "a,b", "<script>", "é"])
def test_an_invalid_request_id_is_replaced(client, given):
    response = client.get("/nowhere", headers={"X-Request-ID": given})
    assert re.fullmatch(r"[0-9a-f]{32}", response.headers["X-Request-ID"])
    assert response.get_json()["request_id"] == response.headers["X-Request-ID"]


def test_errors_have_the_security_headers(client):
    for path in ("/health", "/nowhere"):
        headers = client.get(path).headers
        assert (headers["X-Content-Type-Options"], headers["Cache-Control"]) == ("nosniff", "no-store")


def test_routing_errors_have_the_error_shape(client):
    for path in ("/nowhere", "/health/", "/v1/text"):
        response = client.get(path)
        assert (response.status_code, response.get_json()["type"]) == (404, "not_found")
    response = client.get("/v1/text/generate")
    assert (response.status_code, response.get_json()["type"]) == (405, "method_not_allowed")
    assert set(response.headers["Allow"].split(", ")) == {"OPTIONS", "POST"}
    assert client.post("/health").status_code == 405


def test_an_http_exception_without_a_type_is_an_internal_error(make_app):
    app = make_app()
    app.add_url_rule("/teapot", view_func=lambda: __import__("flask").abort(418))
    assert app.test_client().get("/teapot").get_json()["type"] == "internal_error"


def test_a_redirect_is_passed_through(make_app):
    app = make_app()
    app.add_url_rule("/folder/", view_func=lambda: "x")
    assert app.test_client().get("/folder").status_code == 308


def test_an_unhandled_exception_is_logged_and_its_text_is_not_sent(make_app, caplog):
    app = make_app()
    app.add_url_rule("/bug", view_func=lambda: {}["secret-cause"])
    response = app.test_client().get("/bug")
    assert (response.status_code, response.get_json()["type"]) == (500, "internal_error")
    assert "secret-cause" not in response.text
    [record] = [record for record in caplog.records if record.exc_info]
    assert record.request_id == response.headers["X-Request-ID"]
    assert "secret-cause" in caplog.text


def line(caplog):
    [fields] = request_lines(caplog)
    return fields


def test_a_request_writes_one_log_line(client, upstream, caplog):
    caplog.set_level("INFO")
    upstream.post(CHAT, json=chat_response("An answer."))
    response = client.post("/v1/text/generate", json={"prompt": "A prompt."}, headers={"X-Request-ID": "abc"})
    record = line(caplog)
    assert (record.method, record.route, record.status) == ("POST", "/v1/text/generate", response.status_code)
    assert (record.request_id, record.client) == ("abc", "127.0.0.1")
    assert (record.operation, record.backend, record.model) == ("generate", "openai", "org/small")
    assert (record.prompt_tokens, record.completion_tokens, record.attempts) == (7, 3, 1)
    assert record.duration_ms > 0
    assert not hasattr(record, "error")
    assert not [text for text in (caplog.text, str(record)) if "A prompt" in text or "An answer" in text]


def test_the_log_line_has_the_address_beside_the_name_of_the_key(make_client, upstream, caplog):
    key, keys = made("team")
    client = make_client(API_KEYS=keys, TRUSTED_PROXIES="1")
    caplog.set_level("INFO")
    upstream.post(CHAT, json=chat_response("Hi."))
    client.post("/v1/text/generate", json={"prompt": "x"}, headers={"X-API-Key": key, "X-Forwarded-For": "203.0.113.1"})
    assert (line(caplog).client, line(caplog).address) == ("team", "203.0.113.1")


def test_the_log_line_has_the_requested_model_beside_that_of_the_response(make_client, upstream, caplog):
    client = make_client(FALLBACK_MODELS="org/second")
    caplog.set_level("INFO")
    upstream.post(CHAT, status=404)
    upstream.post(CHAT, json=chat_response("Hi."))
    client.post("/v1/text/generate", json={"prompt": "x", "model": "org/first"})
    assert (line(caplog).requested_model, line(caplog).model) == ("org/first", "org/second")


def level(caplog):
    [record] = [record for record in caplog.records if record.name == "app.access"]
    return record.levelname


@pytest.mark.parametrize(("status", "expected"), [(422, "INFO"), (200, "INFO"), (500, "ERROR"), (401, "ERROR")])
def test_a_5xx_is_logged_at_level_error(client, upstream, caplog, status, expected):
    caplog.set_level("INFO")
    upstream.post(CHAT, json=chat_response("Hi."), status=status)
    client.post("/v1/text/generate", json={"prompt": "x"})
    assert level(caplog) == expected


def test_a_probe_of_a_draining_service_is_no_error(make_app, caplog):
    app = make_app()
    app.extensions["lifecycle"].draining = True
    caplog.set_level("INFO")
    assert app.test_client().get("/health/ready").status_code == 503
    assert level(caplog) == "INFO"


def test_a_stream_that_breaks_off_is_logged_at_level_error(client, upstream, caplog):
    caplog.set_level("INFO")
    event = 'data: {"choices": [{"index": 0, "delta": {"content": "Hi"}}]}\n\n'
    upstream.post(CHAT, body=event, content_type="text/event-stream")
    response = client.post(
        "/v1/chat/completions", json={"messages": [{"role": "user", "content": "x"}], "stream": True}
    )
    assert (response.status_code, "error" in response.text) == (200, True)
    response.close()
    assert (level(caplog), line(caplog).status) == ("ERROR", 200)


@pytest.mark.parametrize("at", ["INFO", "DEBUG"])
def test_level_debug_adds_each_attempt_and_the_times(client, upstream, caplog, at):
    caplog.set_level(at)
    upstream.post(CHAT, json=chat_response("Hi."))
    client.post("/v1/text/generate", json={"prompt": "x"})
    added = {
        name for name in ("attempt_records", "queue_ms", "upstream_ms", "backoff_ms") if hasattr(line(caplog), name)
    }
    assert len(added) == (4 if at == "DEBUG" else 0)
    if added:
        [attempt] = line(caplog).attempt_records
        assert (attempt["backend"], attempt["outcome"]) == ("openai", "ok")


def test_the_log_line_of_a_failure_has_the_error_type(client, upstream, caplog):
    caplog.set_level("INFO")
    upstream.post(CHAT, status=422)
    client.post("/v1/text/generate", json={"prompt": "x"})
    assert (line(caplog).error, line(caplog).status, line(caplog).backend) == ("upstream_rejected", 400, "openai")


def test_the_log_line_without_an_operation_has_no_operation_fields(client, caplog):
    caplog.set_level("INFO")
    client.get("/health?secret=1")
    record = line(caplog)
    assert not hasattr(record, "operation")
    assert "secret" not in caplog.text + str(record)


def test_attempts_of_all_upstream_calls_are_added(make_client, upstream, caplog):
    caplog.set_level("INFO")
    client = make_client(HUGGINGFACE)
    upstream.post(f"{PIPELINE}cardiffnlp/twitter-roberta-base-sentiment-latest", status=404)
    upstream.post("https://router.huggingface.co/v1/chat/completions", json=chat_response("neutral"))
    client.post("/v1/text/sentiment", json={"text": "x"})
    assert line(caplog).attempts == 2


def test_response_headers_describe_the_operation(make_client, upstream):
    client = make_client(FALLBACK_MODELS="org/second")
    upstream.post(CHAT, status=404)
    upstream.post(CHAT, json=chat_response("Hi."))
    headers = client.post("/v1/text/generate", json={"prompt": "x"}).headers
    assert (headers["X-AI-Backend"], headers["X-AI-Model"]) == ("openai", "org/second")
    assert (headers["X-AI-Attempts"], headers["X-AI-Fallback"]) == ("2", "true")
    assert re.fullmatch(r"queue;dur=\d+\.\d, upstream;dur=\d+\.\d, total;dur=\d+\.\d", headers["Server-Timing"])


def test_headers_of_an_error_describe_the_operation(client, upstream):
    upstream.post(CHAT, status=422)
    headers = client.post("/v1/text/generate", json={"prompt": "x"}).headers
    assert (headers["X-AI-Backend"], headers["X-AI-Attempts"], headers["X-AI-Fallback"]) == ("openai", "1", "false")


def test_a_response_without_an_operation_has_no_operation_headers(client):
    assert not {"X-AI-Backend", "X-AI-Attempts", "Server-Timing"} & set(client.get("/health").headers.keys())


def test_a_dictionary_of_a_view_is_written_by_the_json_provider(make_app):
    app = make_app()
    app.add_url_rule("/dictionary", view_func=lambda: {"b": "é", "a": 1})
    assert app.test_client().get("/dictionary").data == '{"b":"é","a":1}'.encode()
    assert app.json.loads(app.json.dumps({"a": "é"})) == {"a": "é"}


def test_no_blueprint_has_hooks(make_app):
    app = make_app()
    hooks = (app.before_request_funcs, app.after_request_funcs, app.teardown_request_funcs, app.url_value_preprocessors)
    assert all(set(of_one_kind) <= {None} for of_one_kind in hooks)


def test_sessions_are_empty_and_set_no_cookie(make_app):
    app = make_app()
    app.get("/session")(lambda: {"session": dict(session)})
    response = app.test_client().get("/session", headers={"Cookie": "session=abc"})
    assert response.json == {"session": {}}
    assert "Set-Cookie" not in response.headers
