"""The components that several routes refer to: headers, parameters and security schemes."""

from collections.abc import Iterable
from typing import Any

from apispec.core import Components

from app.config.parsers import DURATION
from app.context.call_context import CACHE_STATUSES
from app.pii.kinds import ALL, RULE_KINDS
from app.web.request_headers import IDEMPOTENCY_KEY

_TEXT = {"type": "string"}
_KINDS = "|".join(RULE_KINDS)
_REDACT = rf"^ *(?:{ALL}|(?:{_KINDS})(?: *[,+] *(?:{_KINDS}))*) *$"
_COUNT = {"type": "integer", "minimum": 0}
# HTTP strips spaces from both ends of a value. The lookahead excludes zero: one digit must differ from it
_POSITIVE_DURATION = rf"^(?=.*[1-9])(?:{DURATION.pattern})$"

HEADERS = {
    "X-Request-ID": ("The id of the request, as in the log.", _TEXT),
    "X-AI-Backend": ("The backend that responded or failed.", _TEXT),
    "X-AI-Model": ("The model that responded or failed.", _TEXT),
    "X-AI-Attempts": ("The number of upstream calls.", _COUNT),
    "X-AI-Cache": ("Whether the response came from the cache.", {"type": "string", "enum": list(CACHE_STATUSES)}),
    "X-AI-Fallback": (
        "Whether a fallback model was tried.",
        {"type": "string", "enum": ["true", "false"]},
    ),
    "Server-Timing": ("Milliseconds in the queue, upstream and in total.", _TEXT),
    "RateLimit-Policy": ("The number of requests that the client may send, and in how many seconds.", _TEXT),
    "RateLimit": ("The number of requests left, and the seconds until there are more.", _TEXT),
    "RateLimit-Limit": ("The number of requests in a window.", _COUNT),
    "RateLimit-Remaining": ("The number of requests left in the window.", _COUNT),
    "RateLimit-Reset": ("Seconds until there are more requests.", _COUNT),
    "Retry-After": ("Seconds to wait before the next attempt, if known.", {"type": "integer", "minimum": 1}),
    "Allow": ("The methods of the route.", _TEXT),
    "WWW-Authenticate": ("How to send a client key.", _TEXT),
}
OPERATION_HEADERS = [name for name in HEADERS if name.startswith(("X-AI-", "RateLimit")) or name == "Server-Timing"]

PARAMETERS: dict[str, tuple[str, dict[str, Any]]] = {
    "X-Request-ID": (
        "An id for logs here and upstream: 1 to 128 letters, digits, `.`, `_` or `-`. Any other value is replaced.",
        _TEXT,
    ),
    "X-Request-Timeout": (
        "A shorter timeout than the service's own, such as `5s`, `500ms`, `1m` or plain seconds; at most `24h`.",
        {"type": "string", "pattern": _POSITIVE_DURATION},
    ),
    "X-AI-Debug": ("With `1`, the response has a `debug` field with the timeline of attempts.", _TEXT),
    "X-AI-Redact": (
        "Kinds of personal data that the backend does not get, such as `email,phone`, or `all`: placeholders are sent "
        "in their place, and the response has the values.",
        {"type": "string", "pattern": _REDACT},
    ),
    "Cache-Control": ("`no-cache` skips the cache on reading; `no-store` skips it on reading and writing.", _TEXT),
    "Idempotency-Key": (
        "A repeated key with the same body returns the stored response; with another body 422.",
        {"type": "string", "pattern": f"^{IDEMPOTENCY_KEY.pattern}$"},
    ),
}
SECURITY_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A client key as a bearer token."},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "A client key."},
}


def add_components(components: Components) -> None:
    """Add all of them to a document."""
    for name, (description, schema) in HEADERS.items():
        components.header(name, {"description": description, "schema": schema, "required": name == "X-Request-ID"})
    for name, (description, schema) in PARAMETERS.items():
        components.parameter(name, "header", {"name": name, "description": description, "schema": schema})
    for name, scheme in SECURITY_SCHEMES.items():
        components.security_scheme(name, scheme)


def header_refs(names: Iterable[str]) -> dict[str, Any]:
    """Return references to headers of a response."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
