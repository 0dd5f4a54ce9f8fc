"""Upstream failures, and the error that clients get for each."""

import json
import logging

import pytest
import requests
from support.calls import generate, post, rate
from support.lines import request_lines
from support.metrics import total
from support.streams import parse_stream
from support.upstreams import CHAT, EMBEDDED, HUGGINGFACE, PIPELINE, ROUTER_CHAT, chat_response, sent

from app.backends.huggingface import EMBEDDING_MODEL
from app.backends.plan import MAX_RESPONSE_BYTES
from app.upstream.resilience.retry import BUDGET_MIN_RETRIES

HI = {"messages": [{"role": "user", "content": "Hi."}]}
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
        (501, 501, "not_supported"),
        (520, 502, "upstream_unavailable"),
        (529, 502, "upstream_unavailable"),
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
    if "raw-upstream-body" in body and status in (400, 413, 422, 501):
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


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (429, {"code": "insufficient_quota", "message": "You exceeded your current quota"}, "upstream_quota_exhausted"),
        (429, {"type": "insufficient_quota"}, "upstream_quota_exhausted"),
        (429, {"code": "billing_hard_limit_reached"}, "upstream_quota_exhausted"),
        (429, {"code": "AccountOverdueError"}, "upstream_quota_exhausted"),
        (429, {"message": "You have used up your daily free allocation of 10,000 neurons"}, "upstream_quota_exhausted"),
        (403, {"code": "insufficient_user_quota"}, "upstream_quota_exhausted"),
        (429, "You have exceeded your monthly included credits for Inference Providers.", "upstream_quota_exhausted"),
        (
            403,
            {"message": "You have used all available credits or reached your spending limit."},
            "upstream_quota_exhausted",
        ),
        (400, {"message": "Your credit balance is too low to access the API."}, "upstream_quota_exhausted"),
        (400, {"message": "Invalid text: 'add credits'"}, "upstream_rejected"),
        (429, {"message": "Rate limit reached for requests", "code": "rate_limit_exceeded"}, "upstream_rate_limited"),
        (403, {"message": "Your input was flagged", "metadata": {"reasons": ["violence"]}}, "upstream_rejected"),
        (403, {"code": "content_policy_violation", "message": "No."}, "upstream_rejected"),
        (403, {"innererror": {"code": "ResponsibleAIPolicyViolation"}}, "upstream_rejected"),
        (403, "The prompt was blocked by our content filter.", "upstream_rejected"),
        (403, {"message": "Content violates usage guidelines. Failed check: SAFETY_CHECK"}, "upstream_rejected"),
        (403, {"message": "Input data may contain inappropriate content."}, "upstream_rejected"),
        (403, {"code": "SensitiveContentDetected"}, "upstream_rejected"),
        (403, {"message": "Refused.", "flagged": True}, "upstream_rejected"),
        (403, {"message": "This token has insufficient permissions."}, "upstream_authentication_error"),
        (403, {"message": "Your account violates our usage policies."}, "upstream_authentication_error"),
        (403, {"code": "model_not_found", "message": "No access to the model."}, "model_not_found"),
    ],
)
def test_codes_and_phrases_tell_errors_of_one_status_apart(make_client, upstream, status, error, kind):
    upstream.post(CHAT, status=status, json={"error": error})
    client = make_client(HUGGINGFACE_RETRY_ATTEMPTS="0" if kind == "upstream_rate_limited" else "2")
    assert generate(client).get_json()["type"] == kind
    assert len(upstream.calls) == 1


def test_googles_limit_per_minute_is_a_rate_limit_with_its_time(client, upstream):
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "24.3s"}]
    message = "You exceeded your current quota, please check your plan and billing details."
    error = {"code": 429, "message": message, "status": "RESOURCE_EXHAUSTED", "details": details}
    upstream.post(CHAT, status=429, json=[{"error": error}])
    response = generate(client)
    assert_failed(response, 429, "upstream_rate_limited")
    assert response.headers["Retry-After"] == "25"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"code": "rate_limit_exceeded"}, "upstream_rate_limited"),
        ({"code": "429"}, "upstream_rate_limited"),
        ({"code": "400"}, "upstream_rejected"),
        ({"code": "418"}, "upstream_invalid_response"),
        ({"type": "rate_limit_error"}, "upstream_rate_limited"),
        ({"type": "RateLimitError"}, "upstream_rate_limited"),
        ({"type": "authentication_error"}, "upstream_authentication_error"),
        ({"type": "permission_error"}, "upstream_authentication_error"),
        ({"type": "overloaded_error"}, "upstream_unavailable"),
        ({"type": "invalid_request_error", "code": None}, "upstream_rejected"),
        ({"type": "not_found_error"}, "model_not_found"),
        ({"type": "api_error"}, "upstream_unavailable"),
        ({"type": "server_error"}, "upstream_unavailable"),
        ({"type": "timeout_error"}, "upstream_unavailable"),
        ({"code": "context_length_exceeded"}, "upstream_rejected"),
        ({"code": "insufficient_quota"}, "upstream_quota_exhausted"),
        ({"status": "RESOURCE_EXHAUSTED"}, "upstream_rate_limited"),
        ({"status": "UNAVAILABLE"}, "upstream_unavailable"),
        ({"status": "INVALID_ARGUMENT"}, "upstream_rejected"),
        ({"status": "UNIMPLEMENTED"}, "not_supported"),
        ({"code": "Too Many Requests"}, "upstream_rate_limited"),
        ({"code": "HTTP_429"}, "upstream_rate_limited"),
        ({"http_code": 429}, "upstream_rate_limited"),
        ({"type": "billing_error"}, "upstream_quota_exhausted"),
        ({"message": "The model is loading.", "estimated_time": 9}, "model_loading"),
        (429, "upstream_rate_limited"),
        ("429", "upstream_rate_limited"),
        ("429 Too Many Requests", "upstream_rate_limited"),
        ("rate_limit_exceeded", "upstream_rate_limited"),
        ("Something broke.", "upstream_unavailable"),
    ],
)
@pytest.mark.parametrize("form", ["complete", "first event", "later event", "list"])
def test_words_in_a_200_map_to_their_error(client, upstream, error, kind, form):
    payload = {"error": error}
    first = 'data: {"choices": [{"delta": {"content": "Hal"}}]}\n\n' if form == "later event" else ""
    if "event" in form:
        upstream.post(CHAT, body=f"{first}data: {json.dumps(payload)}\n\n", content_type="text/event-stream")
    else:
        upstream.post(CHAT, json=[payload] if form == "list" else payload)
    assert generate(client).get_json()["type"] == kind


@pytest.mark.parametrize(
    "payload",
    [
        {"code": "429", "message": "Slow down."},
        {"status": 429, "title": "Too Many Requests", "detail": "Slow down."},
        {"detail": {"code": "rate_limit_exceeded"}, "message": "Slow down."},
        {"errors": [{"code": "rate_limit_exceeded", "message": "Slow down."}]},
    ],
)
def test_an_error_in_a_200_needs_no_error_field(client, upstream, payload):
    upstream.post(CHAT, json=payload)
    assert generate(client).get_json()["type"] == "upstream_rate_limited"


@pytest.mark.parametrize("empty", [None, {}, "", False, [], {"message": "", "code": None}, {"details": [{}]}])
def test_an_empty_error_is_none(client, upstream, empty):
    upstream.post(CHAT, json={**chat_response("Hi."), "error": empty})
    assert generate(client).status_code == 200
    # OpenAI's SDKs raise an object of this name, whatever it holds
    assert not post(client, "/v1/chat/completions", HI).get_json().get("error")
    for response in (post(client, "/v1/chat/completions", {**HI, "stream": True}), generate(client, stream=True)):
        assert not any(event.get("error") for event in parse_stream(response.data).events)
        assert parse_stream(response.data).done


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"code": 429}, "upstream_rate_limited"),
        ({"code": "invalid_prompt"}, "upstream_rejected"),
        (None, "upstream_unavailable"),
    ],
)
@pytest.mark.parametrize("part", ["message", "delta"])
def test_a_failed_choice_maps_to_the_error_that_it_carries(client, upstream, error, kind, part):
    choice = {"index": 0, part: {"content": ""}, "finish_reason": "error", "error": error}
    upstream.post(CHAT, json={"choices": [choice]})
    assert generate(client).get_json()["type"] == kind


@pytest.mark.parametrize(
    ("payload", "status", "type_"),
    [
        ({"error": "Input is too long", "code": 400}, 400, "upstream_rejected"),
        ([{"error": {"message": "slow down", "type": "rate_limit_exceeded"}}], 429, "upstream_rate_limited"),
        ([[{"error": ["CUDA out of memory"]}]], 502, "upstream_unavailable"),
        ({"message": "No credits", "code": "insufficient_quota"}, 503, "upstream_quota_exhausted"),
    ],
)
@pytest.mark.parametrize(
    ("route", "body", "pipeline"),
    [
        ("/v1/text/sentiment", {"text": "Fine."}, "cardiffnlp/twitter-roberta-base-sentiment-latest"),
        ("/v1/text/summarize", {"text": "This is fine. " * 50}, "facebook/bart-large-cnn"),
        ("/v1/embeddings", {"input": "Fine.", "model": "org/e"}, "org/e/pipeline/feature-extraction"),
    ],
    ids=["sentiment", "summary", "embeddings"],
)
def test_an_error_in_a_pipelines_response_of_status_200_is_that_error(
    make_client, upstream, route, body, pipeline, payload, status, type_
):
    upstream.post(f"{PIPELINE}{pipeline}", json=payload)
    response = make_client(HUGGINGFACE, HUGGINGFACE_RETRY_ATTEMPTS="0").post(route, json=body)
    error = response.get_json()
    assert (response.status_code, error.get("type") or error["error"]["code"]) == (status, type_)


@pytest.mark.parametrize("status", [520, 521, 522, 523, 524, 529])
def test_overloads_and_outages_are_retried_and_their_retry_after_is_passed_on(make_client, upstream, instantly, status):
    upstream.post(CHAT, status=status, headers={"Retry-After": "7"})
    response = generate(make_client(HUGGINGFACE_RETRY_ATTEMPTS="1"))
    assert_failed(response, 502, "upstream_unavailable")
    assert (len(upstream.calls), response.headers["Retry-After"]) == (2, "7")


@pytest.mark.parametrize(
    ("status", "error", "expected"),
    [
        (400, {"type": "invalid_request_error", "code": "context_length_exceeded", "param": "messages"}, 400),
        (400, {"type": "invalid_request_error", "code": "unsupported_parameter", "param": "logit_bias"}, 400),
        (422, {"type": "BadRequestError", "code": "content_filter", "param": "prompt"}, 422),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
def test_code_type_and_param_of_a_rejection_are_kept_on_openais_routes(
    client, upstream, status, error, expected, streamed
):
    upstream.post(CHAT, status=status, json={"error": {"message": "No.", **error}})
    body = {"messages": [{"role": "user", "content": "Hi."}], "stream": streamed}
    response = client.post("/v1/chat/completions", json=body)
    assert response.status_code == expected
    assert error.items() <= response.get_json()["error"].items()
    assert_failed(generate(client), 400, "upstream_rejected")


def test_names_of_an_upstream_error_hold_no_private_parts(client, upstream):
    error = {"message": "No.", "code": "at llm.test", "param": "sk-secret-of-ours", "type": 5}
    upstream.post(CHAT, status=400, json={"error": error})
    body = client.post("/v1/chat/completions", json={"messages": [{"role": "user", "content": "Hi."}]})
    assert not [secret for secret in SECRETS if secret in body.get_data(as_text=True)]
    assert body.get_json()["error"]["type"] == "upstream_rejected"


def test_status_and_reason_of_the_upstream_are_logged_and_in_the_debug_information(client, upstream, caplog):
    upstream.post(CHAT, status=500, json={"error": {"message": "CUDA error at http://llm.test:8000 of 10.0.0.7"}})
    response = generate(client, model="org/other", headers={"X-AI-Debug": "1"})
    [attempt] = response.get_json()["details"]["debug"]["attempts"]
    expected = (500, "CUDA error at [removed] of [removed]")
    assert (attempt["upstream_status"], attempt["upstream_reason"]) == expected
    assert attempt["model"] == "org/other"
    [line] = request_lines(caplog)
    assert (line.upstream_status, line.upstream_reason, line.requested_model) == (*expected, "org/other")
    assert {record.levelname for record in caplog.records if record.name == "app.access"} == {"ERROR"}


def test_the_reason_of_an_error_in_a_later_event_is_logged(client, upstream, caplog):
    events = 'data: {"choices": [{"delta": {"content": "Hal"}}]}\n\ndata: {"error": {"message": "Out of memory"}}\n\n'
    upstream.post(CHAT, body=events, content_type="text/event-stream")
    with caplog.at_level(logging.INFO, "app.access"):
        response = generate(client, stream=True)
        response.get_data()
        response.close()
    [line] = request_lines(caplog)
    assert (line.upstream_status, line.upstream_reason) == (500, "Out of memory")


@pytest.mark.parametrize("stream", [False, True])
def test_a_quote_of_the_prompt_is_not_logged(client, upstream, caplog, stream):
    caplog.set_level(logging.DEBUG)
    error = {"error": {"message": "Refused: tell me a secret."}}
    text = f'data: {{"choices": [{{"delta": {{"content": "Hal"}}}}]}}\n\ndata: {json.dumps(error)}\n\n'
    answer = {"body": text, "content_type": "text/event-stream"} if stream else {"json": error, "status": 500}
    upstream.post(CHAT, **answer)
    response = generate(client, prompt="Tell me a secret", stream=stream)
    response.get_data()
    response.close()
    [line] = request_lines(caplog)
    assert line.upstream_reason == "Refused: [removed]."
    assert "secret" not in str(line.attempt_records)


def test_an_error_names_the_model_that_was_asked(make_client, upstream, caplog):
    model = "cardiffnlp/twitter-roberta-base-sentiment-latest"
    upstream.post(f"{PIPELINE}{model}", status=500)
    response = rate(make_client(HUGGINGFACE))
    assert response.headers["X-AI-Model"] == model
    [line] = request_lines(caplog)
    assert line.model == model


def test_an_error_before_the_first_call_names_the_operations_default_model(make_client, caplog):
    client = make_client(HUGGINGFACE)
    response = client.post("/v1/embeddings", json={"input": [1, 2]})
    assert (response.status_code, response.headers["X-AI-Model"]) == (501, EMBEDDING_MODEL)
    [line] = request_lines(caplog)
    assert line.model == EMBEDDING_MODEL
    labels = {"model": EMBEDDING_MODEL, "operation": "embeddings", "outcome": "not_supported"}
    assert total(client, "ai_requests_total", **labels) == 1


@pytest.mark.parametrize("fallback", ["openai", "openai:org/small", "default-name", "org/small", "default"])
@pytest.mark.parametrize("model", [None, "default-name", "openai:org/small", "default"])
def test_each_fallback_is_asked_once_under_any_of_its_names(make_client, upstream, fallback, model):
    upstream.post(CHAT, status=500)
    client = make_client(MODEL_ALIASES="default-name=org/small", FALLBACK_MODELS=f"{fallback},openai:org/second")
    generate(client, **({"model": model} if model else {}))
    asked = [sent(upstream, index)["model"] for index in range(len(upstream.calls))]
    assert asked == ["org/small", "org/second"]


@pytest.mark.parametrize("key", ["ollama", "x", "EMPTY", "not-needed", "00000000", "12345678"])
def test_words_that_are_no_secrets_stay_in_answers(make_client, upstream, key):
    upstream.post(CHAT, json=chat_response(f"The word {key} stays."))
    assert generate(make_client(OPENAI_API_KEY=key)).get_json()["choices"][0]["text"] == f"The word {key} stays."


def test_a_host_that_is_a_word_leaves_codes_of_errors_whole(make_client, upstream):
    url = "http://model:8000/v1"
    upstream.post(f"{url}/chat/completions", status=400, json={"error": {"message": "x", "code": "model_not_found"}})
    assert generate(make_client(OPENAI_BASE_URL=url)).get_json()["type"] == "model_not_found"
