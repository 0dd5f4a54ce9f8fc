"""Cohere's SDK, and plain clients of Jina and text-embeddings-inference, against the real server."""

import asyncio
from contextlib import closing

import cohere
import pytest
import requests
from support.openai_server import OpenAIServer
from support.servers import Service

QUERY = "what warns ships"
DOCUMENTS = ["bread is baked", "a lighthouse warns ships", "ships sail"]
KEY = {"Authorization": "Bearer x"}
# without attempts of the client's own
ONCE = {"max_retries": 0}


@pytest.fixture(scope="module")
def ranked():
    """A service whose upstream ranks by shared words."""
    with closing(OpenAIServer()) as server:
        settings = {"OPENAI_BASE_URL": f"{server.url}/v1", "OPENAI_DEFAULT_MODEL": "scripted"}
        service = Service(HUGGINGFACE_RETRY_ATTEMPTS="0", **settings)
        service.wait_for_line("Ready on")
        yield service
        service.stop()


def test_coheres_clients_rank(ranked):
    documents = [DOCUMENTS[0], {"text": DOCUMENTS[1], "id": "7"}]
    with cohere.Client("x", base_url=ranked.url) as client:
        first = client.rerank(query=QUERY, documents=documents, return_documents=True)
    assert [(one.index, one.relevance_score) for one in first.results] == [(1, pytest.approx(2 / 3)), (0, 0)]
    assert (first.results[0].document.text, first.results[0].document.id) == (DOCUMENTS[1], "7")
    assert (first.meta.api_version.version, first.meta.billed_units.search_units) == ("1", 1)
    with cohere.ClientV2("x", base_url=ranked.url) as client:
        second = client.rerank(model="scripted", query=QUERY, documents=DOCUMENTS, top_n=2, max_tokens_per_doc=100)
    assert [one.index for one in second.results] == [1, 2]
    assert (second.meta.api_version.version, second.meta.tokens.input_tokens) == ("2", 20)


def test_coheres_asynchronous_client_ranks(ranked):
    async def rerank():
        async with cohere.AsyncClientV2("x", base_url=ranked.url) as client:
            return await client.rerank(model="scripted", query=QUERY, documents=DOCUMENTS)

    assert [one.index for one in asyncio.run(rerank()).results] == [1, 2, 0]


def test_coheres_client_raises_its_own_errors(ranked):
    with cohere.ClientV2("x", base_url=ranked.url, **ONCE) as client:
        with pytest.raises(cohere.BadRequestError) as invalid:
            client.rerank(model="scripted", query=QUERY, documents=[])
        with pytest.raises(cohere.NotFoundError) as unknown:
            client.rerank(model="unknown", query=QUERY, documents=DOCUMENTS)
    assert (invalid.value.body["type"], list(invalid.value.body["details"])) == ("validation_error", ["documents"])
    assert unknown.value.body["type"] == "model_not_found"


def test_coheres_client_ranks_on_the_embedded_engine(embedded):
    with cohere.ClientV2("x", base_url=embedded.url, **ONCE) as client:
        results = client.rerank(model="default", query=QUERY, documents=DOCUMENTS).results
    assert results[0].index == 1
    assert results[0].relevance_score > results[1].relevance_score


def test_jinas_clients_read_the_response(ranked):
    body = {"model": "scripted", "query": QUERY, "documents": DOCUMENTS, "top_n": 1}
    response = requests.post(f"{ranked.url}/v1/rerank", json=body, headers=KEY, timeout=30).json()
    assert response["results"] == [
        {"index": 1, "relevance_score": pytest.approx(2 / 3), "document": {"text": DOCUMENTS[1]}}
    ]
    assert response["usage"]["total_tokens"] == 20
    assert "documents" in requests.post(f"{ranked.url}/v1/rerank", json={"query": QUERY}, timeout=30).json()["detail"]


def test_the_routes_of_text_embeddings_inference_answer(ranked):
    def post(route, body):
        response = requests.post(f"{ranked.url}/{route}", json=body, timeout=30)
        assert response.status_code == 200, response.text
        return response.json()

    ranks = post("rerank", {"query": QUERY, "texts": DOCUMENTS})
    assert [rank["index"] for rank in ranks] == [1, 2, 0]
    [vector] = post("embed", {"inputs": "a"})
    assert sum(number**2 for number in vector) == pytest.approx(1)
    inputs = {"source_sentence": "a", "sentences": ["a", "b"]}
    assert post("similarity", {"inputs": inputs})[0] == pytest.approx(1)
