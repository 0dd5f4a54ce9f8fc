"""Lets pages of named origins call the service from browsers (https://fetch.spec.whatwg.org/#http-cors-protocol)."""

from flask import Flask, Request

from app.web.request_state import request_state
from app.web.response import Response

ANY = "*"
# the wildcard covers every header except Authorization
ANY_HEADER = "Authorization, *"
# in a response to a request with credentials a wildcard is a name like any other
EXPOSED_HEADERS = (
    "Allow, RateLimit, RateLimit-Limit, RateLimit-Policy, RateLimit-Remaining, RateLimit-Reset, Retry-After, "
    "Server-Timing, WWW-Authenticate, X-AI-Attempts, X-AI-Backend, X-AI-Cache, X-AI-Fallback, X-AI-Model, X-Request-ID"
)
MAX_AGE_SECONDS = "600"


def init_app(app: Flask, origins: tuple[str, ...], *, credentials: bool) -> None:
    """Register the hooks, before authentication: browsers send no key with a preflight request.

    With `credentials`, which needs named origins, pages may send cookies and client certificates of a proxy.
    """
    if not origins:
        return

    def allowed_origin() -> str | None:
        origin = request_state().request.headers.get("Origin")
        return ANY if origins == (ANY,) else origin if origin in origins else None

    def preflight(request: Request) -> dict[str, str]:
        adapter = app.create_url_adapter(request)
        methods = sorted(adapter.allowed_methods()) if adapter else []
        requested = request.headers.get("Access-Control-Request-Headers", "")
        return {
            "Access-Control-Allow-Methods": ", ".join(methods),
            "Access-Control-Allow-Headers": requested if credentials else ANY_HEADER,
            "Access-Control-Max-Age": MAX_AGE_SECONDS,
        }

    @app.before_request
    def respond_to_preflight() -> Response | None:
        request = request_state().request
        is_preflight = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
        return Response(status=204, headers=preflight(request)) if is_preflight and allowed_origin() else None

    @app.after_request
    def add_headers(response: Response) -> Response:
        response.vary.add("Origin")
        if origin := allowed_origin():
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = EXPOSED_HEADERS if credentials else ANY
            if credentials:
                response.headers["Access-Control-Allow-Credentials"] = "true"
        return response
