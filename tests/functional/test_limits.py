"""Limits of clients: requests, tokens and streams, and the responses beyond a limit."""

from datetime import UTC, datetime

import pytest
from support.clock import fake_clock
from support.keys import made
from support.upstreams import CHAT, OPENAI, chat_response, stream

from app.clients import quota_counters, quotas

GENERATE = "/v1/text/generate"
CHAT_COMPLETIONS = "/v1/chat/completions"
PROMPT = {"prompt": "Hi."}
MESSAGES = {"messages": [{"role": "user", "content": "Hi."}]}
EMBEDDINGS = "http://llm.test:8000/v1/embeddings"
EVENT = {
    "choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 7, "completion_tokens": 1, "total_tokens": 8},
}
MINUTE, DAY = 60, 24 * 3600


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """The calendar of the quotas, which stands still: no window ends during a test by chance."""
    return fake_clock(monkeypatch, quotas, quota_counters, start=datetime(2026, 12, 31, 23, 59, 30, tzinfo=UTC))


@pytest.fixture
def limited(make_client):
    """Return a function that makes an app whose client has these limits, and returns a function that calls it."""

    def make(*limits, **variables):
        key, line = made("team", *limits)
        client = make_client({**OPENAI, "API_KEYS": f"{line},{made('other')[1]}"}, **variables)
        return lambda route=GENERATE, **body: client.post(route, json={**PROMPT, **body}, headers={"X-API-Key": key})

    return make


def rate_limited(response, limit):
    """Check that the response names the limit and a time to wait; return its body."""
    error = response.get_json()
    assert (response.status_code, error["type"], error["details"]["limit"]) == (429, "rate_limit_exceeded", limit)
    assert int(response.headers["Retry-After"]) >= 1
    return error


def test_requests_beyond_the_rate_are_rejected_until_the_window_has_room(make_client, chat):
    client = make_client(RATE_LIMIT="2/minute")
    responses = [client.post(GENERATE, json=PROMPT) for _ in range(3)]
    assert [response.status_code for response in responses] == [200, 200, 429]
    assert "2 per 1 minute" in rate_limited(responses[2], "rate_limit")["message"]
    assert 55 <= int(responses[2].headers["Retry-After"]) <= 60
    assert chat.call_count == 2


def test_each_response_has_headers_with_the_rest_of_the_rate(make_client, chat):
    client = make_client(RATE_LIMIT="2/minute")
    first, invalid, rejected = (client.post(GENERATE, json=body) for body in (PROMPT, {}, PROMPT))
    assert first.headers["RateLimit-Policy"] == '"requests";q=2;w=60'
    assert first.headers["RateLimit"] == '"requests";r=1;t=60'
    headers = [
        (response.headers["RateLimit-Limit"], response.headers["RateLimit-Remaining"])
        for response in (first, invalid, rejected)
    ]
    assert headers == [("2", "1"), ("2", "0"), ("2", "0")]
    assert int(rejected.headers["RateLimit-Reset"]) == int(rejected.headers["Retry-After"])


def test_a_rate_covers_all_operations_of_a_client_but_not_probes_and_metrics(make_client, upstream):
    upstream.get("http://llm.test:8000/v1/models", json={"data": []})
    client = make_client(RATE_LIMIT="1/hour")
    assert client.get("/v1/models/validate?model=gpt2").status_code == 200
    assert client.post("/v1/text/sentiment", json={"text": "x"}).status_code == 429
    assert client.get("/v1/models").status_code == 429
    for route in ("/health", "/health/ready", "/health/deep", "/metrics", "/nowhere"):
        response = client.get(route)
        assert response.status_code in (200, 404)
        assert "RateLimit" not in response.headers


def test_each_address_has_its_own_rate(make_client, chat):
    client = make_client(RATE_LIMIT="1/hour")
    for address in ("192.0.2.1", "192.0.2.2"):
        environ = {"REMOTE_ADDR": address}
        statuses = [client.post(GENERATE, json=PROMPT, environ_base=environ).status_code for _ in range(2)]
        assert statuses == [200, 429]


def test_the_rate_of_a_key_replaces_that_of_the_settings(limited, chat):
    call = limited("rate_limit=3/hour", RATE_LIMIT="1/hour")
    assert [call().status_code for _ in range(4)] == [200, 200, 200, 429]


def test_unknown_keys_are_limited_by_address_and_known_keys_are_not(make_client, chat):
    key, line = made("team")
    client = make_client({**OPENAI, "API_KEYS": line}, RATE_LIMIT="2/hour")

    def call(presented):
        return client.post(GENERATE, json=PROMPT, headers={"X-API-Key": presented})

    unknown = [call("unknown") for _ in range(3)]
    assert [response.status_code for response in unknown] == [401, 401, 429]
    assert int(unknown[2].headers["Retry-After"]) > 3000
    assert call(key).status_code == 200
    text = client.get("/metrics").text
    assert 'ai_client_limited_total{client="anonymous",limit="failed_keys",service="ai-huggingface"} 1.0' in text


@pytest.mark.parametrize(
    ("limit", "start", "seconds", "renewed_at"),
    [
        ("tokens_per_minute", datetime(2026, 12, 31, 23, 59, 30, tzinfo=UTC), 30, "2027-01-01T00:00:00+00:00"),
        ("tokens_per_minute", datetime(2026, 11, 5, 10, 7, 0, tzinfo=UTC), MINUTE, "2026-11-05T10:08:00+00:00"),
        ("tokens_per_day", datetime(2026, 2, 28, tzinfo=UTC), DAY, "2026-03-01T00:00:00+00:00"),
        ("tokens_per_month", datetime(2026, 1, 1, tzinfo=UTC), 31 * DAY, "2026-02-01T00:00:00+00:00"),
        ("tokens_per_month", datetime(2028, 2, 29, tzinfo=UTC), DAY, "2028-03-01T00:00:00+00:00"),
        ("tokens_per_month", datetime(2026, 12, 31, tzinfo=UTC), DAY, "2027-01-01T00:00:00+00:00"),
    ],
)
def test_tokens_beyond_a_quota_are_rejected_until_it_renews(limited, chat, clock, limit, start, seconds, renewed_at):
    clock.move_to(start)
    call = limited(f"{limit}=10")
    assert call(max_tokens=8).status_code == 200
    response = call(max_tokens=8)
    error = rate_limited(response, limit)
    assert error["details"] == {"limit": limit, "allowed": 10, "needed": 10, "renewed_at": renewed_at}
    assert int(response.headers["Retry-After"]) == seconds
    assert f"the limit renews at {renewed_at}" in error["message"]
    clock.advance(seconds)
    assert call(max_tokens=8).status_code == 200


def test_the_reservation_is_replaced_by_the_used_tokens(limited, chat):
    call = limited("tokens_per_day=1000")
    assert call(max_tokens=998).status_code == 200
    rate_limited(call(max_tokens=989), "tokens_per_day")  # 10 were used
    assert call(max_tokens=988).status_code == 200
    assert chat.call_count == 2


def test_a_rejected_request_reserves_nothing_in_any_window(limited, chat):
    call = limited("tokens_per_day=10", "tokens_per_month=1000")
    rate_limited(call(max_tokens=500), "tokens_per_day")
    rate_limited(call(max_tokens=9), "tokens_per_day")
    assert call(max_tokens=8).status_code == 200


def test_a_request_larger_than_its_quota_is_not_advised_to_wait(limited):
    error = rate_limited(limited("tokens_per_day=10")(max_tokens=500), "tokens_per_day")
    assert error["message"] == (
        "This request may need 502 tokens, more than is left of your 10 tokens per day; "
        "ask for fewer tokens or shorten the input."
    )


def test_failures_and_cache_hits_cost_no_tokens(make_client, upstream):
    client = make_client(TOKENS_PER_DAY="20")
    deterministic = {**PROMPT, "max_tokens": 8, "temperature": 0}
    upstream.post(CHAT, status=500)
    assert client.post(GENERATE, json=deterministic).status_code == 502
    upstream.replace("POST", CHAT, json=chat_response("Hi."))
    for _ in range(5):
        assert client.post(GENERATE, json=deterministic).status_code == 200
    assert client.post(GENERATE, json={**PROMPT, "max_tokens": 8}).status_code == 200
    assert client.post(GENERATE, json={**PROMPT, "max_tokens": 8}).status_code == 429


def test_a_response_without_usage_costs_the_reservation(make_client, upstream):
    client = make_client(TOKENS_PER_DAY="3")
    upstream.post(EMBEDDINGS, json={"data": [{"index": 0, "embedding": [0.5]}], "model": "x"})
    assert client.post("/v1/embeddings", json={"input": "Hi."}).status_code == 200
    assert client.post("/v1/embeddings", json={"input": "Hi."}).status_code == 429


@pytest.mark.parametrize(
    ("route", "body", "needed"),
    [
        (GENERATE, PROMPT, 102),
        ("/v1/text/summarize", {"text": "Hi. Ho.", "max_length": 40}, 44),
        ("/v1/text/sentiment", {"text": "Hi."}, 2),
        (CHAT_COMPLETIONS, {**MESSAGES, "max_tokens": 5, "n": 3}, 17),
        (CHAT_COMPLETIONS, {**MESSAGES, "max_completion_tokens": 6}, 8),
        ("/v1/completions", {"prompt": [1, 2, 3], "max_tokens": 5}, 8),
        ("/v1/completions", {"prompt": [[1, 2], [3]], "max_tokens": 5}, 13),
        ("/v1/embeddings", {"input": ["Hi.", "Ho."]}, 4),
    ],
)
def test_the_reservation_is_the_input_and_the_longest_possible_output(make_client, route, body, needed):
    response = make_client(TOKENS_PER_DAY="1").post(route, json=body)
    error = response.get_json().get("error", response.get_json())
    assert response.status_code == 429
    assert f"may need {needed} tokens" in error["message"]


def test_concurrent_streams_are_limited_until_one_ends(limited, upstream):
    upstream.post(CHAT, body=stream([EVENT]), content_type="text/event-stream")
    call = limited("concurrent_streams=1")
    first = call(stream=True)
    error = rate_limited(call(stream=True), "concurrent_streams")
    assert error["details"] == {"limit": "concurrent_streams", "allowed": 1}
    assert "Your limit of 1 concurrent streams is reached" in error["message"]
    assert b"[DONE]" in first.data
    first.close()
    assert call(stream=True).status_code == 200


def test_a_stream_that_fails_or_exceeds_a_quota_releases_its_slot(limited, upstream):
    call = limited("concurrent_streams=1", "tokens_per_minute=50")
    upstream.post(CHAT, status=500)
    for _ in range(2):
        assert call(stream=True, max_tokens=8).status_code == 502
        rate_limited(call(stream=True, max_tokens=80), "tokens_per_minute")


def test_the_tokens_of_a_stream_are_settled_at_its_end(limited, upstream):
    upstream.post(CHAT, body=stream([EVENT]), content_type="text/event-stream")
    call = limited("tokens_per_day=30")
    with call(stream=True, max_tokens=28) as response:
        assert b"[DONE]" in response.data
    assert call(stream=True, max_tokens=21).status_code == 429  # 8 were used
    assert call(stream=True, max_tokens=20).status_code == 200


def test_requests_and_tokens_are_counted_by_client(make_client, chat):
    key, line = made("team")
    client = make_client({**OPENAI, "API_KEYS": line})
    for body in (PROMPT, {**PROMPT, "max_tokens": 0}):
        client.post(GENERATE, json=body, headers={"X-API-Key": key})
    client.post(GENERATE, json=PROMPT)
    text = client.get("/metrics").text
    assert 'ai_client_requests_total{client="team",service="ai-huggingface"} 2.0' in text
    assert 'ai_client_requests_total{client="anonymous",service="ai-huggingface"} 1.0' in text
    assert 'ai_client_tokens_total{client="team",service="ai-huggingface"} 10.0' in text


def test_rate_limit_none_allows_any_number_of_requests_without_headers(make_client, chat):
    client = make_client(RATE_LIMIT="none")
    responses = [client.post("/v1/text/generate", json=PROMPT) for _ in range(70)]
    assert {response.status_code for response in responses} == {200}
    assert not [name for name, _ in responses[0].headers if name.lower().startswith("ratelimit")]


def test_a_key_can_have_no_rate_limit(limited, chat):
    call = limited("rate_limit=none", RATE_LIMIT="1/hour")
    assert [call().status_code for _ in range(3)] == [200, 200, 200]


def test_a_key_can_have_a_rate_limit_although_the_setting_is_none(limited, chat):
    call = limited("rate_limit=1/hour", RATE_LIMIT="none")
    assert [call().status_code for _ in range(2)] == [200, 429]


def test_rate_limit_none_still_limits_guesses_of_keys(make_client):
    client = make_client({**OPENAI, "API_KEYS": made("team")[1]}, RATE_LIMIT="none")
    statuses = [
        client.post("/v1/text/generate", json=PROMPT, headers={"X-API-Key": "wrong"}).status_code for _ in range(61)
    ]
    assert statuses == [401] * 60 + [429]
