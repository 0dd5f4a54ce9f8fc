"""The command as it is installed, in a folder of its own, and as a module of the checkout."""

import logging
import os
import shutil
import subprocess
import sys
from zipfile import ZipFile

import psutil
import pytest
from support.servers import ROOT, Service, until

from app.cli import main
from app.config import Config
from app.config.model_file import model_file
from app.version import RELEASE

BUILD = "import sys; from setuptools import build_meta; print(build_meta.build_wheel(sys.argv[1]))"
# what the script does that pip makes of an entry point
SCRIPT = "import sys; from importlib.metadata import entry_points; [one] = entry_points(name='ai-huggingface'); "
SCRIPT += "sys.argv[0] = one.name; sys.exit(one.load()())"
PARTS = ("LICENSE", "README.md", "pyproject.toml", "requirements", "setup.cfg", "setup.py")


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with the package as pip would install it, built from a copy of the project at a known commit."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("installed")
    shutil.copytree(ROOT / "app", source / "app", ignore=shutil.ignore_patterns("__pycache__"))
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, source / part)
    (source / "app/_commit.txt").write_text("0123456789")
    wheel = subprocess.run(
        [sys.executable, "-c", BUILD, target], cwd=source, check=True, capture_output=True, text=True
    ).stdout.split()[-1]
    ZipFile(target / wheel).extractall(target)
    return target


@pytest.fixture
def run(installed, tmp_path):
    """Run the installed command in an empty folder, with the given variables."""

    def run_one(*arguments, **variables):
        command = [sys.executable, "-P", "-c", SCRIPT, *arguments]
        environment = {"PYTHONPATH": str(installed), **variables}
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)

    return run_one


def stop_after(service, request):
    """Return the response to a request of a service that is ready, and the exit status after SIGTERM."""
    try:
        until(service.is_ready)
        return request(service), service.stop()
    finally:
        if service.process.poll() is None:
            service.stop()


def test_the_installed_command_serves_from_any_folder(installed, tmp_path, monkeypatch):
    """Modules of the folder stay unused, and a path in the settings counts from the folder."""
    for module in ("app", "flask", "gunicorn", "redis"):
        (tmp_path / f"{module}.py").write_text("raise SystemExit('imported from the working folder')")
    (tmp_path / "own-model.gguf").symlink_to(model_file(None))
    monkeypatch.setattr(Service, "command", [sys.executable, "-P", "-c", SCRIPT, "serve"])
    monkeypatch.setattr(Service, "folder", tmp_path)
    service = Service(PYTHONPATH=str(installed), AI_BACKEND="embedded", EMBEDDED_MODEL_PATH="own-model.gguf")
    health, status = stop_after(service, lambda service: [service.get(f"/{page}") for page in ("health", "docs")])
    assert status == 0
    assert [one.status_code for one in health] == [200, 200]
    assert health[0].json()["version"] == f"{RELEASE}+g0123456"
    assert not [line for line in service.lines if "Traceback" in line]


def test_the_installed_command_checks_the_engine(run):
    checked = run("check")
    assert (checked.returncode, checked.stderr) == (0, "")
    assert checked.stdout.splitlines()[1].startswith("embedded (primary): ok, ")


def test_the_installed_command_prints_its_version(run):
    assert run("--version").stdout == f"ai-huggingface {RELEASE}+g0123456\n"


def test_the_command_of_the_checkout_serves(monkeypatch, remote):
    monkeypatch.setattr(Service, "command", [sys.executable, "-m", "app", "serve"])
    service = Service(OPENAI_BASE_URL=f"{remote.url}/v1")
    response, status = stop_after(service, lambda service: service.post("/v1/text/generate", prompt="x"))
    assert (response.status_code, status) == (200, 0)


def test_a_check_runs_the_engine_until_it_has_responded():
    kept = {name: value for name, value in os.environ.items() if name.startswith("COV")}
    command = [sys.executable, "-m", "app", "check"]
    checked = subprocess.run(command, cwd=ROOT, env={**kept, "AI_BACKEND": "embedded"}, capture_output=True, text=True)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert checked.stdout.splitlines()[1].startswith("embedded (primary): ok, ")


def test_a_check_fails_for_a_model_that_cannot_be_loaded(monkeypatch, capsys, tmp_path):
    (tmp_path / "broken.gguf").write_bytes(b"GGUF and no model")
    variables = {"AI_BACKEND": "embedded", "EMBEDDED_MODEL_PATH": str(tmp_path / "broken.gguf")}
    for name in Config.variables():
        monkeypatch.setenv(name, variables.get(name, ""))
    monkeypatch.setattr("app.cli.check.LOAD_SECONDS", 0.5)
    assert main(["check"]) == 1
    logging.disable(logging.NOTSET)
    assert capsys.readouterr().out.splitlines()[1].startswith("embedded (primary): failed after ")
    processes = [" ".join(process.cmdline()) for process in psutil.Process().children(recursive=True)]
    assert not [command for command in processes if "broken.gguf" in command]
