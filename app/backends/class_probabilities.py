"""Classifications in the form of vLLM's /classify."""

import time
from operator import itemgetter
from typing import Any

from app.backends.responses.model_names import UNKNOWN_MODEL, upstream_name
from app.backends.responses.optional_route import OtherRouteResponse, decode_optional
from app.backends.responses.usage import extract_usage, openai_usage, resolve_prompt_usage
from app.backends.types import Classifications, ClassifyRequest, OpenAIResult
from app.backends.upstream_response import UpstreamResponse
from app.errors import UpstreamInvalidResponse, UpstreamRejected
from app.ids import new_id

# each is a call of its own, one after another
MAX_TEXTS = 64


def classify_requests(value: Any) -> list[ClassifyRequest]:
    """Return a request for each text of a validated `input`; raise UpstreamRejected for too many."""
    texts = value if isinstance(value, list) else [value]
    if len(texts) > MAX_TEXTS:
        raise UpstreamRejected(details={"reason": f"At most {MAX_TEXTS} texts are classified at once."})
    return [ClassifyRequest((text,)) for text in texts]


def parse_classify(response: UpstreamResponse, count: int, model: str | None, prompt: str) -> OpenAIResult:
    """Return the response of a server's own route, with `count` entries. Raises the error of an invalid response."""
    payload = decode_optional(response)
    if not isinstance(payload, dict) or "data" not in payload:
        raise OtherRouteResponse
    data = payload["data"]
    if not isinstance(data, list) or len(data) != count or not all(map(_is_entry, data)):
        raise UpstreamInvalidResponse
    return _result(payload, data, upstream_name(payload.get("model")) or model or UNKNOWN_MODEL, prompt)


def _is_entry(entry: Any) -> bool:
    probs = entry.get("probs") if isinstance(entry, dict) else None
    return isinstance(probs, list) and bool(probs) and all(type(prob) in (int, float) for prob in probs)


def class_probabilities(classifications: Classifications, prompt: str) -> OpenAIResult:
    """Return classifications in vLLM's form; `labels` names the class of each probability, as clients know no others.

    `prompt` is the text of all inputs.
    """
    data = []
    for found in classifications.results:
        labels = sorted(found.labels)
        likeliest = max(labels, key=itemgetter(1))[0]
        names, probs = [name for name, _ in labels], [score for _, score in labels]
        data.append({"label": likeliest, "probs": probs, "num_classes": len(probs), "labels": names})
    usage = classifications.usage
    counts = {"prompt_tokens": usage.total_tokens, **({"estimated": True} if usage.estimated else {})}
    is_cut = any(found.truncated for found in classifications.results)
    payload: dict[str, Any] = {"usage": counts, **({"truncated": True} if is_cut else {})}
    return _result(payload, data, classifications.model or UNKNOWN_MODEL, prompt)


def _result(payload: dict[str, Any], data: list[dict[str, Any]], model: str, prompt: str) -> OpenAIResult:
    counts = extract_usage(payload) or {}
    usage = resolve_prompt_usage(counts, prompt)
    head = {"id": f"classify-{new_id()}", "object": "list", "created": int(time.time())}
    entries = [{"index": index, **entry} for index, entry in enumerate(data)]
    body = {**head, **payload, "model": model, "data": entries, "usage": openai_usage(counts, usage)}
    return OpenAIResult(body, usage=usage, model=model)
