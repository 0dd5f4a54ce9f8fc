"""Responses of the server itself to requests that do not reach the app, in the shape of all other errors."""

from http import HTTPStatus

import orjson
from gunicorn.http.errors import (
    InvalidResponseHeader,
    InvalidResponseHeaderName,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
)

from app.errors import HeadersTooLarge, InternalError, ServiceError, UriTooLong, ValidationError
from app.web.security_headers import OVERRIDABLE_HEADERS, SECURITY_HEADERS

_SECURITY_HEADERS = "".join(f"{name}: {value}\r\n" for name, value in (*OVERRIDABLE_HEADERS, *SECURITY_HEADERS))


def to_service_error(error: BaseException) -> ServiceError:
    """Return the service's error for an exception of the server."""
    if isinstance(error, ServiceError):
        return error
    if isinstance(error, LimitRequestLine):
        return UriTooLong()
    if isinstance(error, LimitRequestHeaders):
        return HeadersTooLarge()
    if isinstance(error, ParseException) and not isinstance(error, InvalidResponseHeader | InvalidResponseHeaderName):
        return ValidationError("The request is not valid HTTP/1.1; see RFC 9112.")
    return InternalError()


def serialize(error: ServiceError, request_id: str) -> bytes:
    """Return the error as a complete HTTP/1.1 response that closes the connection."""
    body = orjson.dumps(error.body(request_id))
    headers = "".join(f"{name}: {value}\r\n" for name, value in error.headers.items())
    head = (
        f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}\r\n{headers}"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n"
        f"X-Request-ID: {request_id}\r\n{_SECURITY_HEADERS}\r\n"
    )
    return head.encode("ascii") + body
