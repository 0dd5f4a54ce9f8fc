"""Client keys: authentication and permissions."""

from hashlib import sha256

import pytest
from support.keys import made
from support.lines import request_lines
from support.upstreams import CHAT, OPENAI, chat_response

from app.config.client_keys import parse_api_keys

ROUTES = ["/v1/text/generate", "/v1/text/sentiment", "/v1/chat/completions", "/v1/embeddings"]


KEY, LINE = made()
OTHER, OTHER_LINE = made("other")
ACCEPTED = [
    {"Authorization": f"Bearer {KEY}"},
    {"Authorization": f"bearer {KEY}"},
    {"X-API-Key": KEY},
    {"api-key": KEY},
    {"Authorization": f"Bearer {KEY}", "X-API-Key": KEY, "api-key": KEY},
    # SDKs send a placeholder
    {"X-API-Key": KEY, "Authorization": "Bearer not-needed"},
    {"api-key": KEY, "Authorization": "Bearer "},
    {"X-API-Key": KEY, "Authorization": "Basic abc"},
    {"X-API-Key": "none", "Authorization": f"Bearer {KEY}"},
]


@pytest.fixture
def client(make_client):
    return make_client({**OPENAI, "API_KEYS": f"{LINE}, {OTHER_LINE}", "REQUIRE_API_KEYS": "true"})


def test_a_known_key_is_accepted_and_names_the_client(client, upstream, caplog):
    caplog.set_level("INFO")
    upstream.post(CHAT, json=chat_response("Hi."))
    for headers in ACCEPTED:
        assert client.post("/v1/text/generate", json={"prompt": "x"}, headers=headers).status_code == 200
    assert {line.client for line in request_lines(caplog)} == {"team"}
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
        {"X-API-Key": "wrong", "api-key": "wrong", "Authorization": "Bearer wrong"},
        {"X-API-Key": OTHER, "api-key": KEY},
        {"X-API-Key": OTHER, "Authorization": f"Bearer {KEY}"},
    ],
)
def test_a_request_without_a_known_key_is_a_401(client, headers):
    for route in ROUTES:
        response = client.post(route, json={}, headers=headers)
        error = response.get_json().get("error") or response.get_json()
        assert (response.status_code, error["type"]) == (401, "authentication_error")
        assert response.headers["WWW-Authenticate"] == "Bearer"
    assert client.get("/v1/models", headers=headers).status_code == 401


def test_probes_need_no_key_and_operator_routes_need_one_if_a_setting_says_so(make_client, client, upstream):
    upstream.get("http://llm.test:8000/v1/models", json={"data": []})
    for route in ("/health", "/health/ready", "/health/deep", "/metrics"):
        assert client.get(route).status_code == 200
    assert client.get("/nowhere").status_code == 404
    closed = make_client({**OPENAI, "API_KEYS": LINE, "OPERATOR_ROUTES_REQUIRE_KEY": "true"})
    assert [closed.get(route).status_code for route in ("/health", "/health/ready")] == [200, 200]
    assert [closed.get(route).status_code for route in ("/health/deep", "/metrics")] == [401, 401]
    shown = {"X-API-Key": KEY}
    assert [closed.get(route, headers=shown).status_code for route in ("/health/deep", "/metrics")] == [200, 200]


def test_the_deep_check_reports_whether_clients_need_keys(make_client, client, upstream):
    upstream.get("http://llm.test:8000/v1/models", json={"data": []})
    assert client.get("/health/deep").get_json()["access"] == "keys"
    assert make_client().get("/health/deep").get_json()["access"] == "open"


def test_an_expired_key_is_refused(make_client, chat):
    keys = dict(made(name, f"expires={when}") for name, when in (("old", "2026-01-01"), ("new", "2099-01-01T00:00:00")))
    client = make_client({**OPENAI, "API_KEYS": ",".join(keys.values())})
    responses = [client.post("/v1/text/generate", json={"prompt": "x"}, headers={"X-API-Key": key}) for key in keys]
    assert [response.status_code for response in responses] == [401, 200]
    assert "The client key old has expired" in responses[0].get_json()["message"]


def test_an_expired_key_is_named_in_the_log_and_in_metrics(make_client, caplog):
    key, line = made("old", "expires=2026-01-01")
    client = make_client({**OPENAI, "API_KEYS": line})
    assert "The client key old has expired: its `expires` is 2026-01-01" in caplog.text
    caplog.set_level("INFO")
    client.post("/v1/text/generate", json={"prompt": "x"}, headers={"X-API-Key": key})
    assert [line.client for line in request_lines(caplog)] == ["old"]
    assert 'ai_client_requests_total{client="old",service="ai-huggingface"} 1.0' in client.get("/metrics").text
    assert key not in caplog.text


def test_two_keys_of_one_client_share_its_limits(make_client, chat):
    keys = dict(made("team", "rate_limit=1/hour") for _ in range(2))
    client = make_client({**OPENAI, "API_KEYS": ",".join(keys.values())})
    statuses = [
        client.post("/v1/text/generate", json={"prompt": "x"}, headers={"X-API-Key": key}).status_code for key in keys
    ]
    assert statuses == [200, 429]


@pytest.fixture
def call_as(make_client):
    """Call a route with a key of these attributes."""

    def call(route, attributes, headers=(), **body):
        key, line = made("team", *attributes.split())
        client = make_client({**OPENAI, "API_KEYS": line, "MODEL_ALIASES": "gpt2=default,big=org/big"})
        method = client.post if body else client.get
        return method(route, headers={"X-API-Key": key, **dict(headers)}, **({"json": body} if body else {}))

    return call


def denied(response):
    error = response.get_json()
    assert (response.status_code, error["type"]) == (403, "permission_denied")
    return error


def test_a_key_may_be_restricted_to_operations(call_as, chat):
    only = "operations=sentiment+validate"
    assert call_as("/v1/text/sentiment", only, text="x").status_code == 200
    assert call_as("/v1/models/validate?model=big%20", only).status_code == 400
    error = denied(call_as("/v1/text/generate", only, nothing="valid"))
    assert error["details"] == {"allowed": ["sentiment", "validate"]}
    assert "may not use the operation generate" in error["message"]
    assert call_as("/v1/models", only).get_json()["error"]["code"] == "permission_denied"
    assert call_as("/nowhere", only).status_code == 404


@pytest.mark.parametrize(
    ("allowed", "asked"),
    [
        ("default", None),
        ("default", "default"),
        ("org/small", None),
        ("org/small", "org/small"),
        ("openai:org/small", "gpt2"),
        ("gpt2", "gpt2"),
        ("gpt2+big", "big"),
        ("org/big", "big"),
        ("org/big", "openai:org/big"),
        ("big", "org/big"),
        ("default", "org/small"),
        ("gpt2", None),
        ("gpt2", "org/small"),
    ],
)
def test_a_key_restricted_to_models_may_use_them_by_each_alias(call_as, chat, allowed, asked):
    body = {"prompt": "x", **({"model": asked} if asked else {})}
    assert call_as("/v1/text/generate", f"models={allowed}", **body).status_code == 200


@pytest.mark.parametrize(
    ("allowed", "asked"),
    [
        ("default", "org/big"),
        ("org/big", None),
        ("org/big", "gpt2"),
        ("org/big", "huggingface:org/big"),
    ],
)
def test_a_key_restricted_to_models_may_use_no_other_model(call_as, allowed, asked):
    body = {"prompt": "x", **({"model": asked} if asked else {})}
    error = denied(call_as("/v1/text/generate", f"models={allowed}", **body))
    assert error["message"].startswith(f"This client key may not use the model {asked or 'default'};")


def test_a_key_restricted_to_models_lists_only_those(call_as, upstream):
    upstream.get("http://llm.test:8000/v1/models", json={"data": [{"id": "org/big"}, {"id": "org/other"}]})
    listed = call_as("/v1/models", "models=org/big").get_json()["data"]
    assert [entry["id"] for entry in listed] == ["big", "org/big"]
    for route in ("/v1/models/org/other", "/v1/models/validate?model=org/other"):
        assert call_as(route, "models=org/big").status_code == 403


def test_only_a_key_with_the_permission_may_use_debug(call_as, chat):
    debug = {"X-AI-Debug": "1"}
    assert call_as("/v1/text/generate", "debug=true", debug, prompt="x").get_json()["debug"]["attempts"]
    assert "X-AI-Debug" in denied(call_as("/v1/text/generate", "", debug, prompt="x"))["message"]
    assert "debug" not in call_as("/v1/text/generate", "", {"X-AI-Debug": "0"}, prompt="x").get_json()


@pytest.mark.parametrize(
    "attribute",
    [
        "debug=maybe",
        "expires=tomorrow",
        "operations=",
        "operations=a++b",
        "models=../x",
        "rate_limit=fast",
        "tokens_per_day=0",
        "colour=red",
        "debug",
        "debug=true debug=true",
    ],
)
def test_an_invalid_attribute_of_a_key_is_an_error(attribute):
    with pytest.raises(ValueError, match="permissions and limits may follow"):
        parse_api_keys(f"{LINE} {attribute}")


def test_idempotency_keys_of_two_clients_are_separate(make_client, upstream):
    keys = dict(made(name) for name in ("one", "two"))
    client = make_client({**OPENAI, "API_KEYS": ",".join(keys.values())})
    upstream.post(CHAT, json=chat_response("Hi."))
    for number, key in enumerate(keys):
        headers = {"X-API-Key": key, "Idempotency-Key": "same"}
        assert client.post("/v1/text/generate", json={"prompt": str(number)}, headers=headers).status_code == 200


def test_keys_are_random_and_stored_as_hashes():
    (first, line), (second, _) = made(), made()
    assert first != second
    assert first not in line
    assert parse_api_keys(line).find(first).name == "team"
    assert parse_api_keys(line).find(second) is None
    assert line.partition(":")[2] not in repr(parse_api_keys(line))


def test_the_hash_of_an_empty_key_is_an_error():
    with pytest.raises(ValueError, match="name:hash"):
        parse_api_keys(f"x:{sha256(b'').hexdigest()}")


@pytest.mark.parametrize(
    "arguments", [["a b"], ["x", "y"], ["x", "debug=maybe"], ["a,b"], ["x", "debug=true,y:" + "a" * 64]]
)
def test_an_invalid_name_or_attribute_of_a_new_key_is_an_error(arguments):
    with pytest.raises(ValueError, match="name:hash"):
        made(*arguments)


def test_a_new_key_line_has_its_attributes():
    key, line = made("team", "debug=true", "rate_limit=5/minute")
    found = parse_api_keys(line).find(key)
    assert (found.name, found.debug, dict(found.limits)) == ("team", True, {"rate_limit": "5/minute"})
