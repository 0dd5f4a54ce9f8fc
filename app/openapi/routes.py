"""GET /openapi.json, the document of the interface, and GET /docs, the page that shows it."""

from functools import cache
from importlib.resources import files
from pathlib import Path

import orjson
from flask import Blueprint, Flask, Response, request

from app.errors import NotFound
from app.openapi.route_doc import JSON, TEXT, Example, RouteDoc, RouteResponse, openapi_doc
from app.openapi.spec import build_spec
from app.version import SERVICE, __version__

# the page needs no other host, no inline code and no frame; Swagger UI draws its icons from data: URLs
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# the page names the files with their version, so a newer one has another URL
_ASSET_SECONDS = 365 * 24 * 3600
_PAGE = Path(__file__).parent / "ui"
# of the package only its files are used, not its code
_SWAGGER_UI = Path(str(files("flask_swagger_ui"))) / "dist"

_DOCUMENT = RouteDoc(
    tag="Operation",
    summary="Give this document",
    description="In OpenAPI 3.1.",
    answers=(RouteResponse("The document.", {JSON: {"type": "object"}}),),
    examples={"beginning": Example({"openapi": "3.1.0", "info": {"title": SERVICE, "version": __version__}})},
    audience="anyone",
)
_PAGE_SHOWN = RouteDoc(
    tag="Operation",
    summary="Show this document",
    description="A page for browsers, in which requests can be tried.",
    answers=(RouteResponse("The page.", {"text/html": TEXT}),),
    examples={"beginning": Example("<!doctype html>", media_type="text/html")},
    audience="anyone",
)


def init_app(app: Flask, *, keys_required: bool) -> None:
    """Serve the document of all the app's routes, these included, and the page."""
    page = (_PAGE / "index.html").read_text().replace("{version}", _version())
    routes = Blueprint("documentation", __name__)

    @cache  # made when first asked for: it is most of what a start would take
    def document() -> bytes:
        return orjson.dumps(build_spec(app, keys_required=keys_required))

    @routes.get("/openapi.json")
    @openapi_doc(_DOCUMENT)
    def openapi() -> Response:
        return Response(document(), mimetype=JSON)

    @routes.get("/docs")
    @openapi_doc(_PAGE_SHOWN)
    def docs() -> Response:
        return Response(page, mimetype="text/html", headers={"Content-Security-Policy": CONTENT_SECURITY_POLICY})

    _add_assets(routes)
    app.register_blueprint(routes)


def _add_assets(routes: Blueprint) -> None:
    assets = _assets()

    @routes.get("/docs/assets/<name>")
    def asset(name: str) -> Response:
        if name not in assets:
            raise NotFound
        path, media_type = assets[name]
        response = Response(path.read_bytes(), content_type=media_type)
        response.cache_control.max_age = _ASSET_SECONDS
        response.set_etag(_version())
        response.make_conditional(request)
        return response


def _assets() -> dict[str, tuple[Path, str]]:
    """Return the files that the page needs, and no other, with their media types."""
    return {
        "docs.js": (_PAGE / "docs.js", "text/javascript; charset=utf-8"),
        "swagger-ui-bundle.js": (_SWAGGER_UI / "swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
        "swagger-ui.css": (_SWAGGER_UI / "swagger-ui.css", "text/css; charset=utf-8"),
        "favicon-32x32.png": (_SWAGGER_UI / "favicon-32x32.png", "image/png"),
    }


def _version() -> str:
    """Return what changes whenever an asset does."""
    return f"{__version__}-{(_SWAGGER_UI / 'VERSION').read_text().strip()}"
