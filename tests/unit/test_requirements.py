"""The lists of requirements: the locked ones hold what the short ones name, with hashes and without addresses."""

import re
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

FOLDER = Path(__file__).parents[2] / "requirements"
NAMES = sorted(path.stem for path in FOLDER.glob("*.in"))

each_list = pytest.mark.parametrize("name", NAMES)


def direct(name):
    lines = (FOLDER / f"{name}.in").read_text().splitlines()
    included = [line.removeprefix("-r ").removesuffix(".in") for line in lines if line.startswith("-r ")]
    named = [Requirement(line) for line in lines if line[:1].isalnum()]
    return named + [one for other in included for one in direct(other)]


def locked(name):
    """Return the version of each requirement that a locked list holds, by its name."""
    text = (FOLDER / f"{name}.txt").read_text().replace("\\\n", "")
    lines = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    found = [
        re.fullmatch(r"([a-z0-9-]+)==(\S+)(?: ; [^-]+)?((?: +--hash=sha256:[0-9a-f]{64})+) *", line) for line in lines
    ]
    assert all(found), [line for line, match in zip(lines, found, strict=True) if not match]
    return {match[1]: match[2] for match in found}


@each_list
def test_a_locked_list_has_each_direct_requirement_in_a_version_that_it_allows(name):
    versions = locked(name)
    assert not [str(one) for one in direct(name) if not one.specifier.contains(versions[canonicalize_name(one.name)])]


@each_list
def test_a_locked_list_names_no_index_and_no_folder(name):
    text = (FOLDER / f"{name}.txt").read_text()
    assert not re.findall(r"https?:|file:|--index|--extra-index|--find-links|(?m:^-)", text)


def test_a_library_has_one_version_in_all_locked_lists():
    versions = {}
    for name in NAMES:
        for library, version in locked(name).items():
            versions.setdefault(library, set()).add(version)
    assert not {library: found for library, found in versions.items() if len(found) > 1}


def test_the_list_for_tests_holds_all_that_running_needs():
    assert locked("run").items() | locked("embedded").items() | locked("tracing").items() <= locked("dev").items()


def test_each_library_that_the_service_imports_is_a_direct_requirement():
    imports = {
        match
        for path in (FOLDER.parent / "app").rglob("*.py")
        for match in re.findall(r"^\s*(?:from|import) ([a-z_0-9]+)", path.read_text(), re.MULTILINE)
    }
    names = {canonicalize_name(one.name) for list_ in ("run", "embedded", "tracing") for one in direct(list_)}
    distributions = packages_distributions()
    libraries = {canonicalize_name(distributions[one][0]) for one in imports & set(distributions) - {"app"}}
    assert not {one for one in libraries - names if not one.startswith("opentelemetry")}
