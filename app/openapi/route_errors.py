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
from app.web.openai_errors import openai_error

Faults = list[type[ServiceError]]

# what the server refuses before it knows the route; always in our own shape
_SERVER: Faults = [ValidationError, RequestTimeout, UriTooLong, HeadersTooLarge, Draining, InternalError]
_BODY: Faults = [ValidationError, RequestTimeout, PayloadTooLarge, UnsupportedMediaType, IdempotencyKeyReused]
_REQUEST_ID = "a3a8e10a381849d484778507f7c5efe4"


def refused_by_server(documentation: RouteDoc) -> Faults:
    """Return the errors of a route's requests that the app never sees; health checks and metrics are never refused."""
    return [*_SERVER, ConnectionLimitReached] if documentation.audience == "clients" else _SERVER


def raised_by_app(documentation: RouteDoc) -> Faults:
    """Return the errors of a route's requests that the app answers."""
    faults: Faults = [MethodNotAllowed, InternalError, *documentation.errors]
    if documentation.audience != "anyone":
        faults += [AuthenticationError, RateLimitExceeded]
    if documentation.audience == "clients":
        faults += [
            PermissionDenied,
            ValidationError,
            CircuitOpen,
            ConcurrencyLimitReached,
            Draining,
            *_below(UpstreamError),
        ]
    if documentation.body is not None:
        faults += _BODY
    return faults


def tells_of_operation(faults: Iterable[type[ServiceError]]) -> bool:
    """Tell whether one of the errors comes late enough to tell what happened to an operation."""
    return any(issubclass(fault, UpstreamError | CircuitOpen) for fault in faults)


def example(fault: type[ServiceError], *, openai: bool) -> dict[str, Any]:
    """Return an error as a caller gets it."""
    error = fault()
    return openai_error(error) if openai else error.body(_REQUEST_ID)


def _below(fault: type[ServiceError]) -> Iterator[type[ServiceError]]:
    for one in fault.__subclasses__():
        yield one
        yield from _below(one)
