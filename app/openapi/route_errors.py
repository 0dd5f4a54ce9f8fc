"""The errors that each route can return, taken from their classes."""

from collections.abc import Iterable, Iterator
from typing import Any

from app.errors import (
    AuthenticationError,
    CircuitOpen,
    ConcurrencyLimitReached,
    ConnectionLimitReached,
    Draining,
    HeadersTooLarge,
    IdempotencyKeyReused,
    InternalError,
    LargeBodyLimitReached,
    MethodNotAllowed,
    PayloadTooLarge,
    PermissionDenied,
    RateLimitExceeded,
    RequestTimeout,
    ServiceError,
    UnsupportedMediaType,
    UpstreamError,
    UriTooLong,
    ValidationError,
)
from app.openapi.route_doc import RouteDoc
from app.web.error_shapes.base import ErrorShape

ErrorTypes = list[type[ServiceError]]

# the server raises these before it knows the route, so they always have our own shape
_SERVER: ErrorTypes = [ValidationError, RequestTimeout, UriTooLong, HeadersTooLarge, Draining, InternalError]
_BODY: ErrorTypes = [
    ValidationError,
    RequestTimeout,
    PayloadTooLarge,
    UnsupportedMediaType,
    IdempotencyKeyReused,
    LargeBodyLimitReached,
]
_REQUEST_ID = "a3a8e10a381849d484778507f7c5efe4"


def raised_by_server(doc: RouteDoc) -> ErrorTypes:
    """Return the errors of requests that never reach the app; probes and metrics have no connection limit."""
    return [*_SERVER, ConnectionLimitReached] if doc.audience == "clients" else _SERVER


def raised_by_app(doc: RouteDoc) -> ErrorTypes:
    """Return the errors of requests that reach the app."""
    errors: ErrorTypes = [MethodNotAllowed, InternalError, *doc.errors]
    if doc.audience != "anyone":
        errors += [AuthenticationError, RateLimitExceeded]
    if doc.audience == "clients":
        errors += [
            PermissionDenied,
            ValidationError,
            CircuitOpen,
            ConcurrencyLimitReached,
            Draining,
            *_subclasses(UpstreamError),
        ]
    if doc.body is not None:
        errors += _BODY
    return errors


def has_operation_headers(errors: Iterable[type[ServiceError]]) -> bool:
    """Return whether one of the errors is raised after an operation has started."""
    return any(issubclass(error, UpstreamError | CircuitOpen) for error in errors)


def example(error_type: type[ServiceError], shape: ErrorShape) -> dict[str, Any]:
    """Return the body of an error in its default form."""
    return shape.body(error_type(), _REQUEST_ID)


def _subclasses(parent: type[ServiceError]) -> Iterator[type[ServiceError]]:
    for child in parent.__subclasses__():
        yield child
        yield from _subclasses(child)
