"""The page at /docs in a real browser: it renders, it sends a request, and it asks no other host for anything."""

import shutil

import pytest

CHROMIUM = shutil.which("chromium")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed (Debian: apt-get install chromium)"),
]


@pytest.fixture
def page():
    """A page of a browser, with what it says and asks for."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.said, page.asked = [], []
        page.on("console", lambda message: page.said.append(message.text))
        page.on("pageerror", lambda error: page.said.append(str(error)))
        page.on("request", lambda request: page.asked.append(request.url))
        yield page
        browser.close()


def test_a_request_can_be_sent_from_the_page_and_its_answer_is_shown(page, embedded):
    page.goto(f"{embedded.url}/docs")
    page.wait_for_selector(".opblock")
    assert page.locator(".opblock").count() == len(
        [method for item in embedded.get("/openapi.json").json()["paths"].values() for method in item]
    )
    page.locator("#operations-Text-generate .opblock-summary-control").click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()
    page.wait_for_selector(".live-responses-table .response-col_status")
    shown = page.locator(".live-responses-table .response").first.inner_text()
    assert shown.startswith("200")
    assert "A lighthouse is a beacon" in shown
    assert page.said == []
    assert {url.split("/")[2] for url in page.asked if not url.startswith("data:")} == {f"127.0.0.1:{embedded.port}"}
    assert any(url.endswith("/v1/text/generate") for url in page.asked)
