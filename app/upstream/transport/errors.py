"""Maps exceptions of requests, urllib3 and http.client to the errors of the service."""

from collections.abc import Iterator
from http.client import HTTPException

import requests
from urllib3.exceptions import DecodeError, ProtocolError, ReadTimeoutError

from app.errors import ServiceError, UpstreamInvalidResponse, UpstreamTimeout, UpstreamUnavailable

# matched against an exception and its causes; the first match wins, so the most specific entries come first
TRANSPORT_ERROR_MAP: tuple[tuple[type[Exception], type[ServiceError]], ...] = (
    (ConnectionResetError, UpstreamUnavailable),
    (HTTPException, UpstreamInvalidResponse),
    (requests.ConnectTimeout, UpstreamUnavailable),
    (requests.Timeout, UpstreamTimeout),
    (ReadTimeoutError, UpstreamTimeout),
    (requests.exceptions.ChunkedEncodingError, UpstreamInvalidResponse),
    (requests.exceptions.ContentDecodingError, UpstreamInvalidResponse),
    (requests.exceptions.InvalidHeader, UpstreamInvalidResponse),  # Content-Length headers with different values
    (DecodeError, UpstreamInvalidResponse),
    (ProtocolError, UpstreamInvalidResponse),
    (Exception, UpstreamUnavailable),
)


def map_transport_error(error: Exception) -> ServiceError:
    """Return the error of the service for an exception of a transport library."""
    chain = (error, *_causes(error))
    return next(mapped for kind, mapped in TRANSPORT_ERROR_MAP if any(isinstance(link, kind) for link in chain))()


def _causes(error: BaseException) -> Iterator[BaseException]:
    while cause := error.__cause__ or error.__context__:
        yield cause
        error = cause
