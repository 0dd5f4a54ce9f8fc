"""What holds for every request: ids, headers, errors of the framework, the log line."""

import logging
import re

import pytest
from flask import session
from support.lines import request_lines
from support.upstreams import CHAT, HUGGINGFACE, PIPELINE, chat_answer


def test_a_well_formed_request_id_is_kept(client):
    assert client.get("/health", headers={"X-Request-ID": "a-B_1.2"}).headers["X-Request-ID"] == "a-B_1.2"


@pytest.mark.parametrize("given", ["", "x" * 129, "a b", "a,b", "<script>", "é"])
def test_any_other_request_id_is_replaced(client, given):
    answer = client.get("/nowhere", headers={"X-Request-ID": given})
    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["X-Request-ID"])
    assert answer.get_json()["request_id"] == answer.headers["X-Request-ID"]


def test_every_answer_has_the_security_headers(client):
    for path in ("/health", "/nowhere"):
        headers = client.get(path).headers
        assert (headers["X-Content-Type-Options"], headers["Cache-Control"]) == ("nosniff", "no-store")


def test_errors_of_the_framework_have_the_one_shape(client):
    for path in ("/nowhere", "/health/", "/v1/text"):
        answer = client.get(path)
        assert (answer.status_code, answer.get_json()["type"]) == (404, "not_found")
    answer = client.get("/v1/text/generate")
    assert (answer.status_code, answer.get_json()["type"]) == (405, "method_not_allowed")
    assert set(answer.headers["Allow"].split(", ")) == {"OPTIONS", "POST"}
    assert client.post("/health").status_code == 405


def test_an_error_of_the_framework_that_the_table_does_not_know_is_internal(make_app):
    app = make_app()
    app.add_url_rule("/teapot", view_func=lambda: __import__("flask").abort(418))
    assert app.test_client().get("/teapot").get_json()["type"] == "internal_error"


def test_a_redirect_of_the_framework_stays_one(make_app):
    app = make_app()
    app.add_url_rule("/folder/", view_func=lambda: "x")
    assert app.test_client().get("/folder").status_code == 308


def test_a_bug_of_ours_is_told_without_its_cause_and_logged_with_it(make_app, caplog):
    app = make_app()
    app.add_url_rule("/bug", view_func=lambda: {}["secret-cause"])
    answer = app.test_client().get("/bug")
    assert (answer.status_code, answer.get_json()["type"]) == (500, "internal_error")
    assert "secret-cause" not in answer.text
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.request_id == answer.headers["X-Request-ID"]
    assert "secret-cause" in caplog.text


def line(caplog):
    [told] = request_lines(caplog)
    return told


def test_one_line_tells_of_a_request(client, upstream, caplog):
    caplog.set_level("INFO")
    upstream.post(CHAT, json=chat_answer("An answer."))
    answer = client.post("/v1/text/generate", json={"prompt": "A prompt."}, headers={"X-Request-ID": "abc"})
    record = line(caplog)
    assert (record.method, record.route, record.status) == ("POST", "/v1/text/generate", answer.status_code)
    assert (record.request_id, record.client) == ("abc", "127.0.0.1")
    assert (record.operation, record.backend, record.model) == ("generate", "openai", "org/small")
    assert (record.prompt_tokens, record.completion_tokens, record.attempts) == (7, 3, 1)
    assert record.duration_ms > 0
    assert not hasattr(record, "error")
    assert not [text for text in (caplog.text, str(record)) if "A prompt" in text or "An answer" in text]


def test_the_line_of_a_failure_names_its_error(client, upstream, caplog):
    caplog.set_level("INFO")
    upstream.post(CHAT, status=422)
    client.post("/v1/text/generate", json={"prompt": "x"})
    assert (line(caplog).error, line(caplog).status, line(caplog).backend) == ("upstream_rejected", 400, "openai")


def test_the_line_of_a_request_without_operation_has_none(client, caplog):
    caplog.set_level("INFO")
    client.get("/health?secret=1")
    record = line(caplog)
    assert not hasattr(record, "operation")
    assert "secret" not in caplog.text + str(record)


def test_attempts_are_counted_over_all_calls_of_a_request(make_client, upstream, caplog):
    caplog.set_level("INFO")
    client = make_client(HUGGINGFACE)
    upstream.post(f"{PIPELINE}cardiffnlp/twitter-roberta-base-sentiment-latest", status=404)
    upstream.post("https://router.huggingface.co/v1/chat/completions", json=chat_answer("neutral"))
    client.post("/v1/text/sentiment", json={"text": "x"})
    assert line(caplog).attempts == 2


def test_headers_tell_what_happened_to_an_operation(make_client, upstream):
    client = make_client(FALLBACK_MODELS="org/second")
    upstream.post(CHAT, status=404)
    upstream.post(CHAT, json=chat_answer("Hi."))
    headers = client.post("/v1/text/generate", json={"prompt": "x"}).headers
    assert (headers["X-AI-Backend"], headers["X-AI-Model"]) == ("openai", "org/second")
    assert (headers["X-AI-Attempts"], headers["X-AI-Fallback"]) == ("2", "true")
    assert re.fullmatch(r"queue;dur=\d+\.\d, upstream;dur=\d+\.\d, total;dur=\d+\.\d", headers["Server-Timing"])


def test_headers_tell_what_happened_to_a_failure_too(client, upstream):
    upstream.post(CHAT, status=422)
    headers = client.post("/v1/text/generate", json={"prompt": "x"}).headers
    assert (headers["X-AI-Backend"], headers["X-AI-Attempts"], headers["X-AI-Fallback"]) == ("openai", "1", "false")


def test_a_request_without_operation_has_no_such_headers(client):
    assert not {"X-AI-Backend", "X-AI-Attempts", "Server-Timing"} & set(client.get("/health").headers.keys())


def test_json_of_the_app_is_read_and_written_by_one_provider(make_app):
    app = make_app()
    assert app.json.loads(app.json.dumps({"a": "é"})) == {"a": "é"}


def test_blueprints_have_no_hooks_of_their_own_since_only_the_apps_are_run(make_app):
    app = make_app()
    hooks = (app.before_request_funcs, app.after_request_funcs, app.teardown_request_funcs, app.url_value_preprocessors)
    assert all(set(of_one_kind) <= {None} for of_one_kind in hooks)


def test_sessions_are_neither_kept_nor_given(make_app):
    app = make_app()
    app.get("/session")(lambda: {"session": dict(session)})
    answer = app.test_client().get("/session", headers={"Cookie": "session=abc"})
    assert answer.json == {"session": {}}
    assert "Set-Cookie" not in answer.headers
