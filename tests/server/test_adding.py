"""docs/adding.md, followed step by step in a copy of the project."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest
from support.servers import ROOT

PAGE = ROOT / "docs/adding.md"
LEFT_OUT = shutil.ignore_patterns(".*cache", ".git", ".venv", ".uv", ".bench", ".tox", "__pycache__", "site", "build")
OPERATION, BACKEND, METRIC, SETTING = "An operation", "A backend", "A metric", "A setting"
PAGES, SETTINGS = "tests/unit/test_documents.py", "tests/unit/test_config.py"
# the tests that compare code, settings and pages with each other
CHECKS = {
    OPERATION: (
        PAGES,
        "tests/unit/test_openapi_document.py",
        "tests/functional/test_surfaces.py",
        "-k",
        "not surfaces or title",
    ),
    BACKEND: (PAGES, SETTINGS),
    METRIC: (PAGES, "tests/functional/test_monitoring_files.py"),
    SETTING: (PAGES, SETTINGS),
}


def read_steps():
    """Return the steps of each section: the sentence above a block of code, and the code."""
    steps, section, sentence, fence, code = defaultdict(list), "", "", "", []
    for line in PAGE.read_text().splitlines(keepends=True):
        if fence and line == f"{fence}\n":
            steps[section].append((sentence, "".join(code)))
            fence, code = "", []
        elif fence:
            code.append(line)
        elif line.startswith("```"):
            fence = re.match("`+", line)[0]
        elif line.startswith("## "):
            section = line[3:].strip()
        elif line.strip():
            sentence = line.strip()
    return steps


STEPS = read_steps()


def quoted(sentence):
    """Return the texts in backticks, which may be double around a text with backticks."""
    return [double.strip() or single for double, single in re.findall(r"``(.+?)``(?!`)|`(.+?)`", sentence)]


def follow(root: Path, sentence: str, code: str) -> str:
    """Do one step in a folder; return the name of its file."""
    names = quoted(sentence)
    if sentence.startswith("Create "):
        (root / names[0]).write_text(code)
    elif sentence.startswith("Add to the list "):
        names.reverse()
        document = json.loads((root / names[0]).read_text())
        document[names[1]].append(json.loads(code))
        (root / names[0]).write_text(json.dumps(document, indent=2))
    else:
        lines = (root / names[0]).read_text().splitlines(keepends=True)
        at = next(number for number, line in enumerate(lines) if names[1] in line)
        replaced = {"before": (at, at), "after": (at + 1, at + 1), "replace": (at, at + 1)}
        begin, end = replaced[re.search("before|after|replace", sentence)[0]]
        lines[begin:end] = [code]
        (root / names[0]).write_text("".join(lines))
    return names[0]


def run(root: Path, *command: str) -> subprocess.CompletedProcess[str]:
    # coverage would record the lines of the copy
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=root, env=environment, capture_output=True, text=True, timeout=110
    )


def test_the_page_has_steps_for_each_kind_of_change():
    assert list(STEPS) == list(CHECKS)


@pytest.mark.parametrize("section", STEPS)
def test_the_steps_of_a_section_give_what_its_tests_ask_for(section, tmp_path):
    root = tmp_path / "copy"
    shutil.copytree(ROOT, root, ignore=LEFT_OUT)
    files = [follow(root, sentence, code) for sentence, code in STEPS[section]]
    tests = [file for file in files if file.startswith("tests/functional")]
    done = run(root, "pytest", "-q", "-p", "no:cacheprovider", *tests, *CHECKS[section])
    assert done.returncode == 0, done.stdout
    assert run(root, "ruff", "check", *(file for file in files if file.endswith(".py"))).returncode == 0


def test_an_operation_touches_eight_files_and_a_backend_four_of_code_and_settings():
    files = {section: {quoted(sentence)[0] for sentence, _ in steps} for section, steps in STEPS.items()}
    assert len(files[OPERATION]) == 8
    assert len([file for file in files[BACKEND] if not file.startswith(("docs/", "tests/"))]) == 4
