"""Rerank, in the shape of Cohere's and Jina's APIs, over each kind of backend."""

import json

import pytest
from support.upstreams import HUGGINGFACE, OPENAI, PIPELINE, cache_and_attempts, sent

BASE = "http://llm.test:8000/v1"
JINA = f"{BASE}/rerank"
TEI = "http://llm.test:8000/rerank"
EMBEDDINGS = f"{BASE}/embeddings"
SIMILARITY = PIPELINE + "sentence-transformers/all-MiniLM-L6-v2/pipeline/sentence-similarity"
FEATURES = PIPELINE + "sentence-transformers/all-MiniLM-L6-v2/pipeline/feature-extraction"
DEDICATED = "https://x.eu-west-1.aws.endpoints.huggingface.cloud"
DOCUMENTS = ["Bread is baked.", "A lighthouse warns ships.", "Ships sail."]
BODY = {"query": "What warns ships?", "documents": DOCUMENTS}


def rerank(client, version=1, **fields):
    return client.post(f"/v{version}/rerank", json={**BODY, **fields})


def jina(scores, **fields):
    """Return a response in Jina's shape, with the last document first."""
    results = [{"index": index, "relevance_score": score} for index, score in enumerate(scores)]
    return {"model": "org/ranker", "results": results[::-1], **fields}


def vectors(*embeddings, **fields):
    data = [{"index": index, "embedding": embedding} for index, embedding in enumerate(embeddings)]
    return {"data": data, "model": "org/small", "usage": {"prompt_tokens": 9, "total_tokens": 9}, **fields}


def ranks(response):
    return [(result["index"], result["relevance_score"]) for result in response.get_json()["results"]]


@pytest.fixture
def without_routes(upstream):
    """An upstream without rerank routes."""
    upstream.post(JINA, status=404, json={"detail": "Not Found"})
    upstream.post(TEI, status=404, body="404 page not found")


def test_a_servers_own_route_ranks(client, upstream):
    upstream.post(JINA, json=jina([0.1, 0.9, 0.5], usage={"total_tokens": 40}))
    response = rerank(client)
    assert ranks(response) == [(1, 0.9), (2, 0.5), (0, 0.1)]
    body = response.get_json()
    assert (body["object"], body["model"]) == ("list", "org/small")
    assert body["usage"] == {"prompt_tokens": 40, "total_tokens": 40}
    assert body["meta"] == {
        "api_version": {"version": "1"},
        "billed_units": {"search_units": 1},
        "tokens": {"input_tokens": 40},
    }
    assert len(body["id"]) == 32
    assert sent(upstream) == {"model": "org/small", **BODY, "top_n": 3, "return_documents": False}


def test_unknown_fields_reach_a_route_of_jinas_shape(client, upstream):
    upstream.post(JINA, json=jina([0.1, 0.9, 0.5]))
    ignored = {
        "max_chunks_per_doc": 5,
        "priority": 1,
        "relevant_spans": {"mode": "disabled"},
        "top_n": 1,
        "model": None,
    }
    assert ranks(rerank(client, truncate_prompt_tokens=-1, **ignored)) == [(1, 0.9)]
    added = {"top_n": 3, "return_documents": False}
    assert sent(upstream) == {"model": "org/small", **BODY, "truncate_prompt_tokens": -1, **added}


def test_equal_scores_keep_the_order_of_the_documents(client, upstream):
    upstream.post(JINA, json=jina([0.5, 0.9, 0.5]))
    assert ranks(rerank(client)) == [(1, 0.9), (0, 0.5), (2, 0.5)]


@pytest.mark.parametrize(
    ("version", "asked", "returned"),
    [
        (1, {}, True),
        (1, {"return_documents": None}, True),
        (1, {"return_documents": False}, False),
        (2, {}, False),
        (2, {"return_documents": True}, True),
    ],
)
def test_documents_are_returned_as_the_api_has_it(client, upstream, version, asked, returned):
    upstream.post(JINA, json=jina([0.1, 0.9, 0.5]))
    body = rerank(client, version, **asked).get_json()
    assert [result.get("document") for result in body["results"]] == [
        {"text": DOCUMENTS[index]} if returned else None for index in (1, 2, 0)
    ]
    assert body["meta"]["api_version"] == {"version": str(version)}


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "Of ships."),
        ({"rank_fields": ["title", "text", "number", "none"]}, "Ships\nOf ships."),
        ({"rank_fields": ["none"]}, "Of ships."),
    ],
)
def test_objects_are_ranked_by_their_fields(client, upstream, fields, text):
    upstream.post(JINA, json=jina([0.1]))
    document = {"number": 5, "text": "Of ships.", "title": "Ships"}
    body = rerank(client, documents=[document], **fields).get_json()
    assert sent(upstream)["documents"] == [text]
    assert body["results"] == [{"index": 0, "relevance_score": 0.1, "document": document}]


def test_an_object_without_text_is_ranked_by_all_its_texts(client, upstream):
    upstream.post(JINA, json=jina([0.1]))
    rerank(client, documents=[{"place": "Hull", "title": "Ships", "year": 1900}])
    assert sent(upstream)["documents"] == ["place: Hull\ntitle: Ships"]


def test_documents_are_cut_to_the_asked_tokens(client, upstream):
    upstream.post(JINA, json=jina([0.1, 0.2]))
    rerank(client, documents=["word " * 100, "short"], max_tokens_per_doc=10)
    assert sent(upstream)["documents"] == ["word " * 10, "short"]


def test_text_embeddings_inference_ranks(client, upstream):
    upstream.post(JINA, status=404)
    scores = [{"index": 1, "score": 0.9}, {"index": 2, "score": 0.5}, {"index": 0, "score": 0.1}]
    upstream.post(TEI, json=scores, headers={"x-compute-tokens": "33"})
    response = rerank(client)
    assert ranks(response) == [(1, 0.9), (2, 0.5), (0, 0.1)]
    assert response.get_json()["usage"] == {"prompt_tokens": 33, "total_tokens": 33}
    expected = {"model": "org/small", "query": BODY["query"], "texts": DOCUMENTS, "truncate": True}
    assert sent(upstream) == expected


def test_batches_have_the_size_that_text_embeddings_inference_takes(client, upstream):
    sizes = []

    def respond(request):
        texts = json.loads(request.body)["texts"]
        sizes.append(len(texts))
        if len(texts) > 32:
            error = f"batch size {len(texts)} > maximum allowed batch size 32"
            return 413, {}, json.dumps({"error": error, "error_type": "Validation"})
        scores = [{"index": index, "score": float(text.split()[-1]) / 1000} for index, text in enumerate(texts)]
        return 200, {}, json.dumps(scores)

    upstream.post(JINA, status=404)
    upstream.add_callback("POST", TEI, respond)
    documents = [f"Text {number}" for number in range(70)]
    response = rerank(client, documents=documents)
    assert [index for index, _ in ranks(response)] == list(range(69, -1, -1))
    assert rerank(client, query="Another?", documents=documents[:40]).status_code == 200
    assert sizes == [70, 32, 32, 6, 32, 8]


def test_without_a_route_embeddings_are_compared(client, upstream, without_routes):
    upstream.post(EMBEDDINGS, json=vectors([2, 0], [0, 3], [4, 0], [1, 1]))
    response = rerank(client)
    assert ranks(response) == [(1, 1.0), (2, pytest.approx(0.70710678)), (0, 0.0)]
    assert response.get_json()["usage"] == {"prompt_tokens": 9, "total_tokens": 9}
    assert sent(upstream) == {"model": "org/small", "input": [BODY["query"], *DOCUMENTS]}


def test_a_missing_route_is_asked_once(client, upstream, without_routes):
    upstream.post(EMBEDDINGS, json=vectors([2, 0], [0, 3], [4, 0], [1, 1]))
    assert rerank(client).headers["X-AI-Attempts"] == "3"
    assert rerank(client, query="Another?").headers["X-AI-Attempts"] == "1"


def test_equal_requests_are_answered_from_the_cache(client, upstream):
    upstream.post(JINA, json=jina([0.1, 0.9, 0.5]))
    assert [cache_and_attempts(rerank(client)) for _ in range(2)] == [("miss", "1"), ("hit", "0")]


def test_embeddings_are_asked_for_in_batches(client, upstream, without_routes):
    def respond(request):
        texts = json.loads(request.body)["input"]
        embeddings = [[1.0, 0.0] if text.startswith("What") else [1.0, int(text.split()[-1])] for text in texts]
        return 200, {}, json.dumps(vectors(*embeddings))

    upstream.add_callback("POST", EMBEDDINGS, respond)
    response = rerank(client, documents=[f"Text {number}" for number in range(300)])
    assert [index for index, _ in ranks(response)] == list(range(300))
    assert response.get_json()["meta"]["billed_units"] == {"search_units": 3}
    assert response.get_json()["usage"]["total_tokens"] == 27
    assert [len(json.loads(call.request.body)["input"]) for call in upstream.calls[2:]] == [128, 128, 45]


@pytest.mark.parametrize(
    "embeddings",
    [([1, 0], [0, 1], [1, 1, 1], [1, 0]), ([1e200, 1e200], [1e200, 1e200], [1e300, 1], [1, 0])],
    ids=["lengths", "too large"],
)
def test_embeddings_that_cannot_be_compared_are_a_502(client, upstream, without_routes, embeddings):
    upstream.post(EMBEDDINGS, json=vectors(*embeddings))
    assert rerank(client).status_code == 502


def test_a_text_without_a_direction_has_no_similarity(client, upstream, without_routes):
    upstream.post(EMBEDDINGS, json=vectors([1, 0], [0, 0], [1, 1e-9], [-1, 0]))
    assert [score for _, score in ranks(rerank(client))] == [pytest.approx(1), 0, -1]


@pytest.mark.parametrize("page", ["<html>Welcome</html>", '{"message": "Welcome"}'])
def test_a_response_of_another_kind_is_that_of_a_missing_route(client, upstream, page):
    upstream.post(JINA, body=page)
    upstream.post(TEI, body=page)
    upstream.post(EMBEDDINGS, json=vectors([2, 0], [0, 3], [4, 0], [1, 1]))
    assert [index for index, _ in ranks(rerank(client))] == [1, 2, 0]


def test_texts_that_a_server_rejects_are_a_400(client, upstream):
    upstream.post(JINA, status=404)
    upstream.post(TEI, status=413, json={"error": "`inputs` must have less than 512 tokens. Given: 700"})
    response = rerank(client)
    assert (response.status_code, response.get_json()["type"]) == (400, "upstream_rejected")


@pytest.mark.parametrize("status", [404, 501])
def test_a_backend_that_cannot_rank_is_a_501_with_advice(client, upstream, without_routes, status):
    upstream.post(EMBEDDINGS, status=status, json={"detail": "Not here"})
    response = rerank(client)
    assert response.status_code == 501
    body = response.get_json()
    assert (body["type"], body["detail"]) == ("not_supported", body["message"])
    assert "RERANK_MODEL" in body["message"]


def test_an_unknown_model_is_a_404_and_not_remembered(client, upstream):
    upstream.post(
        JINA, status=404, json={"object": "error", "message": "The model `org/x` does not exist.", "code": 404}
    )
    assert rerank(client, model="org/x").status_code == 404
    upstream.replace("POST", JINA, json=jina([0.1, 0.9, 0.5]))
    assert rerank(client, model="org/x").status_code == 200


def test_an_unknown_model_of_embeddings_is_a_404(client, upstream, without_routes):
    upstream.post(EMBEDDINGS, status=404, json={"error": {"message": "No such model", "code": "model_not_found"}})
    assert rerank(client).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(jina([0.1, 0.2])),
        json.dumps(jina([0.1, 0.2, 0.3, 0.4])),
        json.dumps({"results": [{"index": 0, "relevance_score": 0.5}] * 3}),
        json.dumps({"results": [{"index": index, "relevance_score": "0.5"} for index in range(3)]}),
        json.dumps({"results": [{"index": str(index), "relevance_score": 0.5} for index in range(3)]}),
        json.dumps({"results": [{"index": index} for index in range(3)]}),
        json.dumps({"results": [True] * 3}),
        json.dumps(jina([0.1, float("nan"), 0.3])),
        json.dumps(jina([0.1, float("inf"), 0.3])),
        json.dumps(jina([0.1, 0.2, 0.3])).replace("0.3", "1e999"),
        json.dumps(jina([0.1, 0.2, 0.3]))[:-9],
    ],
)
def test_an_invalid_ranking_is_a_502(client, upstream, body):
    upstream.post(JINA, body=body, content_type="application/json")
    response = rerank(client)
    assert (response.status_code, response.get_json()["type"]) == (502, "upstream_invalid_response")


def test_the_setting_names_the_model(make_client, upstream):
    upstream.post(JINA, json=jina([0.1, 0.9, 0.5]))
    response = rerank(make_client(RERANK_MODEL="org/ranker"))
    assert sent(upstream)["model"] == response.get_json()["model"] == response.headers["X-AI-Model"] == "org/ranker"


def test_the_upstreams_name_is_returned_if_no_model_is_named(make_client, upstream):
    upstream.post(JINA, json=jina([0.1, 0.9, 0.5]))
    response = rerank(make_client(**{**OPENAI, "OPENAI_DEFAULT_MODEL": ""}))
    assert response.get_json()["model"] == "org/ranker"
    assert "model" not in sent(upstream)


def test_hugging_faces_pipeline_ranks(make_client, upstream):
    upstream.post(SIMILARITY, json=[0.1, 0.9, 0.5])
    response = rerank(make_client(HUGGINGFACE))
    assert ranks(response) == [(1, 0.9), (2, 0.5), (0, 0.1)]
    assert sent(upstream) == {"inputs": {"source_sentence": BODY["query"], "sentences": DOCUMENTS}}
    assert response.get_json()["usage"]["estimated"] is True
    assert "warnings" not in response.get_json()["meta"]


def test_hugging_faces_setting_names_the_model(make_client, upstream):
    upstream.post(PIPELINE + "org/ranker/pipeline/sentence-similarity", json={"similarities": [0.1, 0.9, 0.5]})
    response = rerank(make_client(HUGGINGFACE, RERANK_MODEL="org/ranker"))
    assert response.get_json()["model"] == "org/ranker"


def test_texts_that_the_pipeline_refuses_are_cut(make_client, upstream):
    upstream.post(SIMILARITY, status=413, json={"error": "`inputs` must have less than 256 tokens. Given: 300"})
    upstream.post(SIMILARITY, json=[0.1, 0.2])
    response = rerank(make_client(HUGGINGFACE), documents=["Ships sail. " * 100, "Short."])
    assert sent(upstream)["inputs"]["sentences"][1] == "Short."
    assert len(sent(upstream)["inputs"]["sentences"][0]) < 1000
    assert response.get_json()["meta"]["warnings"] == [
        "Some texts were longer than the model reads: a part of them was left out."
    ]


def test_long_texts_of_the_pipeline_are_marked(make_client, upstream):
    upstream.post(SIMILARITY, json=[0.1])
    assert "warnings" in rerank(make_client(HUGGINGFACE), documents=["Ships sail. " * 500]).get_json()["meta"]


@pytest.mark.parametrize("status", [404, 501])
def test_without_the_pipeline_hugging_faces_embeddings_are_compared(make_client, upstream, status):
    upstream.post(SIMILARITY, status=status, json={"error": "Not here"})
    upstream.post(FEATURES, json=[[2, 0], [0, 3], [4, 0], [1, 1]])
    assert [index for index, _ in ranks(rerank(make_client(HUGGINGFACE)))] == [1, 2, 0]


@pytest.mark.parametrize("scores", [[0.1, 0.9], [0.1, 0.9, None], "x", {"scores": [1, 2, 3]}])
def test_invalid_similarities_are_a_502(make_client, upstream, scores):
    upstream.post(SIMILARITY, json=scores)
    assert rerank(make_client(HUGGINGFACE)).status_code == 502


def test_a_dedicated_endpoint_of_text_embeddings_inference_ranks(make_client, upstream):
    upstream.post(f"{DEDICATED}/v1/rerank", status=404)
    scores = [{"index": index, "score": 0.5} for index in range(3)]
    upstream.post(f"{DEDICATED}/rerank", json=scores)
    client = make_client(HUGGINGFACE, HUGGINGFACE_BASE_URL=DEDICATED)
    assert [index for index, _ in ranks(rerank(client))] == [0, 1, 2]


def test_a_dedicated_endpoint_without_rerank_compares_embeddings(make_client, upstream):
    upstream.post(f"{DEDICATED}/v1/rerank", status=404)
    upstream.post(
        f"{DEDICATED}/rerank", status=424, json={"error": "model is not a re-ranker model", "error_type": "Backend"}
    )
    upstream.post(f"{DEDICATED}/v1/embeddings", json=vectors([2, 0], [0, 3], [4, 0], [1, 1]))
    client = make_client(HUGGINGFACE, HUGGINGFACE_BASE_URL=DEDICATED)
    assert [index for index, _ in ranks(rerank(client))] == [1, 2, 0]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"query": " "}, "query"),
        ({"query": {"text": "x"}}, "query"),
        ({"documents": []}, "documents"),
        ({"documents": ["a"] * 10_001}, "documents"),
        ({"documents": "a"}, "documents"),
        ({"documents": ["a", " "]}, "documents"),
        ({"documents": ["a", "\0"]}, "documents"),
        ({"documents": ["a", {}]}, "documents"),
        ({"documents": ["a", {"text": 5}]}, "documents"),
        ({"documents": [None]}, "documents"),
        ({"top_n": 0}, "top_n"),
        ({"rank_fields": [5]}, "rank_fields"),
        ({"return_documents": "yes"}, "return_documents"),
        ({"max_tokens_per_doc": 0}, "max_tokens_per_doc"),
    ],
)
def test_invalid_fields_never_reach_a_backend(client, fields, field):
    response = rerank(client, **fields)
    assert response.status_code == 400
    body = response.get_json()
    assert (body["type"], list(body["details"])) == ("validation_error", [field])
    assert body["id"] == response.headers["X-Request-ID"]


def test_an_invalid_document_is_named(client):
    details = rerank(client, documents=["a", " ", 5]).get_json()["details"]
    assert [reason.split(":")[0] for reason in details["documents"]] == ["Item 1", "Item 2"]


def test_errors_have_the_shape_of_both_apis(client, upstream):
    upstream.post(JINA, status=429, json={"message": "Slow down."}, headers={"Retry-After": "7"})
    response = rerank(client)
    assert (response.status_code, response.headers["Retry-After"]) == (429, "7")
    body = response.get_json()
    assert set(body) == {"id", "message", "detail", "type", "details"}
    assert body["type"] == "upstream_rate_limited"


def test_a_fallback_ranks_if_the_first_model_is_unavailable(make_client, upstream):
    upstream.post(JINA, status=503, json={"message": "Down"})
    upstream.post(SIMILARITY, json=[0.1, 0.9, 0.5])
    client = make_client({**OPENAI, **HUGGINGFACE}, AI_BACKEND="openai", FALLBACK_MODELS="huggingface")
    response = rerank(client)
    assert (response.status_code, response.headers["X-AI-Fallback"]) == (200, "true")


def test_the_quota_reserves_a_token_for_each_pair(make_client, upstream):
    upstream.post(JINA, json=jina([0.1, 0.2], usage={"total_tokens": 3}))
    client = make_client(TOKENS_PER_MINUTE="10")
    refused = rerank(client, query="one", documents=["two"] * 6)
    assert (refused.status_code, refused.get_json()["details"]["needed"]) == (429, 12)
    assert [rerank(client, query="one", documents=["two"] * 2, x=x).status_code for x in (1, 2, 3)] == [200, 200, 200]
    assert rerank(client, query="one", documents=["two"] * 2, x=4).status_code == 429


def test_metrics_name_the_operation(client, upstream):
    upstream.post(JINA, json=jina([0.1, 0.9, 0.5], usage={"total_tokens": 40}))
    rerank(client, 2)
    metrics = client.get("/metrics").text
    assert 'gen_ai_operation_name="rerank"' in metrics
    assert 'route="/v2/rerank"' in metrics
