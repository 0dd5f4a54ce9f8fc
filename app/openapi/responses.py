"""The responses of a route: the successful ones with their examples, and the errors."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from apispec import APISpec

from app.errors import AuthenticationError, MethodNotAllowed
from app.openapi.components import OPERATION_HEADERS, header_refs
from app.openapi.route_doc import JSON, RouteDoc, RouteResponse
from app.openapi.route_errors import ErrorTypes, example, has_operation_headers, raised_by_app, raised_by_server
from app.web.error_shapes.base import ErrorShape
from app.web.error_shapes.native import NATIVE

_STATUS_HEADERS = {
    AuthenticationError.status: ["WWW-Authenticate"],
    MethodNotAllowed.status: ["Allow"],
    HTTPStatus.TOO_MANY_REQUESTS: ["Retry-After"],
    HTTPStatus.SERVICE_UNAVAILABLE: ["Retry-After"],
}

# on routes with a shape of another API an error type may occur in both shapes
_SERVER_SUFFIX = "-by-server"


def responses(spec: APISpec, doc: RouteDoc, shape: ErrorShape) -> dict[str, Any]:
    """Return all responses of a route by status. Errors become components of the document, which routes share."""
    from_app, from_server = raised_by_app(doc), raised_by_server(doc)
    errors: dict[int, Any] = {}
    for status in sorted({error.status for error in (*from_app, *from_server)}):
        app, server = ([error for error in group if error.status == status] for group in (from_app, from_server))
        errors[status] = _error([*app, *server], [], shape) if shape is NATIVE else _error(app, server, shape)
    successes = {response.status: _success(response, doc, errors.get(response.status)) for response in doc.responses}
    refs = {status: _component(spec, status, error, shape) for status, error in errors.items()}
    return {str(status): response for status, response in sorted((refs | successes).items())}


def _success(response: RouteResponse, doc: RouteDoc, error: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a successful response, merged with the errors of its status if there are any."""
    content: dict[str, Any] = {}
    for media_type, schema in response.content.items():
        examples = {
            name: {"value": one.response}
            for name, one in doc.examples.items()
            if (one.status, one.media_type) == (response.status, media_type)
        }
        content[media_type] = {"schema": schema, **({"examples": examples} if examples else {})}
    if error is not None:
        own, shared = content[JSON], error["content"][JSON]
        content[JSON] = {
            "schema": {"anyOf": [own["schema"], shared["schema"]]},
            "examples": own["examples"] | shared["examples"],
        }
    headers = _headers(response.status, operation=doc.audience == "clients")
    return {"description": response.description, "headers": headers, "content": content}


def _error(from_app: ErrorTypes, from_server: ErrorTypes, shape: ErrorShape) -> dict[str, Any]:
    """Return the response of the errors with one status. Errors `from_server` always have our own shape."""
    status = (from_app or from_server)[0].status
    schemas, examples = [], {}
    for errors, suffix, used in ((from_app, "", shape), (from_server, _SERVER_SUFFIX, NATIVE)):
        if by_type := {error.type: error for error in reversed(errors)}:
            schemas.append(used.schema(status, list(by_type)))
            for name, error in by_type.items():
                examples[name + suffix] = {"value": example(error, used)}
    return {
        "description": HTTPStatus(status).phrase,
        "headers": _headers(status, operation=has_operation_headers(from_app)),
        "content": {JSON: {"schema": schemas[0] if len(schemas) == 1 else {"anyOf": schemas}, "examples": examples}},
    }


def _headers(status: int, *, operation: bool) -> dict[str, Any]:
    names = ["X-Request-ID", *(OPERATION_HEADERS if operation else []), *_STATUS_HEADERS.get(status, [])]
    return header_refs(names)


def _component(spec: APISpec, status: int, error: dict[str, Any], shape: ErrorShape) -> dict[str, str]:
    """Return a reference to the component of an error; its name has the status, the shape and the types."""
    name = "-".join([str(status), *([shape.name] if shape.name else []), *error["content"][JSON]["examples"]])
    if name not in spec.components.responses:
        spec.components.response(name, error)
    return {"$ref": f"#/components/responses/{name}"}
