"""Parses the responses of OpenAI's moderations route."""

from typing import Any

from app.backends.responses.model_names import UNKNOWN_MODEL, upstream_name
from app.backends.responses.optional_route import OtherRouteResponse, decode_optional
from app.backends.responses.usage import extract_usage, resolve_prompt_usage
from app.backends.types import OpenAIResult
from app.backends.upstream_response import UpstreamResponse
from app.errors import UpstreamInvalidResponse
from app.ids import new_id


def moderation_id() -> str:
    """Return the id of a response, in OpenAI's form."""
    return f"modr-{new_id()}"


def parse_moderations(response: UpstreamResponse, count: int, model: str, prompt: str) -> OpenAIResult:
    """Return the upstream's response, with `count` results. Raises the ServiceError of an invalid response."""
    payload = decode_optional(response)
    if not isinstance(payload, dict) or "results" not in payload:
        raise OtherRouteResponse
    results = payload["results"]
    if not isinstance(results, list) or len(results) != count or not all(map(_is_result, results)):
        raise UpstreamInvalidResponse
    name = upstream_name(payload.get("model")) or model or UNKNOWN_MODEL
    payload = {"id": upstream_name(payload.get("id")) or moderation_id(), "model": name, **_others(payload)}
    return OpenAIResult(payload, usage=resolve_prompt_usage(extract_usage(payload) or {}, prompt), model=name)


def _is_result(result: Any) -> bool:
    if not isinstance(result, dict) or not isinstance(result.get("flagged"), bool):
        return False
    return isinstance(result.get("categories"), dict) and isinstance(result.get("category_scores"), dict)


def _others(payload: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in payload.items() if name not in ("id", "model")}
