"""The pictures of docs/architecture.md, which a script draws from the code."""

from pathlib import Path

import pytest

from scripts.architecture.__main__ import FOLDER, PICTURES
from scripts.architecture.packages import layers, reduced
from scripts.architecture.request import STEPS, check

APP = Path(__file__).parents[2] / "app"


@pytest.mark.parametrize("name", PICTURES)
def test_a_committed_picture_is_what_the_script_draws(name):
    assert (FOLDER / name).read_text() == PICTURES[name](), "run `make pictures`"


def test_every_package_of_app_has_a_layer():
    packages = {path.stem for path in APP.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert sorted(name for row in layers() for name in row) == sorted(packages - {"__init__", "__main__"})


def test_a_path_of_arrows_replaces_a_direct_arrow():
    assert reduced({("a", "b"), ("b", "c"), ("c", "d"), ("a", "d")}) == {("a", "b"), ("b", "c"), ("c", "d")}


def test_a_step_without_its_class_is_an_error():
    with pytest.raises(LookupError, match=r"app/operations/endpoint.py has no class Nothing"):
        check("app/operations/endpoint.py", "Nothing")
    assert len(STEPS) == 7
