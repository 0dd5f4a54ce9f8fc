"""Upstream failures, and the error that clients get for each."""

import json

import pytest
import requests
from support.calls import generate
from support.upstreams import CHAT, EMBEDDED, HUGGINGFACE, ROUTER_CHAT, chat_response, sent

from app.backends.base import MAX_RESPONSE_BYTES
from app.upstream.resilience.retry import BUDGET_MIN_RETRIES

SECRETS = ("sk-secret-of-ours", "llm.test", "10.0.0.7", "Traceback", "raw-upstream-body", "evil.test")


def assert_failed(response, status, kind):
    body = response.get_json()
    assert (response.status_code, body["code"], body["type"]) == (status, status, kind)
    assert set(body) == {"code", "message", "type", "details", "request_id"}
    assert not [secret for secret in SECRETS if secret in response.get_data(as_text=True)]
    return body


@pytest.mark.parametrize(
    ("status", "expected", "kind"),
    [
        (300, 502, "upstream_invalid_response"),
        (302, 502, "upstream_invalid_response"),
        (400, 400, "upstream_rejected"),
        (401, 502, "upstream_authentication_error"),
        (402, 503, "upstream_quota_exhausted"),
        (403, 502, "upstream_authentication_error"),
        (404, 404, "model_not_found"),
        (405, 502, "upstream_invalid_response"),
        (408, 502, "upstream_unavailable"),
        (409, 502, "upstream_invalid_response"),
        (410, 404, "model_not_found"),
        (413, 400, "upstream_rejected"),
        (422, 400, "upstream_rejected"),
        (424, 502, "upstream_unavailable"),
        (429, 429, "upstream_rate_limited"),
        (500, 502, "upstream_unavailable"),
        (502, 502, "upstream_unavailable"),
        (503, 502, "upstream_unavailable"),
        (504, 502, "upstream_unavailable"),
        (599, 502, "upstream_unavailable"),
    ],
)
@pytest.mark.parametrize(
    "body", ["", "<html>raw-upstream-body</html>", "null", "[]", '"raw-upstream-body"', '{"error": {"code": 1}}', "{"]
)
def test_each_status_maps_to_its_error_for_any_body(client, upstream, status, expected, kind, body):
    upstream.post(CHAT, status=status, body=body, headers={"Location": "https://evil.test/"})
    if "raw-upstream-body" in body and status in (400, 413, 422):
        body = body.replace("raw-upstream-body", "")
        upstream.replace("POST", CHAT, status=status, body=body)
    assert_failed(generate(client), expected, kind)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"<html>raw-upstream-body</html>",
        b"[]",
        b"{}",
        b"5",
        b'"text"',
        b'{"choices": [5]}',
        b'{"choices": [{"message": 5}]}',
        b'{"choices": [{"message": {"content": 5}}]}',
        b'{"choices": null}',
        b"\xff\xfe",
        b'{"choices": [{"message": {"content": "cut',
        b'{"a":' * 50_000,
    ],
    ids=lambda body: repr(body[:30]),
)
def test_a_200_with_an_invalid_body_is_an_invalid_response(client, upstream, body):
    upstream.post(CHAT, body=body, content_type="application/json")
    assert_failed(generate(client), 502, "upstream_invalid_response")


def test_an_error_payload_in_a_200_maps_to_its_error(client, upstream):
    upstream.post(CHAT, json={"error": {"message": "too long", "http_status_code": 422}})
    assert assert_failed(generate(client), 400, "upstream_rejected")["details"] == {"reason": "too long"}


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ({"error": "Request failed during generation", "error_type": "generation"}, "upstream_unavailable"),
        ({"error": "Model is overloaded", "error_type": "overloaded"}, "upstream_rate_limited"),
        ({"error": "bad", "error_type": "validation"}, "upstream_rejected"),
        ({"error": {"message": "bad", "type": "invalid_request_error"}}, "upstream_rejected"),
        ({"error": {"message": "x", "code": 503}}, "upstream_unavailable"),
        ({"error": "incomplete", "error_type": "incomplete_generation"}, "upstream_unavailable"),
        ({"choices": [{"index": 0, "delta": {}, "finish_reason": "error"}]}, "upstream_unavailable"),
        ("rubbish", "upstream_invalid_response"),
    ],
)
def test_an_error_event_in_a_stream_maps_to_its_error(client, upstream, event, kind):
    events = f'data: {{"choices": [{{"delta": {{"content": "Hal"}}}}]}}\n\ndata: {json.dumps(event)}\n\n'
    upstream.post(CHAT, body=events, content_type="text/event-stream")
    assert generate(client).get_json()["type"] == kind


@pytest.mark.parametrize(
    "events", ["", "data: {\n\n", 'data: {"choices": [{"delta": {"content": "Hal"}}]}\n\n', ": ping\n\n"]
)
def test_an_incomplete_stream_is_an_invalid_response(client, upstream, events):
    upstream.post(CHAT, body=events, content_type="text/event-stream")
    assert_failed(generate(client), 502, "upstream_invalid_response")


def test_private_parts_are_removed_from_the_reason_of_a_rejection(client, upstream):
    text = (
        "inputs at https://evil.test/x of 10.0.0.7 on llm.test:8000 in /srv/models/x "
        "for hf_abc and Bearer sk-secret-of-ours"
        "\r\n must have less than 1000 tokens " + "x" * 500
    )
    upstream.post(CHAT, status=422, json={"error": text})
    reason = assert_failed(generate(client), 400, "upstream_rejected")["details"]["reason"]
    assert "must have less than 1000 tokens" in reason
    assert "/srv" not in reason
    assert "hf_" not in reason
    assert len(reason) <= 300


@pytest.mark.parametrize(
    ("raised", "status", "kind"),
    [
        (requests.ConnectionError("llm.test refused"), 502, "upstream_unavailable"),
        (requests.ConnectTimeout("llm.test"), 502, "upstream_unavailable"),
        (requests.exceptions.SSLError("llm.test"), 502, "upstream_unavailable"),
        (requests.ReadTimeout("llm.test"), 504, "upstream_timeout"),
        (requests.exceptions.ChunkedEncodingError("x"), 502, "upstream_invalid_response"),
        (requests.exceptions.ContentDecodingError("x"), 502, "upstream_invalid_response"),
        (requests.exceptions.InvalidURL("llm.test"), 502, "upstream_unavailable"),
    ],
)
def test_each_transport_error_maps_to_its_error(client, upstream, raised, status, kind):
    upstream.post(CHAT, body=raised)
    assert_failed(generate(client), status, kind)


def test_a_response_longer_than_the_maximum_is_an_invalid_response(client, upstream):
    upstream.post(CHAT, json=chat_response("x" * MAX_RESPONSE_BYTES))
    assert_failed(generate(client), 502, "upstream_invalid_response")


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        ({"Retry-After": "7"}, "", "7"),
        ({"Retry-After": "1.2"}, "", "2"),
        ({"Retry-After": "0"}, "", "1"),
        ({"Retry-After": "999999999"}, "", "86400"),
        ({}, '{"estimated_time": 1e308}', "86400"),
        ({"Retry-After": "Sat, 01 Jan 2000 00:00:00 GMT"}, "", "1"),
        ({}, '{"error": "loading", "estimated_time": 20.0}', "20"),
        ({"Retry-After": "3"}, '{"error": "loading", "estimated_time": 20.0}', "3"),
    ],
)
def test_a_503_with_a_time_to_retry_is_model_loading(client, upstream, headers, body, seconds):
    upstream.post(CHAT, status=503, headers=headers, body=body)
    response = generate(client)
    assert_failed(response, 503, "model_loading")
    assert response.headers["Retry-After"] == seconds


@pytest.mark.parametrize("value", ["-1", "nan", "inf", "soon", "", "1e9", "99999999999", "Sun, 99 Foo 2000 00:00:00"])
def test_an_invalid_retry_after_is_ignored(client, upstream, value):
    upstream.post(CHAT, status=503, headers={"Retry-After": value})
    response = generate(client)
    assert_failed(response, 502, "upstream_unavailable")
    assert "Retry-After" not in response.headers


@pytest.mark.parametrize("estimated", ["-1", '"20"', "null", "true", "[]"])
def test_an_invalid_estimated_time_is_ignored(client, upstream, estimated):
    upstream.post(CHAT, status=503, body=f'{{"estimated_time": {estimated}}}')
    assert_failed(generate(client), 502, "upstream_unavailable")


def test_a_429_without_retry_after_gets_one_second(client, upstream):
    upstream.post(CHAT, status=429)
    assert generate(client).headers["Retry-After"] == "1"


def test_a_deeply_nested_error_payload_maps_to_its_error(client, upstream):
    upstream.post(CHAT, status=400, body='{"error":' * 900 + '"deep"' + "}" * 900)
    assert assert_failed(generate(client), 400, "upstream_rejected")["details"] == {}


@pytest.mark.parametrize("noise", ["a-" * 10_000, "a." * 10_000, "/a" * 10_000, "1.1." * 10_000])
def test_a_long_reason_is_truncated_without_slow_matching(client, upstream, noise):
    upstream.post(CHAT, status=400, json={"error": noise})
    assert len(assert_failed(generate(client), 400, "upstream_rejected")["details"]["reason"]) <= 300


def test_keys_are_redacted_everywhere_and_hosts_in_errors(make_client, upstream):
    client = make_client(OPENAI_API_KEY="unusual.key", HUGGINGFACE_HUB_URL="https://inference.corp.dev")
    upstream.post(CHAT, status=400, json={"error": "unusual.key is not allowed on inference.corp.dev"})
    reason = assert_failed(generate(client), 400, "upstream_rejected")["details"]["reason"]
    assert reason == "[removed] is not allowed on [removed]"
    upstream.post(CHAT, json=chat_response("I saw unusual.key at inference.corp.dev."))
    text = generate(client).get_json()["choices"][0]["text"]
    assert text == "I saw [removed] at inference.corp.dev."


def test_keys_with_hyphens_are_removed_completely(client, upstream):
    upstream.post(CHAT, status=400, json={"error": "key sk-proj-AbC123-secretpart_x is not allowed"})
    assert (
        assert_failed(generate(client), 400, "upstream_rejected")["details"]["reason"] == "key [removed] is not allowed"
    )


def test_a_loading_model_does_not_open_the_breaker(make_client, upstream):
    client = make_client(BREAKER_FAILURES="1")
    upstream.post(CHAT, status=503, headers={"Retry-After": "20"})
    upstream.post(CHAT, json=chat_response("Hi."))
    assert_failed(generate(client), 503, "model_loading")
    assert generate(client).status_code == 200


def test_nothing_is_sent_after_the_deadline(make_client):
    response = generate(make_client(HUGGINGFACE_TIMEOUT="10ms"))
    assert_failed(response, 504, "upstream_timeout")


def test_retry_after_of_a_429_is_forwarded(client, upstream):
    upstream.post(CHAT, status=429, headers={"Retry-After": "42"})
    response = generate(client)
    assert_failed(response, 429, "upstream_rate_limited")
    assert response.headers["Retry-After"] == "42"


def test_a_failed_call_is_retried(make_client, upstream, instantly):
    client = make_client(HUGGINGFACE_RETRY_ATTEMPTS="3")
    upstream.post(CHAT, status=500)
    upstream.post(CHAT, body="<html>")
    upstream.post(CHAT, body=requests.ConnectionError())
    upstream.post(CHAT, json=chat_response("Hi."))
    assert generate(client).status_code == 200
    assert len(instantly) == 3


@pytest.mark.parametrize(
    ("status", "calls"), [(500, 3), (429, 3), (408, 3), (400, 1), (401, 1), (402, 1), (404, 1), (422, 1)]
)
def test_only_transient_errors_are_retried_up_to_the_configured_attempts(
    make_client, upstream, instantly, status, calls
):
    client = make_client(HUGGINGFACE_RETRY_ATTEMPTS="2")
    upstream.post(CHAT, status=status)
    generate(client)
    assert len(upstream.calls) == calls


def test_a_retry_waits_for_retry_after_within_the_deadline(make_client, upstream, instantly):
    client = make_client(HUGGINGFACE_RETRY_ATTEMPTS="1")
    upstream.post(CHAT, status=429, headers={"Retry-After": "5"})
    upstream.post(CHAT, json=chat_response("Hi."))
    assert generate(client).status_code == 200
    assert instantly[0] >= 5


def test_a_retry_after_beyond_the_deadline_is_forwarded_at_once(make_client, upstream, instantly):
    client = make_client(HUGGINGFACE_RETRY_ATTEMPTS="3", HUGGINGFACE_TIMEOUT="10s")
    upstream.post(CHAT, status=429, headers={"Retry-After": "3600"})
    assert generate(client).headers["Retry-After"] == "3600"
    assert (len(upstream.calls), instantly) == (1, [])


def test_the_breaker_opens_after_the_configured_failures_with_retry_after(make_client, upstream):
    client = make_client(BREAKER_FAILURES="2", BREAKER_RECOVERY="10s")
    upstream.post(CHAT, status=500)
    for _ in range(2):
        assert_failed(generate(client), 502, "upstream_unavailable")
    response = generate(client)
    assert_failed(response, 503, "circuit_open")
    assert 9 <= int(response.headers["Retry-After"]) <= 10
    assert len(upstream.calls) == 2


def test_client_errors_do_not_open_the_breaker(make_client, upstream):
    client = make_client(BREAKER_FAILURES="1")
    upstream.post(CHAT, status=422)
    for _ in range(3):
        assert_failed(generate(client), 400, "upstream_rejected")


def test_an_unreachable_engine_is_model_loading(make_client, upstream):
    client = make_client(EMBEDDED)
    upstream.post("http://127.0.0.1:9/v1/chat/completions", body=requests.ConnectionError("refused"))
    response = generate(client)
    assert_failed(response, 503, "model_loading")
    assert response.headers["Retry-After"] == "1"


def test_an_engine_that_stops_during_a_response_is_model_loading(make_client, upstream):
    client = make_client(EMBEDDED)
    events = 'data: {"choices": [{"delta": {"content": "Hal"}}]}\n\n'
    upstream.post("http://127.0.0.1:9/v1/chat/completions", body=events, content_type="text/event-stream")
    assert_failed(generate(client), 503, "model_loading")


def test_fallbacks_are_tried_in_order_while_models_are_unavailable(make_client, upstream):
    client = make_client(
        HUGGINGFACE, OPENAI_BASE_URL="http://llm.test:8000/v1", FALLBACK_MODELS="org/second,openai:org/third"
    )
    upstream.post(ROUTER_CHAT, status=500)
    upstream.post(ROUTER_CHAT, status=404)
    upstream.post(CHAT, json=chat_response("Hi."))
    assert generate(client, model="org/first").get_json()["model"] == "org/third"
    assert [sent(upstream, i)["model"] for i in range(3)] == ["org/first", "org/second", "org/third"]


def test_fallbacks_are_not_tried_for_an_invalid_request(make_client, upstream):
    client = make_client(HUGGINGFACE, FALLBACK_MODELS="org/second")
    upstream.post(ROUTER_CHAT, status=422)
    assert_failed(generate(client), 400, "upstream_rejected")
    assert len(upstream.calls) == 1


def test_the_first_error_is_returned_if_all_fallbacks_fail(make_client, upstream):
    client = make_client(HUGGINGFACE, FALLBACK_MODELS="org/second")
    upstream.post(ROUTER_CHAT, status=402)
    upstream.post(ROUTER_CHAT, status=500)
    assert_failed(generate(client), 503, "upstream_quota_exhausted")


def test_the_retry_budget_limits_retries_during_an_outage(make_client, upstream, instantly):
    client = make_client(HUGGINGFACE_RETRY_ATTEMPTS="3", BREAKER_FAILURES="1000", BREAKER_FAILURE_RATE="1")
    upstream.post(CHAT, status=400)
    upstream.post(CHAT, status=500)
    for _ in range(19):
        generate(client)  # fewer calls than the breaker needs for a failure rate
    assert len(upstream.calls) == 19 + BUDGET_MIN_RETRIES


@pytest.mark.parametrize("timeout", ["5s", "500ms", "1", "10h"])
def test_a_client_may_shorten_the_timeout(client, upstream, timeout):
    upstream.post(CHAT, json=chat_response("Hi."))
    response = client.post("/v1/text/generate", json={"prompt": "x"}, headers={"X-Request-Timeout": timeout})
    assert response.status_code == 200


def test_the_requested_timeout_is_enforced(client):
    response = client.post("/v1/text/generate", json={"prompt": "x"}, headers={"X-Request-Timeout": "10ms"})
    assert_failed(response, 504, "upstream_timeout")


@pytest.mark.parametrize("timeout", ["soon", "-1s", "0", "nan", ""])
def test_an_invalid_timeout_names_the_header(client, timeout):
    response = client.post("/v1/text/generate", json={"prompt": "x"}, headers={"X-Request-Timeout": timeout})
    assert list(assert_failed(response, 400, "validation_error")["details"]) == ["X-Request-Timeout"]


@pytest.mark.parametrize("target", ["http://[", "//[x", "http://\u2100.example/", "http://elsewhere.test/"])
def test_redirects_are_not_followed(client, upstream, target):
    upstream.post(CHAT, status=307, headers={"Location": target}, body="x")
    response = client.post("/v1/text/generate", json={"prompt": "x"})
    assert (response.status_code, response.json["type"]) == (502, "upstream_invalid_response")


@pytest.mark.parametrize("token", [["x"], {"x": 1}, None, 5])
def test_log_probabilities_of_invalid_tokens_are_ignored(client, upstream, token):
    content = [{"token": "positive", "logprob": 0, "top_logprobs": [{"token": token, "logprob": 0}]}]
    upstream.post(CHAT, json=chat_response("positive", logprobs={"content": content}))
    assert client.post("/v1/text/sentiment", json={"text": "x"}).json["sentiment"] == "positive"
