"""Workflows, Makefile, audit, bills of materials, and release notes."""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from app.version import RELEASE, SERVICE, __version__

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
MAKEFILE = (ROOT / "Makefile").read_text()
EACH_WORKFLOW = pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)


def tool(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / f".ci/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(*command, **options):
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60, **options)


def jobs(workflow):
    return yaml.safe_load(workflow.read_text())["jobs"]


def steps(workflow):
    return [step for job in jobs(workflow).values() for step in job.get("steps", ())]


@pytest.mark.release
@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("vendor.github-workflows", WORKFLOWS),
        ("custom.github-workflows-require-timeout", WORKFLOWS),
        ("vendor.dependabot", [ROOT / ".github/dependabot.yml"]),
    ],
)
def test_github_files_match_their_schemas(schema, files):
    checked = run(BIN / "check-jsonschema", "--builtin-schema", schema, *files)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.release
def test_zizmor_finds_no_problem_in_workflows():
    checked = run(BIN / "zizmor", "--offline", "--quiet", ".github")
    assert checked.returncode == 0, checked.stdout


@EACH_WORKFLOW
def test_actions_are_pinned_by_commit_with_a_version_comment(workflow):
    used = re.findall(r"uses: (?!\./)(.*)", workflow.read_text())
    assert not [use for use in used if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", use)]


def test_action_has_the_same_version_in_all_workflows():
    used = {use for workflow in WORKFLOWS for use in re.findall(r"uses: (?!\./)(\S+)", workflow.read_text())}
    assert len({use.partition("@")[0] for use in used}) == len(used)


def test_workflows_have_read_permissions_except_two_release_jobs():
    granted = {
        (workflow.stem, name, *right)
        for workflow in WORKFLOWS
        for name, job in jobs(workflow).items()
        for right in job.get("permissions", {}).items()
        if right[1] != "read"
    }
    assert granted == {("release", "images", "packages", "write"), ("release", "release", "contents", "write")}
    assert all(yaml.safe_load(one.read_text())["permissions"] == {"contents": "read"} for one in WORKFLOWS)


@EACH_WORKFLOW
def test_targets_and_scripts_of_workflows_exist(workflow):
    commands = "\n".join(step.get("run", "") for step in steps(workflow))
    assert all(re.search(rf"^{target}:", MAKEFILE, re.MULTILINE) for target in re.findall(r"make (\S+)", commands))
    assert all((ROOT / file).exists() for file in re.findall(r"\.ci/[\w.]+", commands))


def test_workflow_runs_tests_and_release_checks():
    commands = [step.get("run") for step in jobs(ROOT / ".github/workflows/ci.yml")["test"]["steps"]]
    assert ".ci/run" in commands
    assert {"make test", "make check-release"} <= set((ROOT / ".ci/run").read_text().splitlines())


def test_tests_run_on_every_supported_python_and_before_a_release():
    ci, release = jobs(ROOT / ".github/workflows/ci.yml"), jobs(ROOT / ".github/workflows/release.yml")
    assert ci["test"]["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13"]
    called = {release[name].get("uses") for name in release["images"]["needs"]}
    assert called >= {"./.github/workflows/ci.yml", "./.github/workflows/security.yml"}


@pytest.mark.parametrize(
    ("printed", "status", "expected"),
    [
        ('{"dependencies": [{"name": "a", "vulns": []}]}', 0, "1 of 1 libraries audited, 0 known vulnerabilities."),
        ('{"dependencies": [{"name": "a", "vulns": [{"id": "CVE-1"}]}]}', 1, "  a: CVE-1"),
        ('{"dependencies": [{"name": "a", "skip_reason": "?"}]}', 0, "::warning::NOT AUDITED: no data"),
        ("", 0, "::warning::NOT AUDITED: the vulnerability data is unavailable.\nno route"),
    ],
)
def test_audit_fails_for_vulnerabilities_and_warns_of_missing_data(monkeypatch, capsys, printed, status, expected):
    done = subprocess.CompletedProcess([], 1, stdout=printed, stderr="no route")
    monkeypatch.setattr(subprocess, "run", lambda *arguments, **options: done)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert tool("audit").main() == status
    assert expected in capsys.readouterr().out


@pytest.mark.release
def test_audit_reports_unavailable_data():
    unreachable = {"PIP_AUDIT_VULNERABILITY_SERVICE": "osv", "PIP_AUDIT_OSV_URL": "http://127.0.0.1:9/"}
    audited = run(sys.executable, ".ci/audit.py", env=unreachable)
    assert audited.stdout.startswith("NOT AUDITED: the vulnerability data is unavailable.")
    assert "audited, 0 known vulnerabilities" not in audited.stdout


def locked(*names):
    """Return names and versions of the libraries of an image (Linux, Python after 3.11.3)."""
    text = "".join((ROOT / f"requirements/{name}.txt").read_text() for name in names)
    lines = re.findall(r"^([^\s=]+)==(\S+)(.*)$", text, re.MULTILINE)
    return sorted((name, version) for name, version, rest in lines if "win32" not in rest and "3.11.3" not in rest)


@pytest.mark.release
def test_bills_of_materials_are_valid_and_list_every_locked_library(tmp_path):
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    assert run(sys.executable, ".ci/sbom.py", tmp_path, env={"PYTHONPATH": "."}).returncode == 0
    for image, files in {"service": ["run"], "service-embedded": ["run", "embedded", "model"]}.items():
        text = (tmp_path / f"{image}.cdx.json").read_text()
        assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
        bill = json.loads(text)
        assert sorted((part["name"], part["version"]) for part in bill["components"]) == locked(*files)
        component = bill["metadata"]["component"]
        assert (component["name"], component["version"]) == (SERVICE, __version__)


CHANGELOG = (
    f"# Changelog\n\n## Unreleased\n\n- Later.\n\n## {RELEASE} - 2026-01-01\n\n- This.\n\n## 0.0.1 - 2025-01-01\n"
)


def test_release_notes_are_the_section_of_the_changelog():
    assert tool("notes").notes(f"v{RELEASE}", CHANGELOG) == "- This."


@pytest.mark.parametrize(
    ("tag", "changelog", "expected"),
    [("v9.9.9", CHANGELOG, f"says {RELEASE}"), (f"v{RELEASE}", "## Unreleased\n", "has no section")],
)
def test_tag_must_match_version_and_changelog(tag, changelog, expected):
    with pytest.raises(SystemExit, match=expected):
        tool("notes").notes(tag, changelog)


def test_makefile_targets_are_unique_and_phony():
    targets = re.findall(r"^([a-z-]+):(?!=)", MAKEFILE, re.MULTILINE)
    assert len(set(targets)) == len(targets)
    phony = re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)[1].split()
    assert set(targets) == set(phony)
