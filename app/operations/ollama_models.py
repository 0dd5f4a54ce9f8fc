"""GET /api/tags, POST /api/show and GET /api/version: what clients ask for first, like Ollama's API."""

from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from flask import Blueprint

from app.config.encoder_models import EMBEDDING_MODELS
from app.context.call_context import CallContext
from app.inference.model_catalog import ModelCatalog
from app.openapi.route_doc import JSON, Example, RouteDoc, RouteResponse, openapi_doc
from app.operations.endpoint import Handler, OperationEndpoint
from app.operations.ollama_routes import untag
from app.schemas.ollama import OllamaShowRequestSchema
from app.schemas.ollama_responses import OllamaShowResponseSchema, OllamaTagsResponseSchema, OllamaVersionResponseSchema

# clients compare it with the version that brought a field or a route: this one has the log-probabilities
OLLAMA_VERSION = "0.12.11"
_EMBEDDED = "embedded"
# a model's file is the upstream's
_DETAILS = {"format": "", "family": "", "families": [], "parameter_size": "", "quantization_level": ""}
_EXAMPLE = "SmolLM2-135M-Instruct"
_LISTED = ("gpt2", _EXAMPLE, *EMBEDDING_MODELS)


def _tag(entry: dict[str, Any]) -> dict[str, Any]:
    name = entry["id"]
    return {
        "name": name,
        "model": name,
        "modified_at": _time(entry["created"]),
        "size": 0,
        # clients tell models apart by it, and show its first characters
        "digest": sha256(name.encode()).hexdigest(),
        "details": {"parent_model": "", **_DETAILS},
    }


def _time(seconds: int) -> str:
    """Return a time of the list of models in RFC 3339; one that no date has, such as milliseconds, is unknown."""
    try:
        time = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        time = datetime.fromtimestamp(0, UTC)
    return time.isoformat().replace("+00:00", "Z")


_TAGS_DOC = RouteDoc(
    tag="Ollama",
    summary="List the models, in Ollama's form",
    description="The names from the settings, then the models that the primary backend lists.",
    responses=(RouteResponse("The list.", {JSON: OllamaTagsResponseSchema}),),
    examples={"embedded": Example({"models": [_tag({"id": name, "created": 0}) for name in _LISTED]})},
)
_SHOW_DOC = RouteDoc(
    tag="Ollama",
    summary="Describe a model, in Ollama's form",
    description="Facts of the model's file are unknown, so they are empty.",
    responses=(RouteResponse("The model.", {JSON: OllamaShowResponseSchema}),),
    examples={
        "embedded": Example(
            request={"model": _EXAMPLE},
            response={
                "modified_at": "1970-01-01T00:00:00Z",
                "modelfile": "",
                "template": "",
                "parameters": "",
                "details": {"parent_model": "", **_DETAILS},
                "model_info": {"general.name": _EXAMPLE},
                "capabilities": ["completion"],
            },
        )
    },
)
_VERSION_DOC = RouteDoc(
    tag="Ollama",
    summary="Return the version of Ollama's API",
    description="The version of Ollama whose API these routes follow.",
    responses=(RouteResponse("The version.", {JSON: OllamaVersionResponseSchema}),),
    examples={"version": Example({"version": OLLAMA_VERSION})},
)


def blueprint(endpoint: OperationEndpoint) -> Blueprint:
    """Return the blueprint of the three routes."""
    routes = Blueprint("ollama_models", __name__)
    catalog = ModelCatalog(endpoint.inference)

    @routes.get("/api/tags")
    @openapi_doc(_TAGS_DOC)
    def ollama_tags() -> Any:
        context = endpoint.start_context(routes.name)
        entries = [entry for entry in catalog.entries(context) if endpoint.may_use(entry["id"])]
        return context.with_debug({"models": [_tag(entry) for entry in entries]})

    @routes.get("/api/version")
    @openapi_doc(_VERSION_DOC)
    def ollama_version() -> Any:
        return {"version": OLLAMA_VERSION}

    def show(context: CallContext, body: dict[str, Any]) -> dict[str, Any]:
        return _description(catalog.entry(context, body.get("model", "default")))

    def translate(body: dict[str, Any]) -> tuple[dict[str, Any], Handler]:
        name = body.get("model") or body.get("name")
        return untag(endpoint, {"model": name} if name else {}), show

    schema = OllamaShowRequestSchema(endpoint.config)
    endpoint.register_translated(routes, "/api/show", schema, translate, schema, _SHOW_DOC, name="ollama_show")
    return routes


def _description(entry: dict[str, Any]) -> dict[str, Any]:
    return {
        "modified_at": _time(entry["created"]),
        "modelfile": "",
        "template": "",
        "parameters": "",
        "details": {"parent_model": "", **_DETAILS},
        "model_info": {"general.name": entry["id"]},
        "capabilities": _capabilities(entry),
    }


def _capabilities(entry: Mapping[str, Any]) -> list[str]:
    if entry["owned_by"] != _EMBEDDED:
        return ["completion", "tools"]  # backends refuse tools if the model has none
    # the embedded engine's models mostly have no tools
    return ["embedding"] if entry["id"].removeprefix(f"{_EMBEDDED}:") in EMBEDDING_MODELS else ["completion"]
