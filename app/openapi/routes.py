"""GET /openapi.json, the document of the interface, and GET /docs, the page that shows it."""

from importlib.resources import files
from pathlib import Path

import orjson
from flask import Blueprint, Flask, Response, send_file

from app.errors import NotFound
from app.openapi.document import build_document
from app.version import __version__

# the page needs no other host, no inline code and no frame; Swagger UI draws its icons from data: URLs
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# the page names the files with their version, so a newer one has another URL
_ASSET_SECONDS = 365 * 24 * 3600
_PAGE = Path(__file__).parent / "page"
# of the package only its files are used, not its code
_SWAGGER_UI = Path(str(files("flask_swagger_ui"))) / "dist"


def init_app(app: Flask, *, keys_required: bool) -> None:
    """Serve the document of all routes that the app has by now, and the page."""
    document = orjson.dumps(build_document(app, keys_required=keys_required))
    assets = _assets()
    page = (_PAGE / "index.html").read_text().replace("{version}", _version())
    routes = Blueprint("documentation", __name__)

    @routes.get("/openapi.json")
    def openapi() -> Response:
        return Response(document, mimetype="application/json")

    @routes.get("/docs")
    def docs() -> Response:
        return Response(page, mimetype="text/html", headers={"Content-Security-Policy": CONTENT_SECURITY_POLICY})

    @routes.get("/docs/assets/<name>")
    def asset(name: str) -> Response:
        if name not in assets:
            raise NotFound
        path, media_type = assets[name]
        return send_file(path, media_type, max_age=_ASSET_SECONDS)

    app.register_blueprint(routes)


def _assets() -> dict[str, tuple[Path, str]]:
    """Return the files that the page needs, and no other, with their media types."""
    return {
        "docs.js": (_PAGE / "docs.js", "text/javascript"),
        "swagger-ui-bundle.js": (_SWAGGER_UI / "swagger-ui-bundle.js", "text/javascript"),
        "swagger-ui.css": (_SWAGGER_UI / "swagger-ui.css", "text/css"),
        "favicon-32x32.png": (_SWAGGER_UI / "favicon-32x32.png", "image/png"),
    }


def _version() -> str:
    """Return what changes whenever an asset does."""
    return f"{__version__}-{(_SWAGGER_UI / 'VERSION').read_text().strip()}"
