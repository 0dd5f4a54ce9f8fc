"""GET /openapi.json, /docs, and the files of the page."""

import re

import pytest

from app.openapi import routes
from app.version import __version__

ASSETS = {
    "docs.js": "text/javascript; charset=utf-8",
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "swagger-ui.css": "text/css; charset=utf-8",
    "favicon-32x32.png": "image/png",
}


def test_the_document_is_json(client):
    response = client.get("/openapi.json")
    assert (response.status_code, response.content_type) == (200, "application/json")
    assert response.get_json()["info"]["version"] == __version__


def test_the_document_is_built_once(make_client, monkeypatch):
    made = []
    monkeypatch.setattr(routes, "build_spec", lambda app, **_: made.append(app) or {"made": len(made)})
    client = make_client()
    assert [client.get("/openapi.json").get_json() for _ in range(3)] == [{"made": 1}] * 3


def test_an_unknown_key_is_refused(make_client):
    client = make_client(API_KEYS="ada:" + "0" * 64)
    key = {"X-API-Key": "unknown"}
    assert client.get("/v1/models", headers=key).status_code == 401


def test_the_page_may_load_files_of_its_own_origin_only(client):
    response = client.get("/docs")
    assert (response.status_code, response.content_type) == (200, "text/html; charset=utf-8")
    policy = dict(part.split(" ", 1) for part in response.headers["Content-Security-Policy"].split("; "))
    assert policy.pop("img-src") == "'self' data:"
    own = {"script-src", "style-src", "connect-src", "font-src"}
    assert policy == {name: "'self'" if name in own else "'none'" for name in policy}
    assert set(policy) == own | {"default-src", "base-uri", "form-action", "frame-ancestors"}


def test_the_page_has_no_inline_code_and_no_other_host(client):
    page = client.get("/docs").text
    assert not re.findall(r"<script>|<style|style=|\son\w+=|//", page)


def test_asset_urls_contain_their_version(client):
    named = re.findall(r'(?:src|href)="docs/assets/([^"?]+)\?([^"]+)"', client.get("/docs").text)
    assert {name for name, _ in named} == set(ASSETS)
    assert {version for _, version in named} == {f"{__version__}-v5.34.0"}


@pytest.mark.parametrize(("name", "media_type"), ASSETS.items())
def test_assets_may_be_cached_and_are_revalidated_by_etag(client, name, media_type):
    response = client.get(f"/docs/assets/{name}")
    assert (response.status_code, response.content_type) == (200, media_type)
    assert (
        response.headers["Cache-Control"].startswith("public, max-age=")
        or "max-age=" in response.headers["Cache-Control"]
    )
    again = client.get(f"/docs/assets/{name}", headers={"If-None-Match": response.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    response.close()


@pytest.mark.parametrize(
    "name", ["index.html", "LICENSE", "swagger-ui.js", "../routes.py", "..%2froutes.py", "%2e%2e/routes.py", "a/b", ""]
)
def test_no_other_file_is_served(client, name):
    response = client.get(f"/docs/assets/{name}")
    assert (response.status_code, response.get_json()["type"]) == (404, "not_found")
