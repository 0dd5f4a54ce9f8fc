"""What the document tells of a route; it stands beside the route's view, in the same file."""

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
# OpenAPI 3.1 cannot say what each event of a stream is; the example does
STREAM: dict[str, Any] = {}


@dataclass(frozen=True)
class RouteResponse:
    """A status that is no error, and its schema by media type."""

    description: str
    content: Mapping[str, type[Schema] | dict[str, Any]]
    status: int = 200


@dataclass(frozen=True)
class Example:
    """An answer, and the request that got it: its body or its parameters."""

    answer: Any
    request: Mapping[str, Any] | None = None
    media_type: str = JSON
    status: int = 200


@dataclass(frozen=True, kw_only=True)
class RouteDoc:
    """All that is told of a route. What follows from its audience, method and shape of errors is added to that.

    `anyone` needs no client key, and no limit applies; `operators` may be asked for one by a setting; `clients` call
    operations. `errors` are those that no other route has.
    """

    tag: str
    summary: str
    description: str
    answers: tuple[RouteResponse, ...]
    examples: Mapping[str, Example]
    audience: Literal["anyone", "operators", "clients"] = "clients"
    body: RequestSchema | None = None
    parameters: RequestSchema | None = None
    errors: tuple[type[ServiceError], ...] = ()


def openapi_doc(documentation: RouteDoc) -> Callable[[View], View]:
    """Attach its documentation to a view."""

    def attach(view: View) -> View:
        vars(view)["documentation"] = documentation
        return view

    return attach


def route_doc_of(view: Callable[..., Any]) -> RouteDoc | None:
    """Return the documentation of a view, None where it has none."""
    return vars(view).get("documentation")
