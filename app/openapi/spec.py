"""Makes the document of the interface, in OpenAPI 3.1: from the schemas that validate, the routes, and the errors."""

import re
from typing import Any

from apispec import APISpec
from flask import Flask
from werkzeug.routing import Rule

from app.openapi.components import PARAMETERS, SECURITY_SCHEMES, add_parts
from app.openapi.marshmallow_plugin import SchemaPlugin
from app.openapi.responses import responses
from app.openapi.route_doc import JSON, RouteDoc, route_doc_of
from app.version import SERVICE, __version__
from app.web.openai_errors import is_openai_route

_DESCRIPTION = (
    "Text AI behind plain REST. JSON in, JSON out; every error has a type to decide by and a message to act on."
)
_TAGS = {
    "Text": "Generate, complete, rate and summarize text.",
    "OpenAI": "The routes of OpenAI's API, with its shapes; whatever else a request or an answer holds is passed on.",
    "Models": "Which models can be used.",
    "Operation": "Health checks and metrics.",
}
_NONE: dict[str, list[str]] = {}


def build_spec(app: Flask, *, keys_required: bool) -> dict[str, Any]:
    """Return the document of an app's documented routes; `keys_required` says whether operations need a client key."""
    keys: list[dict[str, list[str]]] = [{name: []} for name in SECURITY_SCHEMES]
    spec = APISpec(
        title=SERVICE,
        version=__version__,
        openapi_version="3.1.0",
        plugins=[SchemaPlugin()],
        info={"description": _DESCRIPTION, "license": {"name": "MIT", "identifier": "MIT"}},
        servers=[{"url": "/"}],
        tags=[{"name": name, "description": description} for name, description in _TAGS.items()],
        security=keys if keys_required else [_NONE, *keys],
    )
    add_parts(spec.components)
    for rule in app.url_map.iter_rules():
        documentation = route_doc_of(app.view_functions[rule.endpoint])
        if documentation is not None:
            spec.path(_template(rule), operations=_operations(spec, rule, documentation))
    return spec.to_dict()


def _operations(spec: APISpec, rule: Rule, documentation: RouteDoc) -> dict[str, Any]:
    operation = {
        "operationId": rule.endpoint.rpartition(".")[2],
        "tags": [documentation.tag],
        "summary": documentation.summary,
        "description": documentation.description,
        "parameters": _parameters(rule, documentation),
        "responses": responses(spec, documentation, openai=is_openai_route(rule.rule)),
    }
    if documentation.body is not None:
        examples = {name: {"value": one.request} for name, one in documentation.examples.items()}
        content = {JSON: {"schema": documentation.body, "examples": examples}}
        operation["requestBody"] = {"required": True, "content": content}
    if documentation.audience != "clients":
        keys = [_NONE, *({name: []} for name in SECURITY_SCHEMES)]
        operation["security"] = keys if documentation.audience == "operators" else []
    return {"post" if documentation.body is not None else "get": operation}


def _parameters(rule: Rule, documentation: RouteDoc) -> list[Any]:
    if documentation.audience != "clients":
        return ["X-Request-ID"]
    if documentation.body is not None:
        return list(PARAMETERS)
    named = [{"in": "path" if rule.arguments else "query", "schema": documentation.parameters}]
    return [*(named if documentation.parameters else []), *(name for name in PARAMETERS if name != "Idempotency-Key")]


def _template(rule: Rule) -> str:
    """Return a rule's path as OpenAPI writes it."""
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
