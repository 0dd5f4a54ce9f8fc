"""Idempotency keys: a repeated request returns the stored response."""

import pytest
from support.upstreams import CHAT, cache_and_attempts, chat_response

from app.errors import IdempotencyKeyReused

GENERATE = "/v1/text/generate"
SENTIMENT = "/v1/text/sentiment"


def keyed(client, key="k-1", route=GENERATE, headers=None, **body):
    return client.post(route, json=body or {"prompt": "x"}, headers={"Idempotency-Key": key, **(headers or {})})


def test_a_repeated_key_and_body_return_the_stored_response(client, chat):
    first, second = keyed(client), keyed(client)
    assert first.json == second.json
    assert (cache_and_attempts(first), cache_and_attempts(second)) == (("bypass", "1"), ("hit", "0"))
    for name in ("X-AI-Backend", "X-AI-Model", "X-AI-Fallback"):
        assert first.headers[name] == second.headers[name]
    assert chat.call_count == 1


def test_bodies_that_differ_in_the_order_of_fields_are_the_same(client, chat):
    keyed(client, prompt="x", temperature=1)
    assert keyed(client, temperature=1, prompt="x").headers["X-AI-Cache"] == "hit"


def test_a_repeated_key_with_another_body_is_a_422(client, chat):
    keyed(client, prompt="x")
    response = keyed(client, prompt="y")
    assert (response.status_code, response.json["type"]) == (422, IdempotencyKeyReused.type)
    assert chat.call_count == 1


def test_a_key_belongs_to_one_operation(client, chat):
    keyed(client, text="x", route=SENTIMENT)
    assert keyed(client, text="x", route="/v1/text/summarize").status_code == 200


def test_a_key_of_one_address_never_answers_another_address(client, chat):
    addresses = ("192.0.2.1", "192.0.2.2", "192.0.2.1")
    found = [
        client.post(GENERATE, json={"prompt": "x"}, headers={"Idempotency-Key": "k"}, environ_base={"REMOTE_ADDR": one})
        for one in addresses
    ]
    assert [response.headers["X-AI-Cache"] for response in found] == ["bypass", "bypass", "hit"]
    other = client.post(
        GENERATE, json={"prompt": "y"}, headers={"Idempotency-Key": "k"}, environ_base={"REMOTE_ADDR": "192.0.2.3"}
    )
    assert other.status_code == 200


def test_errors_are_not_stored(client, upstream):
    upstream.post(CHAT, status=500)
    upstream.post(CHAT, json=chat_response("Hi."))
    assert [keyed(client).status_code for _ in range(2)] == [502, 200]


def test_no_store_stores_no_response(client, chat):
    for _ in range(2):
        assert keyed(client, headers={"Cache-Control": "no-store"}).headers["X-AI-Cache"] == "bypass"
    assert chat.call_count == 2


@pytest.mark.parametrize("key", ["", "with space", "\xe9", "x" * 256])
def test_an_invalid_key_is_an_error(client, key):
    response = keyed(client, key)
    assert (response.status_code, list(response.json["details"])) == (400, ["Idempotency-Key"])


@pytest.mark.parametrize("rubbish", [b"no json", b"[]", b'{"other": 1}'])
def test_invalid_data_in_redis_is_ignored(make_client, chat, redis, rubbish):
    keyed(make_client(REDIS_URL=redis.url))
    [key] = redis.cached_keys()
    redis.set(key, rubbish)
    assert cache_and_attempts(keyed(make_client(REDIS_URL=redis.url))) == ("bypass", "1")


def test_processes_with_the_same_redis_share_keys(make_client, chat, redis):
    first, second = (keyed(make_client(REDIS_URL=redis.url)) for _ in range(2))
    assert first.json == second.json


def test_a_stored_response_reports_its_fallback(make_client, upstream):
    upstream.post(CHAT, status=500)
    upstream.post(CHAT, json=chat_response("Hi."))
    client = make_client(FALLBACK_MODELS="openai:org/second")
    assert [keyed(client).headers["X-AI-Fallback"] for _ in range(2)] == ["true"] * 2
