"""Idempotency keys: the same again is answered as it was."""

import pytest
from support.upstreams import CHAT, cache_and_attempts, chat_answer

from app.errors import IdempotencyKeyReused

GENERATE = "/v1/text/generate"
SENTIMENT = "/v1/text/sentiment"


def keyed(client, key="k-1", route=GENERATE, headers=None, **body):
    return client.post(route, json=body or {"prompt": "x"}, headers={"Idempotency-Key": key, **(headers or {})})


def test_the_same_key_and_body_get_the_stored_answer(client, chat):
    first, second = keyed(client), keyed(client)
    assert first.json == second.json
    assert (cache_and_attempts(first), cache_and_attempts(second)) == (("bypass", "1"), ("hit", "0"))
    for name in ("X-AI-Backend", "X-AI-Model", "X-AI-Fallback"):
        assert first.headers[name] == second.headers[name]
    assert chat.call_count == 1


def test_the_order_of_fields_does_not_make_another_body(client, chat):
    keyed(client, prompt="x", temperature=1)
    assert keyed(client, temperature=1, prompt="x").headers["X-AI-Cache"] == "hit"


def test_the_same_key_with_another_body_is_refused(client, chat):
    keyed(client, prompt="x")
    answer = keyed(client, prompt="y")
    assert (answer.status_code, answer.json["type"]) == (422, IdempotencyKeyReused.type)
    assert chat.call_count == 1


def test_a_key_belongs_to_one_operation(client, chat):
    keyed(client, text="x", route=SENTIMENT)
    assert keyed(client, text="x", route="/v1/text/summarize").status_code == 200


def test_errors_are_no_stored_answers(client, upstream):
    upstream.post(CHAT, status=500)
    upstream.post(CHAT, json=chat_answer("Hi."))
    assert [keyed(client).status_code for _ in range(2)] == [502, 200]


def test_no_store_keeps_no_answer_for_a_key(client, chat):
    for _ in range(2):
        assert keyed(client, headers={"Cache-Control": "no-store"}).headers["X-AI-Cache"] == "bypass"
    assert chat.call_count == 2


@pytest.mark.parametrize("key", ["", "with space", "\xe9", "x" * 256])
def test_a_key_that_is_none_is_named(client, key):
    answer = keyed(client, key)
    assert (answer.status_code, list(answer.json["details"])) == (400, ["Idempotency-Key"])


@pytest.mark.parametrize("rubbish", [b"no json", b"[]", b'{"other": 1}'])
def test_rubbish_in_redis_is_no_stored_answer(make_client, chat, redis, rubbish):
    keyed(make_client(REDIS_URL=redis.url))
    [key] = redis.cached_keys()
    redis.set(key, rubbish)
    assert cache_and_attempts(keyed(make_client(REDIS_URL=redis.url))) == ("bypass", "1")


def test_a_key_is_known_to_all_processes_that_share_a_redis(make_client, chat, redis):
    first, second = (keyed(make_client(REDIS_URL=redis.url)) for _ in range(2))
    assert first.json == second.json


def test_a_stored_answer_tells_of_its_fallback(make_client, upstream):
    upstream.post(CHAT, status=500)
    upstream.post(CHAT, json=chat_answer("Hi."))
    client = make_client(FALLBACK_MODELS="openai:org/second")
    assert [keyed(client).headers["X-AI-Fallback"] for _ in range(2)] == ["true"] * 2
