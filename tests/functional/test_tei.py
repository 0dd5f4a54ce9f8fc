"""The routes of text-embeddings-inference: embed, predict, rerank and similarity."""

import json
import math

import pytest
from support.keys import made
from support.upstreams import CHAT, HUGGINGFACE, PIPELINE, chat_response, sent

EMBEDDINGS = "http://llm.test:8000/v1/embeddings"
RERANK = "http://llm.test:8000/v1/rerank"
TEI_RERANK = "http://llm.test:8000/rerank"
TEI_PREDICT = "http://llm.test:8000/predict"
CLASSIFIER = PIPELINE + "cardiffnlp/twitter-roberta-base-sentiment-latest"
MINI = PIPELINE + "sentence-transformers/all-MiniLM-L6-v2/pipeline/"
DEDICATED = {**HUGGINGFACE, "HUGGINGFACE_BASE_URL": "https://x.eu-west-1.aws.endpoints.huggingface.cloud"}
LABELS = [{"label": "toxic", "score": 0.2}, {"label": "kind", "score": 0.8}]
PREDICTED = [{"label": "kind", "score": 0.8}, {"label": "toxic", "score": 0.2}]


def vectors(*embeddings):
    data = [{"index": index, "embedding": embedding} for index, embedding in enumerate(embeddings)]
    return {"data": data[::-1], "usage": {"prompt_tokens": 3, "total_tokens": 3}}


def post(client, route, headers=None, **body):
    return client.post(f"/{route}", json=body, headers=headers)


@pytest.mark.parametrize(
    ("options", "expected"), [({}, [[0.6, 0.8], [0, 0]]), ({"normalize": False, "truncate": None}, [[3, 4], [0, 0]])]
)
def test_texts_are_embedded(client, upstream, options, expected):
    upstream.post(EMBEDDINGS, json=vectors([3, 4], [0, 0]))
    assert post(client, "embed", inputs=["a", "b"], dimensions=2, **options, x=1).get_json() == expected
    assert sent(upstream) == {"model": "org/small", "input": ["a", "b"], "dimensions": 2}


def test_one_text_has_one_vector_in_a_list(client, upstream):
    upstream.post(EMBEDDINGS, json=vectors([0, 2]))
    assert post(client, "embed", inputs="a").get_json() == [[0, 1]]


def test_named_prompts_are_not_supported(client):
    response = post(client, "embed", inputs="a", prompt_name="query")
    assert (response.status_code, response.get_json()["error_type"]) == (501, "Backend")


@pytest.mark.parametrize(("truncate", "status"), [(None, 200), (True, 200), (False, 400)])
def test_a_cut_text_is_an_error_if_the_client_forbids_to_cut(make_client, upstream, truncate, status):
    upstream.post(MINI + "feature-extraction", json=[[1, 0]])
    response = post(make_client(HUGGINGFACE), "embed", inputs="Ships sail. " * 500, truncate=truncate)
    assert response.status_code == status
    if status == 400:
        assert response.get_json()["error_type"] == "Validation"
        assert "truncate: true" in response.get_json()["error"]


def test_a_list_has_no_timeline(client, upstream):
    upstream.post(EMBEDDINGS, json=vectors([0, 2]))
    assert post(client, "embed", {"X-AI-Debug": "1"}, inputs="a").get_json() == [[0, 1]]


def test_a_repeated_request_gets_the_same_list(client, upstream):
    call = upstream.post(EMBEDDINGS, json=vectors([0, 2]))
    headers = {"Idempotency-Key": "one"}
    assert [post(client, "embed", headers, inputs="a").get_json() for _ in range(2)] == [[[0, 1]]] * 2
    assert call.call_count == 1


def test_similarities_are_in_the_order_of_the_sentences(client, upstream):
    upstream.post(EMBEDDINGS, json=vectors([2, 0], [0, 3], [1, 1]))
    inputs = {"source_sentence": "a", "sentences": ["b", "c"]}
    response = post(client, "similarity", inputs=inputs, parameters={"truncate": True})
    assert response.get_json() == [0, pytest.approx(math.sqrt(0.5))]


def test_similarities_are_those_of_hugging_faces_pipeline(make_client, upstream):
    upstream.post(MINI + "sentence-similarity", json=[0.1, 0.9])
    inputs = {"source_sentence": "a", "sentences": ["b", "c"]}
    assert post(make_client(HUGGINGFACE, RERANK_MODEL="org/x"), "similarity", inputs=inputs).get_json() == [0.1, 0.9]
    assert sent(upstream) == {"inputs": inputs}


@pytest.mark.parametrize("return_text", [False, True])
def test_texts_are_ranked(client, upstream, return_text):
    upstream.post(RERANK, status=404)
    upstream.post(TEI_RERANK, json=[{"index": 1, "score": 9.5}, {"index": 0, "score": -2}])
    response = post(client, "rerank", query="q", texts=["a", "b"], raw_scores=True, return_text=return_text)
    texts = [{"text": "b"}, {"text": "a"}] if return_text else [{}, {}]
    assert response.get_json() == [{"index": 1, "score": 9.5, **texts[0]}, {"index": 0, "score": -2, **texts[1]}]
    assert sent(upstream) == {"model": "org/small", "query": "q", "texts": ["a", "b"], "raw_scores": True}


def test_texts_are_ranked_by_hugging_faces_pipeline(make_client, upstream):
    upstream.post(MINI + "sentence-similarity", json=[0.1, 0.9])
    response = post(make_client(HUGGINGFACE), "rerank", query="q", texts=["a", "b"])
    assert response.get_json() == [{"index": 1, "score": 0.9}, {"index": 0, "score": 0.1}]


def test_documents_at_the_root_are_ranked_in_jinas_shape(client, upstream):
    results = [{"index": index, "relevance_score": index} for index in range(2)]
    upstream.post(RERANK, json={"results": results})
    body = post(client, "rerank", query="q", documents=["a", "b"], top_n=1).get_json()
    assert body["results"] == [{"index": 1, "relevance_score": 1, "document": {"text": "b"}}]


def test_a_forbidden_cut_of_ranked_texts_is_an_error(make_client, upstream):
    upstream.post(MINI + "sentence-similarity", json=[0.1])
    response = post(make_client(HUGGINGFACE), "rerank", query="q", texts=["Ships sail. " * 500], truncate=False)
    assert response.status_code == 400


@pytest.mark.parametrize(
    ("inputs", "bodies", "expected"),
    [
        ("a", ["a"], PREDICTED),
        (["a"], ["a"], PREDICTED),
        (["a", "b"], [["a", "b"]], PREDICTED),
        ([["a"], ["b", "c"]], ["a", ["b", "c"]], [PREDICTED, PREDICTED]),
    ],
)
def test_a_servers_own_classifier_predicts(client, upstream, inputs, bodies, expected):
    upstream.post(TEI_PREDICT, json=LABELS, headers={"x-compute-tokens": "5"})
    assert post(client, "predict", inputs=inputs, truncate=True).get_json() == expected
    asked = [json.loads(call.request.body) for call in upstream.calls]
    assert asked == [{"model": "org/small", "inputs": body, "truncate": True} for body in bodies]
    metrics = client.get("/metrics").text
    [tokens] = [line for line in metrics.splitlines() if line.startswith("gen_ai_client_token_usage_sum")]
    assert float(tokens.split()[-1]) == 5 * len(bodies)


def test_without_a_classifier_the_sentiment_is_predicted(client, upstream):
    upstream.post(TEI_PREDICT, status=404)
    upstream.post(CHAT, json=chat_response("positive"))
    labels = post(client, "predict", inputs="Good.").get_json()
    assert [label["label"] for label in labels] == ["positive", "negative", "neutral"]
    assert sum(label["score"] for label in labels) == pytest.approx(1)


@pytest.mark.parametrize("fields", [{"inputs": ["a", "b"]}, {"inputs": "a", "raw_scores": True}])
def test_a_sentiment_has_one_text_and_probabilities(client, upstream, fields):
    upstream.post(TEI_PREDICT, json={"detail": "Not Found"})
    assert post(client, "predict", **fields).status_code == 501


@pytest.mark.parametrize("payload", [[LABELS], LABELS, LABELS[1]])
def test_hugging_faces_pipeline_predicts_its_own_labels(make_client, upstream, payload):
    upstream.post(CLASSIFIER, json=payload)
    expected = [PREDICTED[0]] if payload is LABELS[1] else PREDICTED
    assert post(make_client(HUGGINGFACE), "predict", inputs="a").get_json() == expected
    assert sent(upstream) == {"inputs": "a"}


def test_a_pair_and_raw_scores_reach_the_pipeline(make_client, upstream):
    upstream.post(CLASSIFIER, json=[{"label": "entailment", "score": 7}])
    response = post(make_client(HUGGINGFACE), "predict", inputs=["a", "b"], raw_scores=True)
    assert response.get_json() == [{"label": "entailment", "score": 7}]
    assert sent(upstream) == {
        "inputs": {"text": "a", "text_pair": "b"},
        "parameters": {"function_to_apply": "none"},
    }


def test_a_long_text_is_cut_for_the_pipeline(make_client, upstream):
    upstream.post(CLASSIFIER, json=LABELS)
    client = make_client(HUGGINGFACE)
    assert post(client, "predict", inputs="Ships sail. " * 500).status_code == 200
    assert len(sent(upstream)["inputs"]) < 3000
    assert post(client, "predict", inputs="Ships sail. " * 500, truncate=False).status_code == 400


@pytest.mark.parametrize("payload", [[], [{"label": 5, "score": 1}], [{"label": "a"}], ["a"], "a"])
def test_invalid_labels_are_a_502(make_client, upstream, payload):
    upstream.post(CLASSIFIER, json=payload)
    response = post(make_client(HUGGINGFACE), "predict", inputs="a")
    assert (response.status_code, response.get_json()["error_type"]) == (502, "Backend")


def test_a_dedicated_endpoint_predicts(make_client, upstream):
    upstream.post(f"{DEDICATED['HUGGINGFACE_BASE_URL']}/predict", json=LABELS)
    assert post(make_client(DEDICATED), "predict", inputs="a").get_json() == PREDICTED


def test_a_dedicated_endpoint_compares(make_client, upstream):
    upstream.post(f"{DEDICATED['HUGGINGFACE_BASE_URL']}/v1/embeddings", json=vectors([1, 0], [2, 0]))
    inputs = {"source_sentence": "a", "sentences": ["b"]}
    assert post(make_client(DEDICATED), "similarity", inputs=inputs).get_json() == [1]


@pytest.mark.parametrize(
    ("route", "body", "field"),
    [
        ("embed", {"inputs": []}, "inputs"),
        ("embed", {"inputs": ["a"] * 2049}, "inputs"),
        ("embed", {"inputs": " "}, "inputs"),
        ("predict", {"inputs": [["a"]] * 33}, "inputs"),
        ("predict", {"inputs": ["a", "b", "c"]}, "inputs"),
        ("rerank", {"query": "q"}, "texts"),
        ("rerank", {"query": "q", "texts": []}, "texts"),
        ("similarity", {"inputs": {"source_sentence": "a", "sentences": []}}, "inputs"),
        ("similarity", {"inputs": "a"}, "inputs"),
    ],
)
def test_invalid_inputs_never_reach_a_backend(client, route, body, field):
    response = post(client, route, **body)
    error = response.get_json()
    assert (response.status_code, error["error_type"], error["type"]) == (400, "Validation", "validation_error")
    assert f"({field}: " in error["error"]
    assert error["request_id"] == response.headers["X-Request-ID"]


@pytest.mark.parametrize(
    ("status", "ours", "word"), [(429, 429, "Overloaded"), (529, 502, "Overloaded"), (422, 400, "Validation")]
)
def test_errors_have_the_words_of_text_embeddings_inference(client, upstream, status, ours, word):
    upstream.post(EMBEDDINGS, status=status, json={"error": "No", "error_type": "x"})
    response = post(client, "embed", {"X-AI-Debug": "1"}, inputs="a")
    assert (response.status_code, response.get_json()["error_type"]) == (ours, word)
    assert len(response.get_json()["debug"]["attempts"]) == 1


def test_a_key_for_embeddings_may_embed_and_compare_only(make_client, upstream):
    upstream.post(EMBEDDINGS, json=vectors([0, 2]))
    key, line = made("ada", "operations=embeddings")
    client, headers = make_client(API_KEYS=line), {"X-API-Key": key}
    assert post(client, "embed", headers, inputs="a").status_code == 200
    assert post(client, "similarity", headers, inputs={}).status_code == 400
    assert post(client, "predict", headers, inputs="a").status_code == 403
