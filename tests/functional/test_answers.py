"""What is answered without asking upstream, and how callers are told."""

import gc

import pytest
import responses
from support.lines import request_lines
from support.upstreams import CHAT, HUB, HUGGINGFACE, chat_answer, told

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
def test_a_deterministic_answer_is_kept(client, chat, route, body):
    first, second = (client.post(route, json=body) for _ in range(2))
    assert (told(first), told(second)) == (("miss", "1"), ("hit", "0"))
    assert chat.call_count == 1
    assert first.json.get("usage") == second.json.get("usage")


def test_one_that_is_not_deterministic_is_asked_for_each_time(client, chat):
    answers = [client.post(GENERATE, json={"prompt": "x"}) for _ in range(2)]
    assert [told(answer) for answer in answers] == [("bypass", "1")] * 2


@pytest.mark.parametrize(
    "other",
    [
        {"prompt": "y", "temperature": 0},
        {"prompt": "x", "temperature": 0, "max_tokens": 7},
        {"prompt": "x", "temperature": 0, "model": "org/other"},
    ],
)
def test_what_is_sent_upstream_is_what_counts(client, chat, other):
    client.post(GENERATE, json={"prompt": "x", "temperature": 0})
    assert told(client.post(GENERATE, json=other)) == ("miss", "1")


def test_an_alias_and_the_model_it_stands_for_share_an_answer(client, chat):
    for model in ("gpt2", "org/small", None):
        body = {"text": "x", **({"model": model} if model else {})}
        answer = client.post(SENTIMENT, json=body)
    assert told(answer) == ("hit", "0")
    assert chat.call_count == 1


def test_errors_are_not_kept(client, upstream):
    upstream.post(CHAT, status=500)
    upstream.post(CHAT, json=chat_answer("positive"))
    assert client.post(SENTIMENT, json={"text": "x"}).status_code == 502
    assert told(client.post(SENTIMENT, json={"text": "x"})) == ("miss", "1")


def test_no_cache_asks_again_and_keeps_the_new_answer(client, chat):
    for headers, outcome in ((None, "miss"), ({"Cache-Control": "no-cache"}, "bypass"), (None, "hit")):
        assert client.post(SENTIMENT, json={"text": "x"}, headers=headers).headers["X-AI-Cache"] == outcome
    assert chat.call_count == 2


def test_no_store_neither_takes_a_kept_answer_nor_keeps_one(client, chat):
    headers = {"Cache-Control": "no-store"}
    assert told(client.post(SENTIMENT, json={"text": "x"}, headers=headers)) == ("bypass", "1")
    assert told(client.post(SENTIMENT, json={"text": "x"})) == ("miss", "1")
    assert told(client.post(SENTIMENT, json={"text": "x"}, headers=headers)) == ("bypass", "1")


def test_a_cache_time_of_zero_turns_it_off(make_client, chat):
    client = make_client(CACHE_TTL="0s")
    assert [told(client.post(SENTIMENT, json={"text": "x"})) for _ in range(2)] == [("miss", "1")] * 2


def test_a_kept_answer_is_given_while_the_upstream_is_out(make_client, upstream):
    client = make_client(BREAKER_FAILURES="1")
    upstream.post(CHAT, json=chat_answer("positive"))
    upstream.post(CHAT, status=500)
    client.post(SENTIMENT, json={"text": "x"})
    assert client.post(SENTIMENT, json={"text": "y"}).status_code == 502
    assert client.post(SENTIMENT, json={"text": "y"}).json["type"] == "circuit_open"
    assert told(client.post(SENTIMENT, json={"text": "x"})) == ("hit", "0")


def test_the_answer_of_a_fallback_is_not_kept_for_the_model_that_was_asked(make_client, upstream):
    client = make_client(FALLBACK_MODELS="openai:org/second")
    upstream.post(CHAT, status=500)
    upstream.post(CHAT, json=chat_answer("positive"))
    upstream.post(CHAT, json=chat_answer("negative"))
    first, second = (client.post(SENTIMENT, json={"text": "x"}) for _ in range(2))
    assert (first.json["sentiment"], first.headers["X-AI-Fallback"]) == ("positive", "true")
    assert (second.json["sentiment"], second.headers["X-AI-Fallback"]) == ("negative", "false")


def test_a_validated_model_is_kept_and_an_unknown_one_is_asked_for_again(client, upstream):
    listing = upstream.get(MODELS, json={"data": [{"id": "org/small"}]})
    asked = [
        ("org/small", True, "miss"),
        ("org/small", True, "hit"),
        ("org/new", False, "miss"),
        ("org/new", False, "miss"),
    ]
    for model, valid, outcome in asked:
        answer = client.get(f"/v1/models/validate?model={model}")
        assert (answer.json["valid"], answer.headers["X-AI-Cache"]) == (valid, outcome)
    assert listing.call_count == 3


def test_what_the_hub_said_of_a_model_is_kept(make_client, upstream):
    upstream.get(
        HUB + "org/model",
        json={
            "id": "org/model",
            "pipeline_tag": "text-generation",
            "inferenceProviderMapping": {"groq": {"status": "live", "providerId": "x", "task": "conversational"}},
        },
    )
    client = make_client(HUGGINGFACE)
    answers = [client.get("/v1/models/validate?model=org/model") for _ in range(2)]
    assert [answer.json["valid"] for answer in answers] == [True, True]
    assert told(answers[1]) == ("hit", "0")


HTML = b'{"content-type": "text/html"}\n<html>'
RUBBISH = [b"", b"no line end", b"\xff\n{}", b"[1]\n{}", b'{"content-type": 1}\n{}', HTML, b"{}\n[1]"]


@pytest.mark.parametrize("rubbish", RUBBISH)
def test_rubbish_in_redis_is_asked_for_again(make_client, chat, redis, rubbish):
    client = make_client(REDIS_URL=redis.url)
    client.post(SENTIMENT, json={"text": "x"})
    [key] = redis.kept()
    redis.put(key, rubbish)
    other = make_client(REDIS_URL=redis.url)
    assert told(other.post(SENTIMENT, json={"text": "x"})) == ("miss", "1")


def test_an_answer_that_another_process_kept_is_a_hit(make_client, chat, redis):
    for outcome in ("miss", "hit"):
        answer = make_client(REDIS_URL=redis.url).post(SENTIMENT, json={"text": "x"})
        assert answer.headers["X-AI-Cache"] == outcome


def test_the_outcome_is_in_the_log_line(client, chat, caplog):
    caplog.set_level("INFO", "app.access")
    for _ in range(2):
        client.post(SENTIMENT, json={"text": "x"})
    assert [line.cache for line in request_lines(caplog)] == ["miss", "hit"]


@pytest.mark.parametrize("healthy", [True, False])
def test_redis_is_a_dependency_that_degrades_but_does_not_stop_the_service(make_client, upstream, redis, healthy):
    upstream.get(MODELS, json={"data": []})
    url = redis.url if healthy else "redis://127.0.0.1:1/0"
    answer = make_client(REDIS_URL=url).get("/health/deep")
    status = "healthy" if healthy else "unhealthy"
    assert (answer.status_code, answer.json["checks"]["redis"]["status"]) == (200, status)
    assert answer.json["status"] == ("healthy" if healthy else "degraded")


def test_hedging_sends_nothing_twice_that_is_quick(make_client, chat):
    client = make_client(HEDGE_AFTER="10s", CACHE_TTL="0s")
    for _ in range(25):
        assert told(client.post(SENTIMENT, json={"text": "x"})) == ("miss", "1")


def test_an_upstreams_redirect_is_not_kept(make_client, upstream):
    found = upstream.add(responses.GET, HUB + "old", status=307, headers={"Location": "/api/models/org/new"})
    upstream.get(HUB + "org/new", json={"id": "org/new", "inferenceProviderMapping": {}})
    upstream.get("https://router.huggingface.co/v1/models", json={"data": []})
    client = make_client(HUGGINGFACE)
    for _ in range(2):
        client.get("/v1/models/validate?model=old")
    assert found.call_count == 2


@pytest.mark.parametrize(
    "variables", [{}, {"FALLBACK_MODELS": "openai:org/second"}, {"HEDGE_AFTER": "10s"}, {"BREAKER_FAILURES": "1"}]
)
@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "k"}])
def test_an_error_leaves_nothing_to_the_garbage_collector(make_client, upstream, variables, headers):
    upstream.post(CHAT, status=500)
    client = make_client(**variables)
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        for _ in range(2):
            assert client.post(SENTIMENT, json={"text": "x"}, headers=headers).status_code in (502, 503)
        gc.collect()
        assert not [kept for kept in gc.garbage if issubclass(type(kept), ServiceError)]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


def test_an_answer_that_its_operation_could_not_use_is_not_kept(client, upstream):
    upstream.post(CHAT, json=chat_answer("I cannot say."))
    upstream.post(CHAT, json=chat_answer("I cannot say."))
    upstream.post(CHAT, json=chat_answer("positive"))
    assert client.post(SENTIMENT, json={"text": "x"}).status_code == 502
    assert told(client.post(SENTIMENT, json={"text": "x"})) == ("miss", "1")


def test_the_counts_of_a_kept_answer_are_the_ones_that_came_with_it(make_client, upstream):
    counts = {"x-prompt-tokens": "77", "x-generated-tokens": "9"}
    upstream.post(CHAT, json={"generated_text": "Hi."}, headers=counts)
    client = make_client()
    usages = [client.post(GENERATE, json={"prompt": "x", "temperature": 0}).json["usage"] for _ in range(2)]
    assert usages == [{"prompt_tokens": 77, "completion_tokens": 9, "total_tokens": 86}] * 2


@pytest.mark.parametrize("directive", ["NO-CACHE", "max-age=0, No-Cache", 'no-cache="x"'])
def test_directives_are_read_in_any_case_and_company(client, chat, directive):
    for headers in (None, {"Cache-Control": directive}):
        answer = client.post(SENTIMENT, json={"text": "x"}, headers=headers)
    assert answer.headers["X-AI-Cache"] == "bypass"


def test_a_failed_call_tells_that_it_was_looked_up(client, upstream):
    upstream.post(CHAT, status=500)
    assert told(client.post(SENTIMENT, json={"text": "x"})) == ("miss", "1")
