"""GET /openapi.json, the OpenAPI document, and GET /docs, the page that shows it."""

from functools import cache
from importlib.resources import files
from pathlib import Path

import orjson
from flask import Blueprint, Flask

from app.errors import NotFound
from app.openapi.route_doc import JSON, TEXT, Example, RouteDoc, RouteResponse, openapi_doc
from app.openapi.spec import build_spec
from app.version import SERVICE, __version__
from app.web.request_state import request_state
from app.web.response import Response

# the page needs no other host, no inline code and no frame; Swagger UI draws its icons from data: URLs
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# URLs of assets contain their version, so browsers may cache them for a year
_ASSET_SECONDS = 365 * 24 * 3600
_UI = Path(__file__).parent / "ui"
# only the package's files are used, not its code
_SWAGGER_UI = Path(str(files("flask_swagger_ui"))) / "dist"

_SPEC_DOC = RouteDoc(
    tag="Operation",
    summary="Get this document",
    description="The OpenAPI 3.1 document of the service.",
    responses=(RouteResponse("The document.", {JSON: {"type": "object"}}),),
    examples={"beginning": Example({"openapi": "3.1.0", "info": {"title": SERVICE, "version": __version__}})},
    audience="anyone",
)
_PAGE_DOC = RouteDoc(
    tag="Operation",
    summary="Show this document",
    description="A page for browsers that can send requests.",
    responses=(RouteResponse("The page.", {"text/html": TEXT}),),
    examples={"beginning": Example("<!doctype html>", media_type="text/html")},
    audience="anyone",
)


def init_app(app: Flask, *, keys_required: bool) -> None:
    """Serve the page and the document of all the app's routes."""
    page = (_UI / "index.html").read_text().replace("{version}", _version())
    routes = Blueprint("documentation", __name__)

    @cache  # built at the first request: it would take most of the time of a start
    def document() -> bytes:
        return orjson.dumps(build_spec(app, keys_required=keys_required))

    @routes.get("/openapi.json")
    @openapi_doc(_SPEC_DOC)
    def openapi() -> Response:
        return Response(document(), mimetype=JSON)

    @routes.get("/docs")
    @openapi_doc(_PAGE_DOC)
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
        response.make_conditional(request_state().request)
        return response


def _assets() -> dict[str, tuple[Path, str]]:
    """Return the path and the media type of each file that the page loads. No other file is served."""
    return {
        "docs.js": (_UI / "docs.js", "text/javascript; charset=utf-8"),
        "swagger-ui-bundle.js": (_SWAGGER_UI / "swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
        "swagger-ui.css": (_SWAGGER_UI / "swagger-ui.css", "text/css; charset=utf-8"),
        "favicon-32x32.png": (_SWAGGER_UI / "favicon-32x32.png", "image/png"),
    }


def _version() -> str:
    """Return a version that changes with every change of an asset."""
    return f"{__version__}-{(_SWAGGER_UI / 'VERSION').read_text().strip()}"
