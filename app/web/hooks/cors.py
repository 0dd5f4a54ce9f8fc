"""Lets pages of named origins call the service from browsers (https://fetch.spec.whatwg.org/#http-cors-protocol)."""

from flask import Flask

from app.web.request_state import request_state
from app.web.response import Response

ANY = "*"
PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST",
    # the wildcard covers every header except Authorization
    "Access-Control-Allow-Headers": "Authorization, *",
    "Access-Control-Max-Age": "600",
}


def init_app(app: Flask, origins: tuple[str, ...]) -> None:
    """Register the hooks, before authentication: browsers send no key with a preflight request."""
    if not origins:
        return

    def allowed_origin() -> str | None:
        origin = request_state().request.headers.get("Origin")
        return ANY if origins == (ANY,) else origin if origin in origins else None

    @app.before_request
    def respond_to_preflight() -> Response | None:
        request = request_state().request
        is_preflight = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
        return Response(status=204, headers=PREFLIGHT) if is_preflight and allowed_origin() else None

    @app.after_request
    def add_headers(response: Response) -> Response:
        response.vary.add("Origin")
        if origin := allowed_origin():
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = ANY
        return response
