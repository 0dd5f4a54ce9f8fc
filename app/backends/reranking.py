"""Ranks texts by their relevance to a query: by a server's route for it, a pipeline, or embeddings."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from app.backends.base import Plan, UpstreamRequest, UpstreamResponse
from app.backends.openai_bodies import with_model
from app.backends.optional_routes import OptionalRoutes, shows_lack
from app.backends.responses.embeddings import MAX_VECTORS_BYTES
from app.backends.responses.ranking import cosine_similarities, parse_ranking, parse_similarities
from app.backends.responses.token_estimate import estimated_tokens
from app.backends.tasks.batches import Batches
from app.backends.tasks.pipeline_inputs import ENCODER_MAX_TOKENS, leading_of_each, read_inputs
from app.backends.types import OpenAIRequest, OpenAIResult, Ranking, RerankRequest, Result, Usage, Vectors
from app.errors import NotSupported, UpstreamError

# makes the call of a route from its parser and its body
MakeCall = Callable[[str, Callable[[UpstreamResponse], Ranking], dict[str, Any]], UpstreamRequest[Ranking]]
Embed = Callable[[OpenAIRequest], Plan[OpenAIResult]]
# makes the call of a pipeline from its parser and its inputs
MakePipelineCall = Callable[[Callable[[UpstreamResponse], Ranking], dict[str, Any]], UpstreamRequest[Ranking]]

ROUTE = "rerank"


class RerankRoutes:
    """The rerank routes of one OpenAI-compatible server, as far as it has them."""

    def __init__(self, root_url: str, routes: OptionalRoutes, batches: Batches) -> None:
        self._root_url = root_url
        self._routes = routes
        self._batches = batches

    def rank(self, make_call: MakeCall, request: RerankRequest, model: str | None) -> Plan[Ranking | None]:
        """Use Jina's route, which vLLM and llama.cpp have too, or that of text-embeddings-inference; None without."""
        ranking = yield from self._routes.call(_jina_call(make_call, request, model))
        if ranking is not None:
            return ranking
        ask = partial(self._ask_tei, make_call, request, model)
        parts = yield from self._batches.send(ROUTE, request.documents, ask)
        rankings = [part for part in parts if part is not None]
        return _joined(rankings) if len(rankings) == len(parts) else None

    def _ask_tei(
        self, make_call: MakeCall, request: RerankRequest, model: str | None, texts: list[str]
    ) -> Plan[Ranking | None]:
        batch = replace(request, documents=texts)
        body = with_model(model, {"query": request.query, "texts": texts, **request.tei_options})
        call = make_call(ROUTE, partial(parse_ranking, request=batch, model=model), body)
        return self._routes.call(replace(call, url=f"{self._root_url}/{ROUTE}", deterministic=True))


def _jina_call(make_call: MakeCall, request: RerankRequest, model: str | None) -> UpstreamRequest[Ranking]:
    """Return the call for all documents at once: some models compare them with each other."""
    added = {"top_n": len(request.documents), "return_documents": False}
    documents = list(request.documents)
    body = with_model(model, {"query": request.query, "documents": documents, **request.options, **added})
    call = make_call(ROUTE, partial(parse_ranking, request=request, model=model), body)
    return replace(call, deterministic=True, added=dict.fromkeys(added), max_response_bytes=MAX_VECTORS_BYTES)


def rank_by_embeddings(batches: Batches, embed: Embed, request: RerankRequest) -> Plan[Ranking]:
    """Compare the embeddings of query and texts by their cosine; `embed` embeds a batch."""
    texts = [request.query, *request.documents]
    query: list[float] = []

    def ask(batch: list[str]) -> Plan[Ranking]:
        result = yield from embed(OpenAIRequest({"input": batch}, "\n".join(batch)))
        vectors = _vectors(result)
        if not query:
            query.extend(vectors.pop(0))
        truncated = bool(result.payload.get("truncated"))
        scores = cosine_similarities(query, vectors)
        return Ranking(scores, truncated, usage=result.usage, model=result.model)

    return _joined((yield from batches.send("embeddings", texts, ask)))


def embed_all(batches: Batches, embed: Embed, texts: Sequence[str]) -> Plan[Vectors]:
    """Return the vectors of texts; `embed` embeds a batch."""

    def ask(batch: list[str]) -> Plan[OpenAIResult]:
        return embed(OpenAIRequest({"input": batch}, "\n".join(batch)))

    parts = yield from batches.send("embeddings", texts, ask)
    vectors = [vector for part in parts for vector in _vectors(part)]
    return Vectors(vectors, usage=_usage(parts), model=parts[0].model)


def _vectors(result: OpenAIResult) -> list[list[float]]:
    return [entry["embedding"] for entry in sorted(result.payload["data"], key=_index)]


def _index(entry: Mapping[str, Any]) -> int:
    index: int = entry["index"]
    return index


def require_embeddings(plan: Plan[Ranking]) -> Plan[Ranking]:
    """Return the plan; it raises NotSupported with advice if the server has no embeddings for the model."""
    try:
        return (yield from plan)
    except UpstreamError as error:
        if not shows_lack(error):
            raise
        raise NotSupported(
            "The backend has no rerank route and no embeddings for this model; name another model, or set RERANK_MODEL."
        ) from error


def rank_by_pipeline(
    batches: Batches, make_call: MakePipelineCall, request: RerankRequest, model: str
) -> Plan[Ranking]:
    """Use a sentence-similarity pipeline, whose models read the beginning of longer texts."""

    def ask(texts: list[str]) -> Plan[Ranking]:
        batch = replace(request, documents=texts)
        parse = partial(parse_similarities, request=batch, model=model)

        def call(inputs: list[str]) -> UpstreamRequest[Ranking]:
            pipeline_call = make_call(parse, {"source_sentence": inputs[0], "sentences": inputs[1:]})
            return replace(pipeline_call, url=f"{pipeline_call.url}/pipeline/{pipeline_call.route}")

        inputs = [request.query, *texts]
        is_long = any(estimated_tokens(text) > ENCODER_MAX_TOKENS for text in inputs)
        limit = ENCODER_MAX_TOKENS if is_long else ENCODER_MAX_TOKENS // 2
        ranking, read = yield from read_inputs(call, inputs, partial(leading_of_each, inputs, limit))
        return replace(ranking, truncated=is_long or read != inputs)

    return _joined((yield from batches.send("sentence-similarity", request.documents, ask)))


def _joined(parts: Sequence[Ranking]) -> Ranking:
    """Return the ranking of all batches as one."""
    scores = [score for part in parts for score in part.scores]
    truncated = any(part.truncated for part in parts)
    return Ranking(scores, truncated, usage=_usage(parts), model=parts[0].model)


def _usage(parts: Sequence[Result]) -> Usage:
    tokens = sum(part.usage.prompt_tokens for part in parts)
    return Usage(tokens, None, any(part.usage.estimated for part in parts))
