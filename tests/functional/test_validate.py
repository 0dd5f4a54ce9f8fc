"""GET /v1/models/validate."""

import json
from pathlib import Path

import pytest
from support.upstreams import EMBEDDED, HUB, HUGGINGFACE, ROUTER_MODELS

RECORDINGS = Path(__file__).parents[1] / "contract" / "recordings"
LISTED = {"object": "list", "data": [{"id": "org/listed", "providers": [{"provider": "groq", "status": "live"}]}]}
EMPTY = {"object": "list", "data": []}


def validate(client, model):
    return client.get("/v1/models/validate", query_string={"model": model})


@pytest.fixture
def client(make_client):
    return make_client(HUGGINGFACE)


def info(**fields):
    return {"id": "org/model", "pipeline_tag": "text-generation", **fields}


def test_a_model_with_a_live_provider_is_valid(client, upstream):
    mapping = {
        "groq": {"status": "live", "task": "conversational", "providerId": "x"},
        "nebius": {"status": "staging", "task": "conversational"},
    }
    upstream.get(f"{HUB}org/model", json=info(inferenceProviderMapping=mapping))
    assert validate(client, "org/model").get_json() == {
        "model": "org/model",
        "valid": True,
        "tasks": ["conversational", "text-generation"],
        "providers": ["groq"],
    }
    assert upstream.calls[0].request.headers["Authorization"] == "Bearer hf_secretofours"
    assert "expand%5B%5D=inferenceProviderMapping" in upstream.calls[0].request.url


def test_a_provider_mapping_that_is_a_list_is_parsed(client, upstream):
    mapping = [{"provider": "groq", "status": "live", "task": "conversational"}]
    upstream.get(f"{HUB}org/model", json=info(inferenceProviderMapping=mapping))
    assert validate(client, "org/model").get_json()["providers"] == ["groq"]


def test_a_redirect_of_a_legacy_id_is_followed(client, upstream):
    upstream.get(f"{HUB}t5-small", status=307, headers={"Location": "/api/models/google-t5/t5-small?x=1"})
    mapping = {"hf-inference": {"status": "live", "task": "translation"}}
    upstream.get(f"{HUB}google-t5/t5-small", json=info(inferenceProviderMapping=mapping))
    assert validate(client, "t5-small").get_json()["valid"] is True


def test_a_redirect_to_another_host_is_followed_on_the_hub_only(client, upstream):
    upstream.get(f"{HUB}a/b", status=307, headers={"Location": "https://evil.test/api/models/c/d"})
    upstream.get(f"{HUB}c/d", json=info(inferenceProviderMapping={}))
    upstream.get(ROUTER_MODELS, json=EMPTY)
    assert validate(client, "a/b").get_json()["valid"] is False
    assert all("evil.test" not in call.request.url for call in upstream.calls)


@pytest.mark.parametrize("location", ["/api/models/a/b", "/login", ""])
def test_redirect_loops_and_invalid_locations_are_an_invalid_response(client, upstream, location):
    upstream.get(f"{HUB}a/b", status=307, headers={"Location": location})
    upstream.get(ROUTER_MODELS, json=EMPTY)
    response = validate(client, "a/b")
    assert (response.status_code, response.get_json()["type"]) == (502, "upstream_invalid_response")
    assert len(upstream.calls) <= 5


@pytest.mark.parametrize(
    "unknown",
    [
        {"status": 404, "headers": {"X-Error-Code": "RepoNotFound"}},
        {"status": 401, "headers": {"X-Error-Code": "RepoNotFound"}},
    ],
)
def test_a_model_unknown_to_the_hub_is_invalid(client, upstream, unknown):
    upstream.get(f"{HUB}org/none", **unknown)
    upstream.get(ROUTER_MODELS, json=EMPTY)
    assert validate(client, "org/none").get_json() == {
        "model": "org/none",
        "valid": False,
        "reason": "The Hub knows no public model of this name.",
    }


def test_a_model_without_a_live_provider_is_invalid_unless_the_router_lists_it(client, upstream):
    upstream.get(f"{HUB}org/model", json=info(inferenceProviderMapping={}))
    upstream.get(f"{HUB}org/listed", json=info())
    upstream.get(ROUTER_MODELS, json=LISTED)
    unserved = validate(client, "org/model").get_json()
    assert (unserved["valid"], unserved["tasks"]) == (False, ["text-generation"])
    assert validate(client, "org/listed").get_json()["providers"] == ["groq"]


def test_a_disabled_model_is_invalid(client, upstream):
    mapping = {"groq": {"status": "live", "task": "conversational"}}
    upstream.get(f"{HUB}org/model", json=info(inferenceProviderMapping=mapping, disabled=True))
    assert validate(client, "org/model").get_json()["reason"] == "The model is disabled on the Hub."


def test_a_provider_after_the_colon_must_serve_the_model(client, upstream):
    mapping = {"groq": {"status": "live", "task": "conversational"}}
    upstream.get(f"{HUB}org/model", json=info(inferenceProviderMapping=mapping))
    assert validate(client, "org/model:groq").get_json()["valid"] is True
    assert validate(client, "org/model:cheapest").get_json()["valid"] is True
    assert validate(client, "org/model:together").get_json()["valid"] is False


def test_the_routers_list_decides_if_the_hub_fails(client, upstream):
    upstream.get(f"{HUB}org/listed", status=500)
    upstream.get(f"{HUB}org/model", status=500)
    upstream.get(ROUTER_MODELS, json=LISTED)
    assert validate(client, "org/listed").get_json()["valid"] is True
    response = validate(client, "org/model")
    assert (response.status_code, response.get_json()["type"]) == (502, "upstream_unavailable")


@pytest.mark.parametrize("body", [{}, [], {"data": {}}])
def test_the_hub_decides_if_the_routers_list_is_invalid(client, upstream, body):
    upstream.get(f"{HUB}org/none", status=404)
    upstream.get(ROUTER_MODELS, json=body)
    assert validate(client, "org/none").get_json()["valid"] is False


def test_an_invalid_key_is_an_authentication_error(client, upstream):
    upstream.get(f"{HUB}org/model", status=401, json={"error": "Invalid credentials in Authorization header"})
    upstream.get(ROUTER_MODELS, status=401, json={"error": "Invalid credentials in Authorization header"})
    response = validate(client, "org/model")
    assert (response.status_code, response.get_json()["type"]) == (502, "upstream_authentication_error")


@pytest.mark.parametrize(
    ("file", "valid", "task"),
    [
        ("model_info__hub__5", True, "conversational"),
        ("model_info__hub__8", True, "conversational"),
        ("model_info__hub__9", True, "conversational"),
        ("model_info__hub__2", True, "question-answering"),
        ("model_info__hub__20", True, "sentence-similarity"),
    ],
)
def test_recorded_model_information_is_parsed(client, upstream, file, valid, task):
    recording = json.loads((RECORDINGS / f"{file}.json").read_text())
    name = recording["request"]["url"].removeprefix(HUB).partition("?")[0]
    upstream.get(HUB + name, body=recording["response"]["body"], content_type="application/json; charset=utf-8")
    body = validate(client, name).get_json()
    assert body["valid"] is valid
    assert task in body["tasks"]


def test_a_model_is_looked_up_in_the_list_of_an_openai_server(make_client, upstream):
    upstream.get("http://llm.test:8000/v1/models", json={"object": "list", "data": [{"id": "qwen2.5:0.5b"}, 1]})
    client = make_client()
    assert validate(client, "qwen2.5:0.5b").get_json() == {"model": "qwen2.5:0.5b", "valid": True}
    assert validate(client, "other").get_json()["valid"] is False


def test_a_server_without_a_list_of_models_is_not_supported(make_client, upstream):
    upstream.get("http://llm.test:8000/v1/models", status=404)
    response = validate(make_client(), "a")
    assert (response.status_code, response.get_json()["type"]) == (501, "not_supported")


def test_an_alias_is_valid_if_its_model_is(make_client, upstream):
    upstream.get("http://llm.test:8000/v1/models", json={"data": [{"id": "org/small"}]})
    assert validate(make_client(), "gpt2").get_json() == {"model": "gpt2", "valid": True}


@pytest.mark.parametrize("body", [[], {"data": None}, {"data": "x"}])
def test_a_list_of_another_form_is_an_invalid_response(make_client, upstream, body):
    upstream.get("http://llm.test:8000/v1/models", json=body)
    assert validate(make_client(), "a").get_json()["type"] == "upstream_invalid_response"


def test_an_alias_of_the_default_is_invalid_without_a_default_model(make_client):
    body = validate(make_client(OPENAI_DEFAULT_MODEL=""), "gpt2").get_json()
    assert (body["valid"], "OPENAI_DEFAULT_MODEL" in body["reason"]) == (False, True)


def test_a_model_of_an_unconfigured_backend_is_invalid(make_client):
    assert validate(make_client(), "embedded:x").get_json()["valid"] is False


@pytest.mark.parametrize(
    ("model", "valid"),
    [
        ("gpt2", True),
        ("SmolLM2-135M-Instruct", True),
        ("HuggingFaceTB/SmolLM2-135M-Instruct", True),
        ("embedded", True),
        ("org/other", False),
    ],
)
def test_the_embedded_engine_validates_without_a_call(make_client, model, valid):
    assert validate(make_client(EMBEDDED), model).get_json()["valid"] is valid
