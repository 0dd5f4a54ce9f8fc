"""Builds the OpenAPI 3.1 document from the routes, the validating schemas and the error classes."""

import re
from typing import Any

from apispec import APISpec
from flask import Flask
from werkzeug.routing import Rule

from app.openapi.components import PARAMETERS, SECURITY_SCHEMES, add_components
from app.openapi.marshmallow_plugin import SchemaPlugin
from app.openapi.responses import responses
from app.openapi.route_doc import JSON, RouteDoc, route_doc_of
from app.version import SERVICE, __version__
from app.web.error_shapes import shape_of

_DESCRIPTION = (
    "Text AI behind plain REST, JSON in and out. Every error has a machine-readable `type` and a message with advice."
)
_TAGS = {
    "Text": "Generate, complete, rate and summarize text.",
    "OpenAI": "The routes of OpenAI's API in its shapes. Unknown fields of requests and responses are passed through.",
    "Rerank": "Rank documents by their relevance to a query.",
    "Embeddings inference": "The routes of Hugging Face's text-embeddings-inference, in its shapes.",
    "Ollama": "The routes of Ollama's API that a chat needs, in its shapes.",
    "Hugging Face": "The task calls of Hugging Face's inference API, and of text-generation-inference.",
    "Models": "The models that can be used.",
    "Operation": "Health checks, metrics and this document.",
}
_NO_KEY: dict[str, list[str]] = {}
_KEYS: list[dict[str, list[str]]] = [{name: []} for name in SECURITY_SCHEMES]


def build_spec(app: Flask, *, keys_required: bool) -> dict[str, Any]:
    """Return the document of an app's documented routes; `keys_required` if operations need a client key."""
    spec = APISpec(
        title=SERVICE,
        version=__version__,
        openapi_version="3.1.0",
        plugins=[SchemaPlugin()],
        info={"description": _DESCRIPTION, "license": {"name": "MIT", "identifier": "MIT"}},
        servers=[{"url": "/"}],
        tags=[{"name": name, "description": description} for name, description in _TAGS.items()],
        security=_KEYS if keys_required else [_NO_KEY, *_KEYS],
    )
    add_components(spec.components)
    for rule in app.url_map.iter_rules():
        doc = route_doc_of(app.view_functions[rule.endpoint])
        if doc is not None:
            spec.path(_path_template(rule), operations=_operations(spec, rule, doc))
    return spec.to_dict()


def _operations(spec: APISpec, rule: Rule, doc: RouteDoc) -> dict[str, Any]:
    operation = {
        "operationId": rule.endpoint.rpartition(".")[2],
        "tags": [doc.tag],
        "summary": doc.summary,
        "description": doc.description,
        "parameters": _parameters(rule, doc),
        "responses": responses(spec, doc, shape_of(rule.rule)),
    }
    if doc.body is not None:
        examples = {name: {"value": one.request} for name, one in doc.examples.items()}
        operation["requestBody"] = {"required": True, "content": {JSON: {"schema": doc.body, "examples": examples}}}
    if doc.audience != "clients":
        operation["security"] = [_NO_KEY, *_KEYS] if doc.audience == "operators" else []
    return {"post" if doc.body is not None else "get": operation}


def _parameters(rule: Rule, doc: RouteDoc) -> list[Any]:
    if doc.audience != "clients":
        return ["X-Request-ID"]
    own: list[Any] = [{"in": "path" if rule.arguments else "query", "schema": doc.parameters}] if doc.parameters else []
    return [*own, *(name for name in PARAMETERS if doc.body is not None or name != "Idempotency-Key")]


def _path_template(rule: Rule) -> str:
    """Return a rule's path in OpenAPI's notation."""
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
