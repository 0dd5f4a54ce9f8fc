"""Permissions for models: by any name, for each operation's default model, and for models that answer in place."""

import pytest
from support.keys import made
from support.upstreams import CHAT, EMBEDDED, HUGGINGFACE, OPENAI, PIPELINE, ROUTER_CHAT, chat_response, sent

from app.backends.huggingface import EMBEDDING_MODEL, SENTIMENT_MODEL, SUMMARIZATION_MODEL

HELLO = [{"role": "user", "content": "Hi."}]


def client_of(make_client, models, base, **variables):
    """Return a function that posts a body with a key for these models."""
    key, line = made("team", f"models={models}")
    client = make_client({**base, "API_KEYS": line}, **variables)
    return lambda route, **body: client.post(f"/v1/{route}", json=body, headers={"X-API-Key": key})


@pytest.mark.parametrize("fallbacks", ["openai:dear", "dear", "openai", "openai:dear,cheap"])
def test_a_key_is_never_answered_by_a_fallback_that_it_may_not_use(make_client, upstream, fallbacks):
    chat = upstream.post(CHAT, status=500)
    call = client_of(make_client, "cheap", OPENAI, FALLBACK_MODELS=fallbacks)
    for route, body in (("text/generate", {"prompt": "x"}), ("chat/completions", {"messages": HELLO})):
        assert call(route, model="cheap", **body).status_code == 502
    assert {sent(upstream, index)["model"] for index in range(chat.call_count)} == {"cheap"}


@pytest.mark.parametrize("models", ["cheap+dear", "cheap+second", "cheap+openai:dear"])
def test_a_permitted_fallback_answers(make_client, upstream, models):
    upstream.post(CHAT, status=500)
    upstream.post(CHAT, json=chat_response("Hi."))
    aliases = {"MODEL_ALIASES": "second=dear"}
    call = client_of(make_client, models, OPENAI, FALLBACK_MODELS="openai:other,openai:dear", **aliases)
    response = call("text/generate", model="cheap", prompt="x")
    assert (response.status_code, sent(upstream)["model"]) == (200, "dear")


TASK_MODELS = {**OPENAI, "OPENAI_DEFAULT_MODEL": "cheap", "SENTIMENT_MODEL": "dear", "SUMMARIZATION_MODEL": "dearer"}


@pytest.mark.parametrize(
    ("models", "allowed"),
    [
        ("cheap", {"text/generate"}),
        ("dear", {"text/sentiment"}),
        ("openai:dearer", {"text/summarize"}),
        ("default", {"text/generate", "text/sentiment", "text/summarize"}),
    ],
)
def test_the_default_model_of_an_operation_counts_as_what_it_is(make_client, chat, models, allowed):
    call = client_of(make_client, models, TASK_MODELS)
    bodies = {"text/generate": {"prompt": "x"}, "text/sentiment": {"text": "x"}, "text/summarize": {"text": "x"}}
    statuses = {route: call(route, **body).status_code for route, body in bodies.items()}
    assert statuses == {route: 200 if route in allowed else 403 for route in bodies}


@pytest.mark.parametrize(
    ("route", "body", "model", "suffix"),
    [
        ("text/sentiment", {"text": "x"}, SENTIMENT_MODEL, ""),
        ("text/summarize", {"text": "x"}, SUMMARIZATION_MODEL, ""),
        ("embeddings", {"input": "x"}, EMBEDDING_MODEL, "/pipeline/feature-extraction"),
    ],
)
def test_the_pipelines_of_hugging_face_count_as_their_models(make_client, upstream, route, body, model, suffix):
    cheap = {**HUGGINGFACE, "HUGGINGFACE_DEFAULT_MODEL": "org/cheap"}
    assert client_of(make_client, "org/cheap", cheap)(route, **body).status_code == 403
    upstream.post(PIPELINE + model + suffix, status=500)
    assert client_of(make_client, model, cheap)(route, **body).status_code == 502


@pytest.mark.parametrize(("route", "model"), [("sentiment", SENTIMENT_MODEL), ("summarize", SUMMARIZATION_MODEL)])
def test_a_chat_model_replaces_a_pipeline_only_with_the_permission(make_client, upstream, route, model):
    upstream.post(PIPELINE + model, status=404)
    upstream.post(ROUTER_CHAT, json=chat_response("positive"))
    cheap = {**HUGGINGFACE, "HUGGINGFACE_DEFAULT_MODEL": "org/cheap"}
    statuses = {
        models: client_of(make_client, models, cheap)(f"text/{route}", text="x").status_code
        for models in (model, f"{model}+org/cheap", "default")
    }
    assert statuses == {model: 404, f"{model}+org/cheap": 200, "default": 200}


@pytest.mark.parametrize(
    "allowed", ["SmolLM2-135M-Instruct", "embedded:smollm2-135m-instruct", "HuggingFaceTB/SmolLM2-135M-Instruct"]
)
@pytest.mark.parametrize("asked", [{}, {"model": "gpt2"}, {"model": "smollm2-135M-instruct"}, {"model": "embedded"}])
def test_a_model_of_the_engine_has_many_names(make_client, upstream, allowed, asked):
    upstream.post("http://127.0.0.1:9/v1/chat/completions", status=503)
    assert client_of(make_client, allowed, EMBEDDED)("text/generate", prompt="x", **asked).status_code == 503


def test_an_unknown_model_names_only_models_that_the_key_may_use(make_client, upstream):
    upstream.get("http://llm.test:8000/v1/models", json={"data": []})
    key, line = made("team", "models=cheap+gone")
    client = make_client({**TASK_MODELS, "API_KEYS": line})
    upstream.post(CHAT, status=404)
    presented = {"X-API-Key": key}
    described = client.get("/v1/models/gone", headers=presented)
    generated = client.post("/v1/text/generate", json={"prompt": "x", "model": "gone"}, headers=presented)
    assert [response.status_code for response in (described, generated)] == [404, 404]
    assert generated.get_json()["details"]["available"] == ["gpt2", "cheap"]
    assert "dear" not in described.text + generated.text


def test_models_that_an_upstream_lists_under_odd_names_are_listed_with_permission_only(make_client, upstream):
    upstream.get("http://llm.test:8000/v1/models", json={"data": [{"id": "a b?"}, {"id": "cheap"}]})
    key, line = made("team", "models=cheap")
    listed = make_client({**TASK_MODELS, "API_KEYS": line}).get("/v1/models", headers={"X-API-Key": key})
    assert [entry["id"] for entry in listed.get_json()["data"]] == ["gpt2", "cheap"]
