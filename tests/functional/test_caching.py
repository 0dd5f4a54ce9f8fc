"""Responses from the cache, and the headers and log fields that name their cache status."""

import gc

import pytest
import responses
from support.keys import made
from support.lines import request_lines
from support.upstreams import CHAT, HUB, HUGGINGFACE, cache_and_attempts, chat_response

from app.errors import ServiceError

GENERATE = "/v1/text/generate"
SENTIMENT = "/v1/text/sentiment"
MODELS = "http://llm.test:8000/v1/models"


@pytest.mark.parametrize(
    ("route", "body"),
    [
        (SENTIMENT, {"text": "x"}),
        ("/v1/text/summarize", {"text": "x"}),
        (GENERATE, {"prompt": "x", "temperature": 0}),
        (GENERATE, {"prompt": "x", "seed": 7}),
    ],
)
def test_a_deterministic_response_is_cached(client, chat, route, body):
    first, second = (client.post(route, json=body) for _ in range(2))
    assert (cache_and_attempts(first), cache_and_attempts(second)) == (("miss", "1"), ("hit", "0"))
    assert chat.call_count == 1
    assert first.json.get("usage") == second.json.get("usage")


def test_a_response_that_is_not_deterministic_is_not_cached(client, chat):
    found = [client.post(GENERATE, json={"prompt": "x"}) for _ in range(2)]
    assert [cache_and_attempts(response) for response in found] == [("bypass", "1")] * 2


@pytest.mark.parametrize(
    "other",
    [
        {"prompt": "y", "temperature": 0},
        {"prompt": "x", "temperature": 0, "max_tokens": 7},
        {"prompt": "x", "temperature": 0, "model": "org/other"},
    ],
)
def test_requests_that_differ_upstream_do_not_share_a_response(client, chat, other):
    client.post(GENERATE, json={"prompt": "x", "temperature": 0})
    assert cache_and_attempts(client.post(GENERATE, json=other)) == ("miss", "1")


def test_an_alias_and_its_model_share_a_response(client, chat):
    for model in ("gpt2", "org/small", None):
        body = {"text": "x", **({"model": model} if model else {})}
        response = client.post(SENTIMENT, json=body)
    assert cache_and_attempts(response) == ("hit", "0")
    assert chat.call_count == 1


def rate_as(client, headers=None, address="192.0.2.1"):
    """Return the cache status and the attempts of one sentiment call with these headers, from this address."""
    environ = {"REMOTE_ADDR": address}
    return cache_and_attempts(client.post(SENTIMENT, json={"text": "x"}, headers=headers, environ_base=environ))


@pytest.mark.parametrize(("scope", "found"), [({}, ("miss", "1")), ({"CACHE_SCOPE": "shared"}, ("hit", "0"))])
def test_keys_share_responses_only_where_the_operator_says_so(make_client, chat, scope, found):
    keys = dict(made(name) for name in ("one", "two"))
    client = make_client(API_KEYS=",".join(keys.values()), **scope)
    seen = [rate_as(client, {"X-API-Key": key}) for key in (*keys, *keys)]
    assert seen == [("miss", "1"), found, ("hit", "0"), ("hit", "0")]


@pytest.mark.parametrize(("scope", "found"), [({}, ("miss", "1")), ({"CACHE_SCOPE": "shared"}, ("hit", "0"))])
def test_keys_share_responses_in_redis_only_where_the_operator_says_so(make_client, chat, redis, scope, found):
    keys = dict(made(name) for name in ("one", "two"))
    variables = {"API_KEYS": ",".join(keys.values()), "REDIS_URL": redis.url, **scope}
    seen = [rate_as(make_client(**variables), {"X-API-Key": key}) for key in (*keys, *keys)]
    assert seen == [("miss", "1"), found, ("hit", "0"), ("hit", "0")]


@pytest.mark.parametrize(("scope", "found"), [({}, ("miss", "1")), ({"CACHE_SCOPE": "shared"}, ("hit", "0"))])
def test_addresses_without_keys_are_clients_of_the_cache_too(make_client, chat, scope, found):
    client = make_client(**scope)
    seen = [rate_as(client, address=address) for address in ("192.0.2.1", "192.0.2.2", "192.0.2.1")]
    assert seen == [("miss", "1"), found, ("hit", "0")]


def test_clients_do_not_share_a_list_of_models(make_client, upstream):
    upstream.get(MODELS, json={"data": [{"id": "org/a"}]})
    client = make_client()
    found = [client.get("/v1/models", environ_base={"REMOTE_ADDR": f"192.0.2.{last}"}) for last in (1, 2, 2)]
    assert [response.headers["X-AI-Cache"] for response in found] == ["miss", "miss", "hit"]


def test_errors_are_not_cached(client, upstream):
    upstream.post(CHAT, status=500)
    upstream.post(CHAT, json=chat_response("positive"))
    assert client.post(SENTIMENT, json={"text": "x"}).status_code == 502
    assert cache_and_attempts(client.post(SENTIMENT, json={"text": "x"})) == ("miss", "1")


def test_no_cache_bypasses_the_cache_and_caches_the_new_response(client, chat):
    for headers, status in ((None, "miss"), ({"Cache-Control": "no-cache"}, "bypass"), (None, "hit")):
        assert client.post(SENTIMENT, json={"text": "x"}, headers=headers).headers["X-AI-Cache"] == status
    assert chat.call_count == 2


def test_no_store_neither_reads_nor_writes_the_cache(client, chat):
    headers = {"Cache-Control": "no-store"}
    assert cache_and_attempts(client.post(SENTIMENT, json={"text": "x"}, headers=headers)) == ("bypass", "1")
    assert cache_and_attempts(client.post(SENTIMENT, json={"text": "x"})) == ("miss", "1")
    assert cache_and_attempts(client.post(SENTIMENT, json={"text": "x"}, headers=headers)) == ("bypass", "1")


def test_a_ttl_of_zero_turns_the_cache_off(make_client, chat):
    client = make_client(CACHE_TTL="0s")
    assert [cache_and_attempts(client.post(SENTIMENT, json={"text": "x"})) for _ in range(2)] == [("miss", "1")] * 2


def test_a_cached_response_is_returned_while_the_breaker_is_open(make_client, upstream):
    client = make_client(BREAKER_FAILURES="1")
    upstream.post(CHAT, json=chat_response("positive"))
    upstream.post(CHAT, status=500)
    client.post(SENTIMENT, json={"text": "x"})
    assert client.post(SENTIMENT, json={"text": "y"}).status_code == 502
    assert client.post(SENTIMENT, json={"text": "y"}).json["type"] == "circuit_open"
    assert cache_and_attempts(client.post(SENTIMENT, json={"text": "x"})) == ("hit", "0")


def test_the_response_of_a_fallback_is_not_cached_for_the_requested_model(make_client, upstream):
    client = make_client(FALLBACK_MODELS="openai:org/second")
    upstream.post(CHAT, status=500)
    upstream.post(CHAT, json=chat_response("positive"))
    upstream.post(CHAT, json=chat_response("negative"))
    first, second = (client.post(SENTIMENT, json={"text": "x"}) for _ in range(2))
    assert (first.json["sentiment"], first.headers["X-AI-Fallback"]) == ("positive", "true")
    assert (second.json["sentiment"], second.headers["X-AI-Fallback"]) == ("negative", "false")


def test_a_valid_model_is_cached_and_an_unknown_model_is_not(client, upstream):
    listing = upstream.get(MODELS, json={"data": [{"id": "org/small"}]})
    expected = [
        ("org/small", True, "miss"),
        ("org/small", True, "hit"),
        ("org/new", False, "miss"),
        ("org/new", False, "miss"),
    ]
    for model, valid, status in expected:
        response = client.get(f"/v1/models/validate?model={model}")
        assert (response.json["valid"], response.headers["X-AI-Cache"]) == (valid, status)
    assert listing.call_count == 3


def test_the_hubs_description_of_a_model_is_cached(make_client, upstream):
    upstream.get(
        HUB + "org/model",
        json={
            "id": "org/model",
            "pipeline_tag": "text-generation",
            "inferenceProviderMapping": {"groq": {"status": "live", "providerId": "x", "task": "conversational"}},
        },
    )
    client = make_client(HUGGINGFACE)
    found = [client.get("/v1/models/validate?model=org/model") for _ in range(2)]
    assert [response.json["valid"] for response in found] == [True, True]
    assert cache_and_attempts(found[1]) == ("hit", "0")


HTML = b'{"content-type": "text/html"}\n<html>'
INVALID_VALUES = [b"", b"no line end", b"\xff\n{}", b"[1]\n{}", b'{"content-type": 1}\n{}', HTML, b"{}\n[1]"]


@pytest.mark.parametrize("value", INVALID_VALUES)
def test_an_invalid_value_in_redis_is_a_miss(make_client, chat, redis, value):
    client = make_client(REDIS_URL=redis.url)
    client.post(SENTIMENT, json={"text": "x"})
    [key] = redis.cached_keys()
    redis.set(key, value)
    other = make_client(REDIS_URL=redis.url)
    assert cache_and_attempts(other.post(SENTIMENT, json={"text": "x"})) == ("miss", "1")


def test_a_response_cached_by_another_process_is_a_hit(make_client, chat, redis):
    for status in ("miss", "hit"):
        response = make_client(REDIS_URL=redis.url).post(SENTIMENT, json={"text": "x"})
        assert response.headers["X-AI-Cache"] == status


def test_the_cache_status_is_a_field_of_the_log_line(client, chat, caplog):
    caplog.set_level("INFO", "app.access")
    for _ in range(2):
        client.post(SENTIMENT, json={"text": "x"})
    assert [line.cache for line in request_lines(caplog)] == ["miss", "hit"]


@pytest.mark.parametrize("healthy", [True, False])
def test_without_redis_the_service_is_degraded_and_not_unhealthy(make_client, upstream, redis, healthy):
    upstream.get(MODELS, json={"data": []})
    url = redis.url if healthy else "redis://127.0.0.1:1/0"
    response = make_client(REDIS_URL=url).get("/health/deep")
    status = "healthy" if healthy else "unhealthy"
    assert (response.status_code, response.json["checks"]["redis"]["status"]) == (200, status)
    assert response.json["status"] == ("healthy" if healthy else "degraded")


def test_hedging_does_not_repeat_a_fast_call(make_client, chat):
    client = make_client(HEDGE_AFTER="10s", CACHE_TTL="0s")
    for _ in range(25):
        assert cache_and_attempts(client.post(SENTIMENT, json={"text": "x"})) == ("miss", "1")


def test_a_redirect_of_the_upstream_is_not_cached(make_client, upstream):
    redirect = upstream.add(responses.GET, HUB + "old", status=307, headers={"Location": "/api/models/org/new"})
    upstream.get(HUB + "org/new", json={"id": "org/new", "inferenceProviderMapping": {}})
    upstream.get("https://router.huggingface.co/v1/models", json={"data": []})
    client = make_client(HUGGINGFACE)
    for _ in range(2):
        client.get("/v1/models/validate?model=old")
    assert redirect.call_count == 2


@pytest.mark.parametrize(
    "variables", [{}, {"FALLBACK_MODELS": "openai:org/second"}, {"HEDGE_AFTER": "10s"}, {"BREAKER_FAILURES": "1"}]
)
@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "k"}])
def test_an_error_creates_no_reference_cycle(make_client, upstream, variables, headers):
    upstream.post(CHAT, status=500)
    client = make_client(**variables)
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        for _ in range(2):
            assert client.post(SENTIMENT, json={"text": "x"}, headers=headers).status_code in (502, 503)
        gc.collect()
        assert not [item for item in gc.garbage if issubclass(type(item), ServiceError)]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


def test_a_response_that_its_operation_cannot_use_is_not_cached(client, upstream):
    upstream.post(CHAT, json=chat_response("I cannot say."))
    upstream.post(CHAT, json=chat_response("I cannot say."))
    upstream.post(CHAT, json=chat_response("positive"))
    assert client.post(SENTIMENT, json={"text": "x"}).status_code == 502
    assert cache_and_attempts(client.post(SENTIMENT, json={"text": "x"})) == ("miss", "1")


def test_the_usage_of_a_cached_response_comes_from_its_headers(make_client, upstream):
    usage_headers = {"x-prompt-tokens": "77", "x-generated-tokens": "9"}
    upstream.post(CHAT, json={"generated_text": "Hi."}, headers=usage_headers)
    client = make_client()
    usages = [client.post(GENERATE, json={"prompt": "x", "temperature": 0}).json["usage"] for _ in range(2)]
    assert usages == [{"prompt_tokens": 77, "completion_tokens": 9, "total_tokens": 86}] * 2


@pytest.mark.parametrize("directive", ["NO-CACHE", "max-age=0, No-Cache", 'no-cache="x"'])
def test_cache_directives_are_case_insensitive_and_may_be_combined(client, chat, directive):
    for headers in (None, {"Cache-Control": directive}):
        response = client.post(SENTIMENT, json={"text": "x"}, headers=headers)
    assert response.headers["X-AI-Cache"] == "bypass"


def test_a_failed_call_has_a_cache_status(client, upstream):
    upstream.post(CHAT, status=500)
    assert cache_and_attempts(client.post(SENTIMENT, json={"text": "x"})) == ("miss", "1")
