"""The examples of README.md and docs/, run as a reader would paste them."""

import re
import shutil
from contextlib import redirect_stdout
from io import StringIO

import pytest

from scripts.examples import ADDRESS, PAGES, examples, shape

EXAMPLES = [example for page in PAGES for example in examples(page)]
PROGRAMS = [
    (page, code)
    for page in PAGES
    for code in re.findall(r"```python\n(from openai .*?)```", page.read_text(), re.DOTALL)
]

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")


def test_every_page_of_the_interface_has_examples():
    apis = {
        "classify-and-tokenize.md",
        "messages.md",
        "moderations.md",
        "ollama.md",
        "responses.md",
        "text-analysis.md",
    }
    names = {"README.md", "api.md", "errors.md", "limits.md", "openai.md", *apis}
    assert names == {example.page.name for example in EXAMPLES}


@pytest.mark.parametrize("example", [one for one in EXAMPLES if not one.settings], ids=lambda one: one.page.name)
def test_an_example_gives_the_output_that_the_page_shows(embedded, example):
    assert shape(example.run(embedded.url)) == shape(example.output)


@pytest.mark.parametrize("example", [one for one in EXAMPLES if one.settings], ids=lambda one: one.page.name)
def test_an_example_with_settings_gives_the_output_that_the_page_shows(start, example):
    settings = dict(setting.split("=", 1) for setting in example.settings)
    service = start(AI_BACKEND="embedded", **settings)
    assert shape(example.run(service.url)) == shape(example.output)


@pytest.mark.parametrize(("page", "code"), PROGRAMS, ids=lambda value: getattr(value, "name", ""))
def test_a_program_for_openais_client_prints_the_text_of_a_model(embedded, page, code):
    printed = StringIO()
    with redirect_stdout(printed):
        exec(code.replace(ADDRESS, embedded.url), {})
    assert printed.getvalue().startswith("A lighthouse is")
