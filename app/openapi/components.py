"""What several routes of the document refer to: headers, parameters, ways to show a client key."""

from collections.abc import Iterable
from typing import Any

from apispec.core import Components

from app.config.parsers import DURATION
from app.context.call_context import CACHE_STATUSES
from app.web.request_headers import IDEMPOTENCY_KEY

_TEXT = {"type": "string"}
_COUNT = {"type": "integer", "minimum": 0}
# HTTP takes spaces from both ends of a value; a digit that is not zero makes it longer than zero
_POSITIVE_DURATION = rf"^(?=.*[1-9])(?:{DURATION.pattern})$"

HEADERS = {
    "X-Request-ID": ("The request's id, which is in the log too.", _TEXT),
    "X-AI-Backend": ("The backend that answered, or failed.", _TEXT),
    "X-AI-Model": ("The model that answered, or failed.", _TEXT),
    "X-AI-Attempts": ("Upstream calls made.", _COUNT),
    "X-AI-Cache": ("Whether the answer came from the cache.", {"type": "string", "enum": list(CACHE_STATUSES)}),
    "X-AI-Fallback": (
        "Whether another model than the one asked for was tried.",
        {"type": "string", "enum": ["true", "false"]},
    ),
    "Server-Timing": ("Milliseconds spent waiting for a place, upstream, and in all.", _TEXT),
    "RateLimit-Policy": ("How many requests in how many seconds the client may make.", _TEXT),
    "RateLimit": ("How many of them are left, and the seconds until there are more.", _TEXT),
    "RateLimit-Limit": ("Requests in a window.", _COUNT),
    "RateLimit-Remaining": ("Requests left of them.", _COUNT),
    "RateLimit-Reset": ("Seconds until there are more.", _COUNT),
    "Retry-After": ("Seconds after which to come back, where they are known.", {"type": "integer", "minimum": 1}),
    "Allow": ("The methods that the route takes.", _TEXT),
    "WWW-Authenticate": ("How to show a client key.", _TEXT),
}
OPERATION_HEADERS = [name for name in HEADERS if name.startswith(("X-AI-", "RateLimit")) or name == "Server-Timing"]

PARAMETERS: dict[str, tuple[str, dict[str, Any]]] = {
    "X-Request-ID": (
        "An id for logs here and upstream; another one is made unless it is 1 to 128 letters, digits, `.`, `_` or `-`.",
        _TEXT,
    ),
    "X-Request-Timeout": (
        "Less time than the service's own, such as `5s`, `500ms`, `1m` or plain seconds; at most `24h`.",
        {"type": "string", "pattern": _POSITIVE_DURATION},
    ),
    "X-AI-Debug": ("`1` asks for the timeline of attempts, in `debug`; anything else for nothing.", _TEXT),
    "Cache-Control": ("`no-cache`: no answer from the cache; `no-store`: none is kept either.", _TEXT),
    "Idempotency-Key": (
        "The same key with the same body gets the stored answer; with another body 422.",
        {"type": "string", "pattern": f"^{IDEMPOTENCY_KEY.pattern}$"},
    ),
}
SECURITY_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A client key as a bearer token."},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "A client key."},
}


def add_parts(components: Components) -> None:
    """Add all of them to a document."""
    for name, (description, schema) in HEADERS.items():
        components.header(name, {"description": description, "schema": schema, "required": name == "X-Request-ID"})
    for name, (description, schema) in PARAMETERS.items():
        components.parameter(name, "header", {"name": name, "description": description, "schema": schema})
    for name, scheme in SECURITY_SCHEMES.items():
        components.security_scheme(name, scheme)


def headers(names: Iterable[str]) -> dict[str, Any]:
    """Return references to headers of a response."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
