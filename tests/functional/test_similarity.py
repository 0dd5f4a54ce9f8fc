"""POST /v1/text/similarity on each kind of backend."""

import json

import pytest
from support.upstreams import EMBEDDED, HUGGINGFACE, OPENAI, PIPELINE, sent

from app.config.encoder_models import MULTILINGUAL

VECTORS = {"a ship": [1, 0], "a boat": [0.8, 0.6], "bread": [0, 1], "a loaf": [0.28, 0.96]}
EMBEDDINGS = "http://llm.test:8000/v1/embeddings"
FEATURES = f"{PIPELINE}sentence-transformers/all-MiniLM-L6-v2/pipeline/feature-extraction"


def openai(request):
    texts = json.loads(request.body)["input"]
    data = [{"index": index, "embedding": VECTORS[text]} for index, text in enumerate(texts)]
    payload = {"data": data, "usage": {"prompt_tokens": 3 * len(texts), "total_tokens": 3 * len(texts)}}
    return 200, {}, json.dumps(payload)


def huggingface(request):
    return 200, {}, json.dumps([VECTORS[text] for text in json.loads(request.body)["inputs"]])


def encoder(request):
    texts = json.loads(request.body)["inputs"]
    return 200, {}, json.dumps({"outputs": [VECTORS[text] for text in texts], "tokens": [3] * len(texts)})


@pytest.fixture
def client(make_client, upstream):
    upstream.assert_all_requests_are_fired = False
    upstream.add_callback("POST", EMBEDDINGS, openai)
    return make_client(OPENAI)


def compare(client, **body):
    return client.post("/v1/text/similarity", json=body)


@pytest.mark.parametrize(
    ("base", "url", "answer", "model"),
    [
        (OPENAI, EMBEDDINGS, openai, "org/small"),
        (HUGGINGFACE, FEATURES, huggingface, "sentence-transformers/all-MiniLM-L6-v2"),
        (EMBEDDED, "http://127.0.0.1:10/embeddings", encoder, MULTILINGUAL),
    ],
)
def test_a_text_is_compared_with_each_candidate(make_client, upstream, base, url, answer, model):
    upstream.add_callback("POST", url, answer)
    response = compare(make_client(base), text="a ship", candidates=["bread", "a boat"])
    body = response.get_json()
    assert response.status_code == 200
    assert (body["scores"], body["best"], body["model"]) == ([0, 0.8], 1, model)


def test_candidates_are_embedded_once_for_all_texts(client, upstream):
    body = compare(client, texts=["a ship", "a loaf", "a boat"], candidates=["bread", "a boat", "bread"]).get_json()
    assert [result["best"] for result in body["results"]] == [1, 0, 1]
    assert [result["scores"] for result in body["results"]] == [[0, 0.8, 0], [0.96, 0.8, 0.96], [0.6, 1, 0.6]]
    texts = [text for call in upstream.calls for text in json.loads(call.request.body)["input"]]
    assert sorted(texts) == ["a boat", "a loaf", "a ship", "bread"]
    assert body["usage"]["prompt_tokens"] == 3 * len(texts)


def test_texts_without_candidates_are_compared_with_each_other(client):
    body = compare(client, texts=["a ship", "bread", "a boat", "a ship"]).get_json()
    assert [result["scores"] for result in body["results"]] == [
        [1, 0, 0.8, 1],
        [0, 1, 0.6, 0],
        [0.8, 0.6, 1, 0.8],
        [1, 0, 0.8, 1],
    ]
    assert [result["best"] for result in body["results"]] == [2, 2, 0, 2], "an equal text is not the best one"


def test_an_invalid_text_has_null_in_the_scores_of_the_others(client):
    body = compare(client, documents=[{"id": "a", "text": "a ship"}, {"id": "b", "text": " "}]).get_json()
    [result] = body["results"]
    assert (result["id"], result["scores"], result["best"]) == ("a", [1, None], None)
    assert [error["id"] for error in body["errors"]] == ["b"]


def test_texts_that_are_all_invalid_need_no_call(client, upstream):
    body = compare(client, texts=["", " "]).get_json()
    assert (body["results"], len(body["errors"]), upstream.calls) == ([], 2, [])


def test_markup_is_left_out_before_texts_are_compared(client, upstream):
    response = compare(client, text="<html><body><p>a ship</p></body></html>", candidates=["a boat"])
    assert response.get_json()["scores"] == [0.8]
    assert sent(upstream)["input"] == ["a ship", "a boat"]


@pytest.mark.parametrize(
    "body",
    [
        {"text": "a ship"},
        {"text": "a ship", "candidates": []},
        {"text": "a ship", "candidates": [" "]},
        {"text": "a ship", "candidates": ["a"] * 1001},
        {"candidates": ["a"]},
    ],
)
def test_a_request_without_something_to_compare_is_invalid(client, upstream, body):
    response = compare(client, **body)
    assert (response.status_code, upstream.calls) == (400, [])
    assert set(response.get_json()["details"]) <= {"candidates", "text"}


def test_the_model_can_be_named(client, upstream):
    assert compare(client, text="a ship", candidates=["bread"], model="org/other").get_json()["model"] == "org/other"
    assert sent(upstream)["model"] == "org/other"


def test_an_upstream_that_fails_is_an_error(make_client, upstream):
    upstream.post(EMBEDDINGS, status=500, json={})
    response = compare(make_client(OPENAI), text="a ship", candidates=["bread"])
    assert (response.status_code, response.get_json()["type"]) == (502, "upstream_unavailable")


def test_a_single_text_and_its_candidates_are_one_call(client, upstream):
    compare(client, text="a ship", candidates=["bread", "a ship", "bread"])
    assert [json.loads(call.request.body)["input"] for call in upstream.calls] == [["a ship", "bread"]]


def test_vectors_of_two_models_are_not_compared(make_client, upstream):
    upstream.post(EMBEDDINGS, json={"data": [{"index": 0, "embedding": [1, 0]}]})
    upstream.post(EMBEDDINGS, status=503, json={})
    upstream.post(EMBEDDINGS, json={"data": [{"index": 0, "embedding": [1, 0]}]})
    body = compare(make_client(OPENAI, FALLBACK_MODELS="openai:org/second"), texts=["a"], candidates=["b"]).get_json()
    assert [error["error"]["type"] for error in body["errors"]] == ["upstream_unavailable"]
