"""POST /v1/classify and /classify, in vLLM's shape."""

import pytest
from support.calls import refused
from support.upstreams import CHAT, HUGGINGFACE, OPENAI, PIPELINE, ROUTER_CHAT, chat_response, sent

from app.config.client_keys import create_key

ROUTE = "http://llm.test:8000/classify"
SENTIMENT = "cardiffnlp/twitter-roberta-base-sentiment-latest"
ENTRY = {"index": 0, "label": "Default", "probs": [0.57, 0.43], "num_classes": 2}
ANSWER = {
    "id": "classify-1",
    "object": "list",
    "created": 1745383065,
    "model": "org/classifier",
    "data": [ENTRY],
    "usage": {"prompt_tokens": 10, "total_tokens": 10, "completion_tokens": 0, "prompt_tokens_details": None},
}


def classify(client, value="Fine.", path="/v1/classify", **body):
    return client.post(path, json={"input": value, **body})


@pytest.mark.parametrize("path", ["/v1/classify", "/classify"])
def test_the_servers_own_route_is_passed_through(client, upstream, path):
    upstream.post(ROUTE, json=ANSWER)
    response = classify(client, path=path, model="org/classifier", truncate_prompt_tokens=10)
    assert response.get_json() == ANSWER
    assert sent(upstream) == {"model": "org/classifier", "input": "Fine.", "truncate_prompt_tokens": 10}


def test_without_the_route_the_sentiment_is_rated(client, upstream):
    upstream.post(ROUTE, status=404, json={"detail": "Not Found"})
    upstream.post("http://llm.test:8000/predict", status=404, json={"detail": "Not Found"})
    upstream.post(CHAT, json=chat_response("negative"))
    for _ in range(2):
        body = classify(client, ["Bad.", "Worse."]).get_json()
    assert [entry["label"] for entry in body["data"]] == ["negative", "negative"]
    assert [entry["index"] for entry in body["data"]] == [0, 1]
    assert body["data"][0]["labels"] == ["negative", "neutral", "positive"]
    assert body["data"][0]["probs"] == [1.0, 0.0, 0.0]
    assert (body["usage"]["total_tokens"], body["object"]) == (20, "list")
    assert body["id"].startswith("classify-")
    assert [call.request.url for call in upstream.calls].count(ROUTE) == 1


@pytest.mark.parametrize("data", [[], [ENTRY, ENTRY], [{"probs": []}], [{"probs": ["x"]}], [5], None])
def test_an_invalid_response_is_an_error(client, upstream, data):
    upstream.post(ROUTE, json={**ANSWER, "data": data})
    refused(classify(client), 502, "upstream_invalid_response")


@pytest.mark.parametrize("answer", [[], {"choices": []}])
def test_a_response_of_another_kind_shows_that_the_route_is_missing(client, upstream, answer):
    upstream.post(ROUTE, json=answer)
    upstream.post(
        "http://llm.test:8000/predict", json=[{"label": "spam", "score": 0.9}, {"label": "ham", "score": 0.1}]
    )
    assert classify(client).get_json()["data"][0]["label"] == "spam"


def test_hugging_faces_pipeline_classifies_with_any_labels(make_client, upstream):
    labels = [[{"label": "joy", "score": 0.2}, {"label": "anger", "score": 0.7}, {"label": "fear", "score": 0.1}]]
    upstream.post(PIPELINE + "org/emotions", json=labels)
    body = classify(make_client(HUGGINGFACE), model="org/emotions").get_json()
    [entry] = body["data"]
    assert entry["label"] == "anger"
    assert (entry["labels"], entry["probs"]) == (["anger", "fear", "joy"], [0.7, 0.1, 0.2])
    assert body["usage"]["estimated"] is True


def test_a_default_pipeline_that_is_gone_leaves_the_sentiment_to_a_chat_model(make_client, upstream):
    client = make_client(HUGGINGFACE)
    upstream.post(PIPELINE + SENTIMENT, status=404, json={"error": "Model not found"})
    upstream.post(ROUTER_CHAT, json=chat_response("positive"))
    assert classify(client).get_json()["data"][0]["label"] == "positive"
    upstream.post(PIPELINE + "org/gone", status=404, json={"error": "Model not found"})
    refused(classify(client, model="org/gone"), 404, "model_not_found")


def test_a_long_text_is_cut_and_marked(make_client, upstream):
    upstream.post(PIPELINE + SENTIMENT, json=[[{"label": "positive", "score": 0.9}]])
    assert classify(make_client(HUGGINGFACE), "The lighthouse is fine. " * 200).get_json()["truncated"] is True


def test_a_dedicated_endpoint_is_a_server_like_any_other(make_client, upstream):
    root = "https://x.eu-west-1.aws.endpoints.huggingface.cloud"
    upstream.post(f"{root}/classify", status=404, json={"detail": "Not Found"})
    upstream.post(f"{root}/predict", status=404, json={"detail": "Not Found"})
    upstream.post(f"{root}/hf-inference/models/{SENTIMENT}", status=404, json={"error": "Not found"})
    upstream.post(f"{root}/v1/chat/completions", json=chat_response("positive"))
    upstream.post(f"{root}/detokenize", json={"prompt": "Hi"})
    client = make_client(HUGGINGFACE, HUGGINGFACE_BASE_URL=root)
    assert classify(client).get_json()["data"][0]["label"] == "positive"
    assert client.post("/detokenize", json={"tokens": [1]}).get_json()["prompt"] == "Hi"


def test_too_many_texts_are_refused(client, upstream):
    upstream.post(ROUTE, status=404, json={"detail": "Not Found"})
    refused(classify(client, ["a"] * 65), 400, "upstream_rejected")


@pytest.mark.parametrize(("operations", "status"), [("sentiment", 200), ("vllm_classify", 200), ("chat", 403)])
def test_a_key_for_sentiment_may_classify(make_client, upstream, operations, status):
    key, entry = create_key("team", [f"operations={operations}"])
    client = make_client(OPENAI, API_KEYS=entry)
    if status == 200:
        upstream.post(ROUTE, json=ANSWER)
    headers = {"Authorization": f"Bearer {key}"}
    response = client.post("/classify", json={"input": "Fine."}, headers=headers)
    assert response.status_code == status
    assert ("error" in response.get_json()) == (status != 200)
