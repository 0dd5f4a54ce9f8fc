"""Reads the responses of routes that a server may lack."""

from typing import Any

from app.backends.responses.json_text import load_json
from app.backends.responses.normalize import require_no_error, require_success
from app.backends.upstream_response import UpstreamResponse
from app.errors import UpstreamInvalidResponse


class OtherRouteResponse(UpstreamInvalidResponse):
    """A successful response of another kind than that of the route, such as the page of a proxy: no such route."""

    retryable = False
    counts_as_failure = False


def decode_optional(response: UpstreamResponse) -> Any:
    """Return the JSON object or array of a successful response; raise the error of its status or payload otherwise.

    Raises OtherRouteResponse for text that is no JSON at all, and UpstreamInvalidResponse for broken JSON.
    """
    require_success(response)
    if not response.body.lstrip().startswith((b"{", b"[")):
        raise OtherRouteResponse
    payload = load_json(response.body)
    if payload is None:
        raise UpstreamInvalidResponse
    require_no_error(payload)
    return payload
