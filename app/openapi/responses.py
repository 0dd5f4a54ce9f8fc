"""The responses of a route: its answers with their examples, and its errors."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from apispec import APISpec

from app.errors import AuthenticationError, MethodNotAllowed
from app.openapi.components import OPERATION_HEADERS, headers
from app.openapi.route_doc import JSON, RouteDoc, RouteResponse
from app.openapi.route_errors import Faults, example, raised_by_app, refused_by_server, tells_of_operation
from app.schemas.responses import ErrorSchema, OpenAIErrorSchema

_OWN_HEADERS = {
    AuthenticationError.status: ["WWW-Authenticate"],
    MethodNotAllowed.status: ["Allow"],
    HTTPStatus.TOO_MANY_REQUESTS: ["Retry-After"],
    HTTPStatus.SERVICE_UNAVAILABLE: ["Retry-After"],
}

# OpenAI's routes have errors of either shape
_BY_SERVER = "-by-server"


def responses(spec: APISpec, documentation: RouteDoc, *, openai: bool) -> dict[str, Any]:
    """Return all responses of a route by status; errors become components of the document, which routes share."""
    raised, refused = raised_by_app(documentation), refused_by_server(documentation)
    found: dict[int, Any] = {}
    for status in sorted({fault.status for fault in (*raised, *refused)}):
        late, early = ([fault for fault in faults if fault.status == status] for faults in (raised, refused))
        found[status] = _error(late, early, openai=True) if openai else _error([*late, *early], [], openai=False)
    own = {answer.status: _answer(answer, documentation, found.get(answer.status)) for answer in documentation.answers}
    shared = {status: _component(spec, status, error, openai=openai) for status, error in found.items()}
    return {str(status): response for status, response in sorted((shared | own).items())}


def _answer(answer: RouteResponse, documentation: RouteDoc, error: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the response of an answer, which may share its status with errors."""
    content: dict[str, Any] = {}
    for media_type, schema in answer.content.items():
        examples = {
            name: {"value": one.answer}
            for name, one in documentation.examples.items()
            if (one.status, one.media_type) == (answer.status, media_type)
        }
        content[media_type] = {"schema": schema, **({"examples": examples} if examples else {})}
    if error is not None:
        shared = error["content"][JSON]
        own = content[JSON]
        content[JSON] = {
            "schema": {"anyOf": [own["schema"], shared["schema"]]},
            "examples": own["examples"] | shared["examples"],
        }
    more = OPERATION_HEADERS if documentation.audience == "clients" else []
    return {
        "description": answer.description,
        "headers": headers(["X-Request-ID", *more, *_OWN_HEADERS.get(answer.status, [])]),
        "content": content,
    }


def _error(raised: Faults, refused: Faults, *, openai: bool) -> dict[str, Any]:
    """Return the response of the errors with one status; those `refused` by the server are always in our shape."""
    status = (raised or refused)[0].status
    schemas, examples = [], {}
    for faults, as_openai in ((raised, openai), (refused, False)):
        if by_type := {fault.type: fault for fault in reversed(faults)}:
            schemas.append(_error_schema(status, list(by_type), openai=as_openai))
            for kind, fault in by_type.items():
                name = kind if faults is raised else kind + _BY_SERVER
                examples[name] = {"value": example(fault, openai=as_openai)}
    more = OPERATION_HEADERS if tells_of_operation(raised) else []
    return {
        "description": HTTPStatus(status).phrase,
        "headers": headers(["X-Request-ID", *more, *_OWN_HEADERS.get(status, [])]),
        "content": {JSON: {"schema": schemas[0] if len(schemas) == 1 else {"anyOf": schemas}, "examples": examples}},
    }


def _error_schema(status: int, types: list[str], *, openai: bool) -> dict[str, Any]:
    kind = {"type": {"enum": types}}
    if openai:
        return {"allOf": [OpenAIErrorSchema, {"properties": {"error": {"properties": kind | {"code": kind["type"]}}}}]}
    return {"allOf": [ErrorSchema, {"properties": kind | {"code": {"const": status}}}]}


def _component(spec: APISpec, status: int, error: dict[str, Any], *, openai: bool) -> dict[str, str]:
    """Return a reference to the component that holds an error; status, shape and types make the response."""
    name = "-".join([str(status), *(["openai"] if openai else []), *error["content"][JSON]["examples"]])
    if name not in spec.components.responses:
        spec.components.response(name, error)
    return {"$ref": f"#/components/responses/{name}"}
