"""The documentation of a route. It is declared beside the route's view, in the same file."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from marshmallow import Schema

from app.errors import ServiceError
from app.schemas.fields import RequestSchema

View = TypeVar("View", bound=Callable[..., Any])

JSON = "application/json"
EVENTS = "text/event-stream"
TEXT = {"type": "string"}
# OpenAPI 3.1 has no schema for single events of a stream; the example shows them
STREAM: dict[str, Any] = {}


@dataclass(frozen=True)
class RouteResponse:
    """A successful status, with its schema by media type."""

    description: str
    content: Mapping[str, type[Schema] | dict[str, Any]]
    status: int = 200


@dataclass(frozen=True)
class Example:
    """A response, and the body or the parameters of the request for it."""

    response: Any
    request: Mapping[str, Any] | None = None
    media_type: str = JSON
    status: int = 200


@dataclass(frozen=True, kw_only=True)
class RouteDoc:
    """The documentation of one route. The spec adds everything that follows from audience, method and error shape.

    `anyone` needs no client key and has no limit. `operators` need a key if a setting says so. `clients` call
    operations. `errors` are those that are specific to this route.
    """

    tag: str
    summary: str
    description: str
    responses: tuple[RouteResponse, ...]
    examples: Mapping[str, Example]
    audience: Literal["anyone", "operators", "clients"] = "clients"
    body: RequestSchema | None = None
    parameters: RequestSchema | None = None
    errors: tuple[type[ServiceError], ...] = ()


def openapi_doc(doc: RouteDoc) -> Callable[[View], View]:
    """Attach the documentation to a view."""

    def attach(view: View) -> View:
        vars(view)["openapi_doc"] = doc
        return view

    return attach


def route_doc_of(view: Callable[..., Any]) -> RouteDoc | None:
    """Return the documentation of a view, None without one."""
    return vars(view).get("openapi_doc")
