"""The charge of a request: the tokens of all its own upstream calls, in budgets, metrics and the log."""

import json
import logging

import pytest
from support.keys import made
from support.lines import request_lines
from support.metrics import total
from support.upstreams import CHAT, HUGGINGFACE, OPENAI, PIPELINE, ROUTER_CHAT, chat_response, sent, stream

GENERATE = "/v1/text/generate"
SENTIMENT = "/v1/text/sentiment"
CHAT_COMPLETIONS = "/v1/chat/completions"
COMPLETIONS = "http://llm.test:8000/v1/completions"
EMBEDDINGS = "http://llm.test:8000/v1/embeddings"
PROMPT = {"prompt": "Hi.", "max_tokens": 8}
MESSAGES = {"messages": [{"role": "user", "content": "Hi."}]}
NAMELESS = chat_response("I cannot say.")
EVENT_STREAM = "text/event-stream"


def charged(client):
    """Return the tokens that all clients were charged."""
    return total(client, "ai_client_tokens_total")


def with_usage(**usage):
    return {**chat_response("Hi."), "usage": usage}


USAGES = {
    "sum": ({"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}, 10),
    "reasoning in the total only": ({"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 50}, 50),
    "integers as floats": ({"prompt_tokens": 7.0, "completion_tokens": 3.0, "total_tokens": 50.0}, 50),
    "total below the sum": ({"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 1}, 10),
    "invalid total": ({"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": -5}, 10),
    "reasoning beside the completion": (
        {"prompt_tokens": 7, "completion_tokens": 3, "completion_tokens_details": {"reasoning_tokens": 40}},
        50,
    ),
    "reasoning in the completion": (
        {"prompt_tokens": 7, "completion_tokens": 43, "completion_tokens_details": {"reasoning_tokens": 40}},
        50,
    ),
    "total without a completion": ({"prompt_tokens": 7, "total_tokens": 50}, 50),
    "total without a prompt": ({"completion_tokens": 3, "total_tokens": 50}, 50),
    "total only": ({"total_tokens": 50}, 50),
    "cached part of the prompt": (
        {"prompt_tokens": 90, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 80}},
        93,
    ),
    "cached part twice in the total": (
        {
            "prompt_tokens": 90,
            "completion_tokens": 3,
            "total_tokens": 173,
            "prompt_tokens_details": {"cached_tokens": 80},
        },
        93,
    ),
    "cached part beside the prompt": (
        {"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 93, "cache_read_input_tokens": 80},
        93,
    ),
    "cached part beside a complete prompt": (
        {"prompt_tokens": 90, "completion_tokens": 3, "total_tokens": 93, "cache_read_input_tokens": 80},
        93,
    ),
    "Anthropic's names": (
        {"input_tokens": 10, "cache_read_input_tokens": 80, "cache_creation_input_tokens": 5, "output_tokens": 3},
        98,
    ),
    "details of another type": (
        {"prompt_tokens": 7, "completion_tokens": 3, "prompt_tokens_details": None, "completion_tokens_details": 4},
        10,
    ),
}


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(("usage", "tokens"), USAGES.values(), ids=USAGES)
def test_the_upstreams_own_total_is_charged_counted_and_logged(make_client, upstream, caplog, usage, tokens, streamed):
    caplog.set_level(logging.INFO)
    client = make_client(TOKENS_PER_DAY="1000")
    if streamed:
        event = {"choices": [{"index": 0, "delta": {"content": "Hi."}, "finish_reason": "stop"}], "usage": usage}
        upstream.post(CHAT, body=stream([event]), content_type=EVENT_STREAM)
    else:
        upstream.post(CHAT, json=with_usage(**usage))
    with client.post(CHAT_COMPLETIONS, json={**MESSAGES, "max_tokens": 8, "stream": streamed}) as response:
        assert response.data
    assert charged(client) == tokens
    assert total(client, "ai_tokens_total") == tokens
    line = request_lines(caplog)[0]
    assert line.prompt_tokens + line.completion_tokens == tokens
    assert client.post(GENERATE, json={**PROMPT, "max_tokens": 1000 - tokens - 1}).status_code == 429


def test_a_text_route_returns_the_upstreams_total(client, upstream):
    upstream.post(CHAT, json=with_usage(prompt_tokens=7, completion_tokens=3, total_tokens=50))
    usage = client.post(GENERATE, json=PROMPT).json["usage"]
    assert usage == {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 50}


@pytest.mark.parametrize(
    ("usage", "tokens"), [({"prompt_tokens": 4, "total_tokens": 9}, 9), ({"total_tokens": 9}, 9), ({}, 2)]
)
def test_embeddings_are_charged_by_their_total(client, upstream, usage, tokens):
    upstream.post(EMBEDDINGS, json={"data": [{"index": 0, "embedding": [0.5]}], "model": "x", "usage": usage})
    assert client.post("/v1/embeddings", json={"input": "Hi."}).status_code == 200
    assert charged(client) == tokens


def test_a_sentiment_that_is_asked_twice_is_charged_twice(client, upstream):
    upstream.post(CHAT, json=NAMELESS)
    upstream.post(CHAT, json=chat_response("positive"))
    assert client.post(SENTIMENT, json={"text": "x"}).status_code == 200
    assert charged(client) == total(client, "ai_tokens_total") == 20


def test_a_failed_operation_is_charged_for_the_calls_that_were_answered(client, upstream):
    upstream.post(CHAT, json=NAMELESS)
    assert client.post(SENTIMENT, json={"text": "x"}).status_code == 502
    assert charged(client) == total(client, "ai_tokens_total") == 20


def test_a_fallback_is_charged_with_the_calls_before_it(make_client, upstream):
    client = make_client(FALLBACK_MODELS="openai:org/second", BREAKER_FAILURES="100")
    for answer in (NAMELESS, NAMELESS, chat_response("positive")):
        upstream.post(CHAT, json=answer)
    response = client.post(SENTIMENT, json={"text": "x"})
    assert (response.status_code, response.headers["X-AI-Fallback"]) == (200, "true")
    assert charged(client) == 30


def test_a_missing_route_adds_nothing_to_the_call_that_replaces_it(client, upstream):
    upstream.post(COMPLETIONS, status=404)
    upstream.post(CHAT, json=chat_response("Hi."))
    assert client.post("/v1/text/complete", json=PROMPT).status_code == 200
    assert charged(client) == 10


def test_a_pipeline_is_charged_by_an_estimate_and_its_chat_model_by_its_counts(make_client, upstream):
    model = "cardiffnlp/twitter-roberta-base-sentiment-latest"
    upstream.post(PIPELINE + model, json=[[{"label": "positive", "score": 0.9}]])
    upstream.post(PIPELINE + model, status=404)
    upstream.post(ROUTER_CHAT, json=chat_response("positive"))
    client = make_client(HUGGINGFACE, CACHE_TTL="0s", HUGGINGFACE_DEFAULT_MODEL="org/chat")
    assert client.post(SENTIMENT, json={"text": "Hi."}).status_code == 200
    assert charged(client) == 2
    assert client.post(SENTIMENT, json={"text": "Hi."}).status_code == 200
    assert charged(client) == 2 + 10


def test_a_repeated_idempotency_key_pays_and_reserves_nothing(make_client, chat):
    client = make_client(TOKENS_PER_DAY="12")
    for _ in range(3):
        response = client.post(GENERATE, json=PROMPT, headers={"Idempotency-Key": "k"})
        assert response.status_code == 200
    assert charged(client) == 10
    assert client.post(GENERATE, json=PROMPT).status_code == 429
    assert chat.call_count == 1


def test_a_cached_response_costs_nothing_and_logs_no_tokens(make_client, chat, caplog):
    caplog.set_level(logging.INFO)
    client = make_client(TOKENS_PER_DAY="1000")
    for _ in range(3):
        assert client.post(GENERATE, json={**PROMPT, "temperature": 0}).status_code == 200
    assert charged(client) == 10
    assert [line.prompt_tokens for line in request_lines(caplog)[:3]] == [7, None, None]


def test_a_stream_that_breaks_costs_its_prompt_and_the_text_until_then(client, upstream):
    event = {"choices": [{"index": 0, "delta": {"content": "12345678"}, "finish_reason": None}]}
    upstream.post(CHAT, body=f"data: {json.dumps(event)}\n\n", content_type=EVENT_STREAM)
    with client.post(CHAT_COMPLETIONS, json={**MESSAGES, "stream": True, "max_tokens": 500}) as response:
        assert b"upstream_invalid_response" in response.data
    assert charged(client) == 2 + 8


def test_a_stream_that_its_client_leaves_costs_its_prompt_and_the_text_until_then(client, upstream):
    event = {"choices": [{"index": 0, "delta": {"content": "12345678"}, "finish_reason": None}]}
    upstream.post(CHAT, body=stream([event] * 3), content_type=EVENT_STREAM)
    response = client.post(CHAT_COMPLETIONS, json={**MESSAGES, "stream": True, "max_tokens": 500}, buffered=False)
    next(response.iter_encoded())
    response.close()
    assert 2 + 8 <= charged(client) <= 2 + 24


def test_requests_of_openai_routes_are_sent_with_the_reserved_limit(make_client, upstream):
    upstream.post(CHAT, json=chat_response("Hi."))
    client = make_client(TOKENS_PER_DAY="100000", HUGGINGFACE_MAX_TOKENS="70")
    given = {
        (): {"max_tokens": 70},
        (("max_tokens", 5),): {"max_tokens": 5},
        (("max_completion_tokens", 6),): {"max_completion_tokens": 6},
        (("max_completion_tokens", 1), ("max_tokens", 1000)): {"max_completion_tokens": 1, "max_tokens": 1},
        (("n_predict", -1), ("max_new_tokens", 900)): {"max_tokens": 70, "n_predict": 70, "max_new_tokens": 70},
        (("max_length", -(10**9)),): {"max_tokens": 70, "max_length": -(10**9)},
    }
    for fields, limits in given.items():
        assert client.post(CHAT_COMPLETIONS, json={**MESSAGES, **dict(fields)}).status_code == 200
        body = sent(upstream)
        assert {name: body[name] for name in body if name.startswith(("max_", "n_"))} == limits


def test_without_a_token_limit_a_request_is_sent_as_it_is(client, upstream):
    upstream.post(CHAT, json=chat_response("Hi."))
    client.post(CHAT_COMPLETIONS, json={**MESSAGES, "n_predict": -1})
    assert sent(upstream) == {"model": "org/small", **MESSAGES, "n_predict": -1}


def test_a_key_with_a_token_limit_is_limited_and_another_key_is_not(make_client, upstream):
    upstream.post(CHAT, json=chat_response("Hi."))
    (limited, line), (free, other) = made("limited", "tokens_per_day=1000"), made("free")
    client = make_client({**OPENAI, "API_KEYS": f"{line},{other}"})
    for key, expected in ((limited, True), (free, False)):
        client.post(CHAT_COMPLETIONS, json=MESSAGES, headers={"X-API-Key": key})
        assert ("max_tokens" in sent(upstream)) is expected


@pytest.mark.parametrize(
    ("route", "body", "needed"),
    [
        (CHAT_COMPLETIONS, {**MESSAGES, "max_length": -1_000_000_000}, 102),
        (CHAT_COMPLETIONS, {**MESSAGES, "max_completion_tokens": 1, "max_tokens": 1_000_000}, 3),
        (CHAT_COMPLETIONS, {**MESSAGES, "max_tokens": 5, "prompt": 7, "input": {}}, 7),
        (CHAT_COMPLETIONS, {**MESSAGES, "max_tokens": 5, "best_of": "3"}, 17),
        (CHAT_COMPLETIONS, {**MESSAGES, "max_tokens": 5, "best_of": 3.0}, 17),
        (CHAT_COMPLETIONS, {**MESSAGES, "max_tokens": 5, "best_of": -3}, 7),
        (CHAT_COMPLETIONS, {**MESSAGES, "max_tokens": 5, "best_of": [1]}, 7),
        (CHAT_COMPLETIONS, {**MESSAGES, "max_tokens": 5, "best_of": "Infinity"}, 7),
        (CHAT_COMPLETIONS, {**MESSAGES, "max_tokens": 5, "best_of": 1e308}, 10**15),
        ("/v1/completions", {"prompt": "Hi.", "messages": 5, "max_tokens": 5}, 7),
        ("/v1/completions", {"prompt": "Hi.", "max_length": "abc", "max_tokens": 5}, 7),
        ("/v1/completions", {"prompt": "Hi.", "max_tokens": 5, "n": 2, "best_of": 4}, 22),
        ("/v1/completions", {"prompt": ["Hi.", "Ho."], "max_tokens": 5, "n": 2}, 24),
        ("/v1/embeddings", {"input": ["Hi.", "Ho."], "prompt": "", "max_length": 1}, 4),
        ("/v1/embeddings", {"input": "Hi. Ho.", "max_length": 0.5, "messages": 5}, 4),
        ("/v1/embeddings", {"input": "Hi. Ho.", "max_length": "auto", "n": 50}, 4),
    ],
)
def test_only_fields_of_the_route_are_reserved(make_client, route, body, needed):
    response = make_client(TOKENS_PER_DAY="1").post(route, json=body)
    error = response.get_json()["error"]
    assert response.status_code == 429
    assert f"may need {needed} tokens" in error["message"]


def test_token_limits_are_enforced_in_a_redis_cluster(make_client, chat, redis_cluster):
    client = make_client(REDIS_URL=redis_cluster.url, TOKENS_PER_MINUTE="100", TOKENS_PER_DAY="15")
    assert [client.post(GENERATE, json=PROMPT).status_code for _ in range(3)] == [200, 429, 429]
