"""What clients may use: requests, tokens, streams; and what they are told of it."""

from datetime import UTC, datetime, timedelta

import pytest
from support.keys import made
from support.upstreams import CHAT, OPENAI, chat_answer, stream

from app.clients import quota_counters, quotas

HI = {"prompt": "Hi."}
EMBEDDINGS = "http://llm.test:8000/v1/embeddings"
EVENT = {
    "choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 7, "completion_tokens": 1, "total_tokens": 8},
}


@pytest.fixture
def clock(monkeypatch):
    """The calendar of quotas: a list with the time now."""
    now = [datetime(2026, 12, 31, 23, 59, 30, tzinfo=UTC)]
    for module in (quotas, quota_counters):
        monkeypatch.setattr(module, "time", lambda: now[0].timestamp())
    return now


@pytest.fixture
def limited(make_client):
    """Make a client of an app with one client key of these attributes; return a function that generates as it."""

    def make(*attributes, **variables):
        key, line = made("team", *attributes)
        client = make_client({**OPENAI, "API_KEYS": f"{line},{made('other')[1]}"}, **variables)
        return lambda route="/v1/text/generate", **body: client.post(
            route, json={**HI, **body}, headers={"X-API-Key": key}
        )

    return make


def refused(answer, limit):
    error = answer.get_json()
    assert (answer.status_code, error["type"], error["details"]["limit"]) == (429, "rate_limit_exceeded", limit)
    assert int(answer.headers["Retry-After"]) >= 1
    return error


def test_requests_over_the_rate_are_refused_until_there_is_room(make_client, chat):
    client = make_client(RATE_LIMIT="2/minute")
    answers = [client.post("/v1/text/generate", json=HI) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    error = refused(answers[2], "rate_limit")
    assert error["message"] == "You are over your limit of 2 per 1 minute; come back after the time in Retry-After."
    assert 55 <= int(answers[2].headers["Retry-After"]) <= 60
    assert chat.call_count == 2


def test_every_answer_tells_what_is_left_of_the_rate(make_client, chat):
    client = make_client(RATE_LIMIT="2/minute")
    first, bad, refusal = (client.post("/v1/text/generate", json=body) for body in (HI, {}, HI))
    assert first.headers["RateLimit-Policy"] == '"requests";q=2;w=60'
    assert first.headers["RateLimit"] == '"requests";r=1;t=60'
    told = [(one.headers["RateLimit-Limit"], one.headers["RateLimit-Remaining"]) for one in (first, bad, refusal)]
    assert told == [("2", "1"), ("2", "0"), ("2", "0")]
    assert int(refusal.headers["RateLimit-Reset"]) == int(refusal.headers["Retry-After"])


def test_a_rate_is_for_all_routes_of_a_client_together_but_not_for_probes(make_client, upstream):
    upstream.get("http://llm.test:8000/v1/models", json={"data": []})
    client = make_client(RATE_LIMIT="1/hour")
    assert client.get("/v1/models/validate?model=gpt2").status_code == 200
    assert client.post("/v1/text/sentiment", json={"text": "x"}).status_code == 429
    assert client.get("/v1/models").status_code == 429
    for route in ("/health", "/health/ready", "/health/deep", "/metrics", "/nowhere"):
        answer = client.get(route)
        assert answer.status_code in (200, 404)
        assert "RateLimit" not in answer.headers


def test_each_address_has_a_rate_of_its_own(make_client, chat):
    client = make_client(RATE_LIMIT="1/hour")
    for address in ("192.0.2.1", "192.0.2.2"):
        here = {"REMOTE_ADDR": address}
        calls = [client.post("/v1/text/generate", json=HI, environ_base=here).status_code for _ in range(2)]
        assert calls == [200, 429]


def test_a_keys_own_rate_wins(limited, chat):
    call = limited("rate_limit=3/hour", RATE_LIMIT="1/hour")
    assert [call().status_code for _ in range(4)] == [200, 200, 200, 429]


def test_wrong_keys_are_limited_by_address_and_right_ones_are_not(make_client, chat):
    key, line = made("team")
    client = make_client({**OPENAI, "API_KEYS": line}, RATE_LIMIT="2/hour")

    def call(shown):
        return client.post("/v1/text/generate", json=HI, headers={"X-API-Key": shown})

    wrong = [call("wrong") for _ in range(3)]
    assert [answer.status_code for answer in wrong] == [401, 401, 429]
    assert int(wrong[2].headers["Retry-After"]) > 3000
    assert call(key).status_code == 200
    text = client.get("/metrics").text
    assert 'ai_client_limited_total{client="anonymous",limit="failed_keys",service="ai-huggingface"} 1.0' in text


MINUTE, DAY = 60, 24 * 3600


@pytest.mark.parametrize(
    ("limit", "start", "seconds", "renewed"),
    [
        ("tokens_per_minute", datetime(2026, 12, 31, 23, 59, 30, tzinfo=UTC), 30, "2027-01-01T00:00:00+00:00"),
        ("tokens_per_minute", datetime(2026, 11, 5, 10, 7, 0, tzinfo=UTC), MINUTE, "2026-11-05T10:08:00+00:00"),
        ("tokens_per_day", datetime(2026, 2, 28, tzinfo=UTC), DAY, "2026-03-01T00:00:00+00:00"),
        ("tokens_per_month", datetime(2026, 1, 1, tzinfo=UTC), 31 * DAY, "2026-02-01T00:00:00+00:00"),
        ("tokens_per_month", datetime(2028, 2, 29, tzinfo=UTC), DAY, "2028-03-01T00:00:00+00:00"),
        ("tokens_per_month", datetime(2026, 12, 31, tzinfo=UTC), DAY, "2027-01-01T00:00:00+00:00"),
    ],
)
def test_tokens_over_a_budget_are_refused_until_it_is_renewed(limited, chat, clock, limit, start, seconds, renewed):
    clock[0] = start
    call = limited(f"{limit}=10")
    assert call(max_tokens=8).status_code == 200
    answer = call(max_tokens=8)
    error = refused(answer, limit)
    assert error["details"] == {"limit": limit, "allowed": 10, "needed": 10, "renewed_at": renewed}
    assert int(answer.headers["Retry-After"]) == seconds
    assert f"it is renewed at {renewed}" in error["message"]
    clock[0] += timedelta(seconds=seconds)
    assert call(max_tokens=8).status_code == 200


def test_what_was_reserved_is_corrected_to_what_was_used(limited, clock, chat):
    call = limited("tokens_per_day=1000")
    assert call(max_tokens=998).status_code == 200
    refused(call(max_tokens=989), "tokens_per_day")  # 10 were used
    assert call(max_tokens=988).status_code == 200
    assert chat.call_count == 2


def test_a_refused_request_uses_nothing_of_any_budget(limited, chat, clock):
    call = limited("tokens_per_day=10", "tokens_per_month=1000")
    refused(call(max_tokens=500), "tokens_per_day")
    refused(call(max_tokens=9), "tokens_per_day")
    assert call(max_tokens=8).status_code == 200


def test_a_request_that_alone_is_over_the_budget_is_told_so(limited, clock):
    error = refused(limited("tokens_per_day=10")(max_tokens=500), "tokens_per_day")
    assert "this request alone may need more" in error["message"]


def test_failures_and_answers_from_the_cache_cost_nothing(make_client, upstream, clock):
    client = make_client(TOKENS_PER_DAY="20")
    upstream.post(CHAT, status=500)
    assert client.post("/v1/text/generate", json={**HI, "max_tokens": 8, "temperature": 0}).status_code == 502
    upstream.replace("POST", CHAT, json=chat_answer("Hi."))
    for _ in range(5):
        assert client.post("/v1/text/generate", json={**HI, "max_tokens": 8, "temperature": 0}).status_code == 200
    assert client.post("/v1/text/generate", json={**HI, "max_tokens": 8}).status_code == 200
    assert client.post("/v1/text/generate", json={**HI, "max_tokens": 8}).status_code == 429


def test_an_answer_without_counts_costs_what_was_reserved(make_client, upstream, clock):
    client = make_client(TOKENS_PER_DAY="3")
    upstream.post(EMBEDDINGS, json={"data": [{"index": 0, "embedding": [0.5]}], "model": "x"})
    assert client.post("/v1/embeddings", json={"input": "Hi."}).status_code == 200
    assert client.post("/v1/embeddings", json={"input": "Hi."}).status_code == 429


@pytest.mark.parametrize(
    ("route", "body", "needed"),
    [
        ("/v1/text/generate", {"prompt": "Hi."}, 102),
        ("/v1/text/summarize", {"text": "Hi. Ho.", "max_length": 40}, 44),
        ("/v1/text/sentiment", {"text": "Hi."}, 2),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "Hi."}], "max_tokens": 5, "n": 3}, 17),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "Hi."}], "max_completion_tokens": 6}, 8),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "Hi."}], "n": "many"}, 102),
        ("/v1/completions", {"prompt": [1, 2, 3], "max_tokens": 5}, 8),
        ("/v1/completions", {"prompt": [[1, 2], [3]], "max_tokens": 5}, 8),
        ("/v1/embeddings", {"input": ["Hi.", "Ho."]}, 4),
    ],
)
def test_what_is_reserved_is_the_text_and_the_longest_answer(make_client, route, body, needed):
    answer = make_client(TOKENS_PER_DAY="1").post(route, json=body)
    told = answer.get_json()
    message = told["error"]["message"] if "error" in told else str(told["details"])
    assert answer.status_code == 429
    assert f"'needed': {needed}" in message or f"needed: {needed};" in message


def test_streams_at_once_are_limited_and_a_place_is_free_when_one_ends(limited, upstream):
    upstream.post(CHAT, body=stream([EVENT]), content_type="text/event-stream")
    call = limited("concurrent_streams=1")
    first = call(stream=True)
    refused(call(stream=True), "concurrent_streams")
    assert b"[DONE]" in first.data
    first.close()
    assert call(stream=True).status_code == 200


def test_a_stream_that_fails_to_begin_or_is_over_a_budget_leaves_no_place_taken(limited, upstream):
    call = limited("concurrent_streams=1", "tokens_per_minute=50")
    upstream.post(CHAT, status=500)
    for _ in range(2):
        assert call(stream=True, max_tokens=8).status_code == 502
        refused(call(stream=True, max_tokens=80), "tokens_per_minute")


def test_a_streams_tokens_are_counted_when_it_ends(limited, upstream, clock):
    upstream.post(CHAT, body=stream([EVENT]), content_type="text/event-stream")
    call = limited("tokens_per_day=30")
    with call(stream=True, max_tokens=28) as answer:
        assert b"[DONE]" in answer.data
    assert call(stream=True, max_tokens=21).status_code == 429  # 8 were used
    assert call(stream=True, max_tokens=20).status_code == 200


def test_requests_and_tokens_are_counted_by_client(make_client, chat):
    key, line = made("team")
    client = make_client({**OPENAI, "API_KEYS": line})
    for body in (HI, {**HI, "max_tokens": 0}):
        client.post("/v1/text/generate", json=body, headers={"X-API-Key": key})
    client.post("/v1/text/generate", json=HI)
    text = client.get("/metrics").text
    assert 'ai_client_requests_total{client="team",service="ai-huggingface"} 2.0' in text
    assert 'ai_client_requests_total{client="anonymous",service="ai-huggingface"} 1.0' in text
    assert 'ai_client_tokens_total{client="team",service="ai-huggingface"} 10.0' in text


def test_rate_limit_none_allows_any_number_of_requests_without_headers(make_client, chat):
    client = make_client(RATE_LIMIT="none")
    responses = [client.post("/v1/text/generate", json=HI) for _ in range(70)]
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
        client.post("/v1/text/generate", json=HI, headers={"X-API-Key": "wrong"}).status_code for _ in range(61)
    ]
    assert statuses == [401] * 60 + [429]
