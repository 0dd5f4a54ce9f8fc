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
    answer = client.get("/openapi.json")
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    assert answer.get_json()["info"]["version"] == __version__


def test_the_document_is_made_once(make_client, monkeypatch):
    made = []
    monkeypatch.setattr(routes, "build_spec", lambda app, **_: made.append(app) or {"made": len(made)})
    client = make_client()
    assert [client.get("/openapi.json").get_json() for _ in range(3)] == [{"made": 1}] * 3


def test_client_keys_make_the_document_require_one(make_client):
    client = make_client(API_KEYS="ada:" + "0" * 64)
    key = {"X-API-Key": "unknown"}
    assert client.get("/v1/models", headers=key).status_code == 401


def test_the_page_may_load_nothing_but_its_own(client):
    answer = client.get("/docs")
    assert (answer.status_code, answer.content_type) == (200, "text/html; charset=utf-8")
    policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
    assert policy.pop("img-src") == "'self' data:"
    own = {"script-src", "style-src", "connect-src", "font-src"}
    assert policy == {name: "'self'" if name in own else "'none'" for name in policy}
    assert set(policy) == own | {"default-src", "base-uri", "form-action", "frame-ancestors"}


def test_the_page_has_no_inline_code_and_no_other_host(client):
    page = client.get("/docs").text
    assert not re.findall(r"<script>|<style|style=|\son\w+=|//", page)


def test_the_page_names_its_files_with_their_version(client):
    named = re.findall(r'(?:src|href)="docs/assets/([^"?]+)\?([^"]+)"', client.get("/docs").text)
    assert {name for name, _ in named} == set(ASSETS)
    assert {version for _, version in named} == {f"{__version__}-v5.34.0"}


@pytest.mark.parametrize(("name", "media_type"), ASSETS.items())
def test_files_of_the_page_are_kept_by_browsers(client, name, media_type):
    answer = client.get(f"/docs/assets/{name}")
    assert (answer.status_code, answer.content_type) == (200, media_type)
    assert (
        answer.headers["Cache-Control"].startswith("public, max-age=") or "max-age=" in answer.headers["Cache-Control"]
    )
    again = client.get(f"/docs/assets/{name}", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    answer.close()


@pytest.mark.parametrize(
    "name", ["index.html", "LICENSE", "swagger-ui.js", "../routes.py", "..%2froutes.py", "%2e%2e/routes.py", "a/b", ""]
)
def test_no_other_file_is_served(client, name):
    answer = client.get(f"/docs/assets/{name}")
    assert (answer.status_code, answer.get_json()["type"]) == (404, "not_found")
