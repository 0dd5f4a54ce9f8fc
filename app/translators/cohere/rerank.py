"""Between the rerank APIs of Cohere and Jina, and the service's own operation."""

from typing import Any

from app.backends.responses.token_estimate import leading_tokens
from app.backends.types import Ranking, RerankRequest
from app.ids import new_id
from app.schemas.rerank_fields import document_text

# Cohere bills a search of up to so many documents as one unit: https://docs.cohere.com/docs/rerank-overview
DOCUMENTS_PER_SEARCH_UNIT = 100

# fields that the service applies or ignores; an upstream's own route gets all others
_OWN_FIELDS = frozenset(
    (
        "documents",
        "max_chunks_per_doc",
        "max_tokens_per_doc",
        "model",
        "priority",
        "query",
        "rank_fields",
        "relevant_spans",
        "raw_scores",
        "return_documents",
        "return_text",
        "top_n",
        "truncate",
    )
)
_TRUNCATED = "Some texts were longer than the model reads: a part of them was left out."


def plain_body(body: dict[str, Any]) -> dict[str, Any]:
    """Return a validated body with the text of each document in place of the document."""
    fields, limit = body.get("rank_fields", []), body.get("max_tokens_per_doc")
    texts = [document_text(document, fields) for document in body["documents"]]
    return {**body, "documents": [leading_tokens(text, limit) for text in texts] if limit else texts}


def rerank_request(plain: dict[str, Any]) -> RerankRequest:
    """Return the request of a body whose documents are texts. Cohere cuts documents that are too long."""
    options = {name: value for name, value in plain.items() if name not in _OWN_FIELDS}
    return RerankRequest(plain["query"], plain["documents"], options, {"truncate": True})


def rerank_response(body: dict[str, Any], ranking: Ranking, version: int) -> dict[str, Any]:
    """Return the response in the shape of both APIs: their fields have different names, or the same meaning.

    Jina returns documents unless the request says no. Cohere's second version does not return them.
    """
    documents, top_n = body["documents"], body.get("top_n")
    with_documents = body.get("return_documents", version == 1)
    results: list[dict[str, Any]] = [
        {"index": index, "relevance_score": ranking.scores[index]} for index in ranked(ranking)[:top_n]
    ]
    if with_documents:
        for result in results:
            document = documents[result["index"]]
            result["document"] = {"text": document} if isinstance(document, str) else document
    tokens = ranking.usage.total_tokens
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {
        "id": new_id(),
        "object": "list",
        "model": ranking.model,
        "results": results,
        "usage": {**usage, "estimated": True} if ranking.usage.estimated else usage,
        "meta": _meta(ranking, len(documents), version),
    }


def ranked(ranking: Ranking) -> list[int]:
    """Return the places of the texts, the most relevant first; those with equal scores stay in their order."""
    return sorted(range(len(ranking.scores)), key=ranking.scores.__getitem__, reverse=True)


def _meta(ranking: Ranking, count: int, version: int) -> dict[str, Any]:
    meta: dict[str, Any] = {
        "api_version": {"version": str(version)},
        "billed_units": {"search_units": -(-count // DOCUMENTS_PER_SEARCH_UNIT)},
        "tokens": {"input_tokens": ranking.usage.total_tokens},
    }
    return {**meta, "warnings": [_TRUNCATED]} if ranking.truncated else meta
