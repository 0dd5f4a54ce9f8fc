"""Which pages in browsers may call the service (CORS, https://fetch.spec.whatwg.org/#http-cors-protocol)."""

from flask import Flask, Response, request

ANY = "*"
PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST",
    # the wildcard takes in every header but this one
    "Access-Control-Allow-Headers": "Authorization, *",
    "Access-Control-Max-Age": "600",
}


def init_app(app: Flask, origins: tuple[str, ...]) -> None:
    """Let pages of these origins call; before authentication, since browsers send no key with the preflight."""
    if not origins:
        return

    def allowed() -> str | None:
        origin = request.headers.get("Origin")
        return ANY if origins == (ANY,) else origin if origin in origins else None

    @app.before_request
    def answer_preflight() -> Response | None:
        if request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers or not allowed():
            return None
        return Response(status=204, headers=PREFLIGHT)

    @app.after_request
    def allow(response: Response) -> Response:
        response.vary.add("Origin")
        if origin := allowed():
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = ANY
        return response
