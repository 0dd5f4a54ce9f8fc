"""Lets pages of named origins call the service from browsers (https://fetch.spec.whatwg.org/#http-cors-protocol)."""

from collections.abc import Iterable
from dataclasses import dataclass

from flask import Flask, Request

from app.web.request_state import request_state
from app.web.response import Response

ANY = "*"
# the wildcard covers every header except Authorization
ANY_HEADER = "Authorization, *"
# in a response to a request with credentials a wildcard is a name like any other
EXPOSED_HEADERS = (
    "Allow, RateLimit, RateLimit-Limit, RateLimit-Policy, RateLimit-Remaining, RateLimit-Reset, Request-ID, "
    "Retry-After, Server-Timing, WWW-Authenticate, X-AI-Attempts, X-AI-Backend, X-AI-Cache, X-AI-Fallback, "
    "X-AI-Model, X-Request-ID"
)
MAX_AGE_SECONDS = "600"


@dataclass(frozen=True)
class CorsPolicy:
    """The origins whose pages may call the service, and whether they may send credentials."""

    origins: tuple[str, ...]
    credentials: bool

    def allowed_origin(self, request: Request) -> str | None:
        """Return the origin to allow: `*`, that of the request, or None if it is not among the origins."""
        origin = request.headers.get("Origin")
        return ANY if self.origins == (ANY,) else origin if origin in self.origins else None

    def preflight_headers(self, request: Request, methods: Iterable[str]) -> dict[str, str]:
        """Return the headers of the response to a preflight request for a route with these methods."""
        requested = request.headers.get("Access-Control-Request-Headers", "")
        return {
            "Access-Control-Allow-Methods": ", ".join(sorted(methods)),
            "Access-Control-Allow-Headers": requested if self.credentials else ANY_HEADER,
            "Access-Control-Max-Age": MAX_AGE_SECONDS,
        }

    def response_headers(self, origin: str) -> dict[str, str]:
        """Return the headers of every response to an allowed origin."""
        headers = {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Expose-Headers": EXPOSED_HEADERS if self.credentials else ANY,
        }
        return {**headers, "Access-Control-Allow-Credentials": "true"} if self.credentials else headers


def init_app(app: Flask, origins: tuple[str, ...], *, credentials: bool) -> None:
    """Register the hooks, before authentication: browsers send no key with a preflight request.

    With `credentials`, which needs named origins, pages may send cookies and client certificates of a proxy.
    """
    if not origins:
        return
    policy = CorsPolicy(origins, credentials)

    @app.before_request
    def respond_to_preflight() -> Response | None:
        request = request_state().request
        is_preflight = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
        if not is_preflight or not policy.allowed_origin(request):
            return None
        adapter = app.create_url_adapter(request)
        methods = adapter.allowed_methods() if adapter else ()
        return Response(status=204, headers=policy.preflight_headers(request, methods))

    @app.after_request
    def add_headers(response: Response) -> Response:
        response.vary.add("Origin")
        if origin := policy.allowed_origin(request_state().request):
            response.headers.update(policy.response_headers(origin))
        return response
