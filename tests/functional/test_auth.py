"""Client keys: who may call, and who is told no."""

from hashlib import sha256

import pytest
from support.upstreams import CHAT, OPENAI, chat_answer

from app.keys import client_keys, main

ROUTES = ["/v1/text/generate", "/v1/text/sentiment", "/v1/chat/completions", "/v1/embeddings"]


def made(name="team"):
    """A new key, and the line to store."""
    key, line = (line.split()[-1] for line in main(["create", name]).splitlines())
    return key, line


KEY, LINE = made()


@pytest.fixture
def client(make_client):
    return make_client({**OPENAI, "API_KEYS": f"{LINE}, {made('other')[1]}", "REQUIRE_API_KEYS": "true"})


def test_a_key_that_is_known_may_call_and_names_the_client(client, upstream, caplog):
    caplog.set_level("INFO")
    upstream.post(CHAT, json=chat_answer("Hi."))
    for headers in ({"Authorization": f"Bearer {KEY}"}, {"Authorization": f"bearer {KEY}"}, {"X-API-Key": KEY}):
        assert client.post("/v1/text/generate", json={"prompt": "x"}, headers=headers).status_code == 200
    assert {record.client for record in caplog.records if record.name == "app.access"} == {"team"}
    assert KEY not in str([record.__dict__ for record in caplog.records])


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Bearer {KEY}x"},
        {"Authorization": f"Basic {KEY}"},
        {"Authorization": "Bearer"},
        {"X-API-Key": LINE.partition(":")[2]},
        {"X-API-Key": "ü"},
    ],
)
def test_without_a_known_key_nothing_is_done(client, headers):
    for route in ROUTES:
        answer = client.post(route, json={}, headers=headers)
        error = answer.get_json().get("error") or answer.get_json()
        assert (answer.status_code, error["type"]) == (401, "authentication_error")
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert client.get("/v1/models", headers=headers).status_code == 401


def test_health_and_metrics_need_no_key(client, upstream):
    upstream.get("http://llm.test:8000/v1/models", json={"data": []})
    for route in ("/health", "/health/ready", "/health/deep", "/metrics"):
        assert client.get(route).status_code == 200
    assert client.get("/nowhere").status_code == 404


def test_idempotency_keys_of_two_clients_do_not_meet(make_client, upstream):
    keys = dict(made(name) for name in ("one", "two"))
    client = make_client({**OPENAI, "API_KEYS": ",".join(keys.values())})
    upstream.post(CHAT, json=chat_answer("Hi."))
    for number, key in enumerate(keys):
        headers = {"X-API-Key": key, "Idempotency-Key": "same"}
        assert client.post("/v1/text/generate", json={"prompt": str(number)}, headers=headers).status_code == 200


def test_keys_are_made_of_chance_and_stored_as_hashes():
    (first, line), (second, _) = made(), made()
    assert first != second
    assert first not in line
    assert client_keys(line).find(first).name == "team"
    assert client_keys(line).find(second) is None
    assert line.partition(":")[2] not in repr(client_keys(line))


def test_the_hash_of_no_key_at_all_is_refused():
    with pytest.raises(ValueError, match="name:hash"):
        client_keys(f"x:{sha256(b'').hexdigest()}")


@pytest.mark.parametrize(
    "arguments",
    [[], ["create"], ["create", "a b"], ["delete", "x"], ["create", "x", "y"], ["create", "x", "debug=maybe"]],
)
def test_the_command_says_how_it_is_used(arguments):
    assert main(arguments).startswith("usage:")
