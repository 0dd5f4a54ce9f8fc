"""The page of what the server overrides is about the pinned versions, and names tests that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "app/server/README.md").read_text()


@pytest.mark.parametrize("library", ["gunicorn", "gevent"])
def test_the_page_names_the_pinned_version(library):
    version = re.search(rf"^{library}==([0-9.]+)", (ROOT / "requirements/run.txt").read_text(), re.MULTILINE)[1]
    assert f"{library} {version}" in PAGE


def test_every_module_of_the_package_is_on_the_page():
    modules = {file.name for file in (ROOT / "app/server").glob("*.py") if file.name != "__init__.py"}
    assert modules <= set(re.findall(r"[a-z_]+\.py", PAGE))


def test_every_test_on_the_page_exists():
    files = {file.name: file.read_text() for file in (ROOT / "tests").glob("*/test_*.py")}
    assert set(re.findall(r"`(test_[a-z_]+\.py)`", PAGE)) <= files.keys()
    tests = "".join(files.values())
    for start in re.findall(r"`(test_\w+)…`", PAGE):
        assert f"def {start}" in tests
