"""The embedded engine's model, launcher and supervisor, without an engine; tests/server has the real one."""

import os
import signal
import subprocess
import sys
import types

import pytest

from app.config import Config
from app.config.model_file import model_file, model_name
from app.embedded import engine, launcher, process, supervisor


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("SmolLM2-135M-Instruct.Q4_1.gguf", "SmolLM2-135M-Instruct"),
        ("qwen2.5-0.5b-instruct-q8_0.gguf", "qwen2.5-0.5b-instruct"),
        ("Model-IQ2_XS.gguf", "Model"),
        ("model-f16.gguf", "model"),
        ("My Model (v2).gguf", "My-Model--v2-"),
    ],
)
def test_a_model_is_named_after_its_file(tmp_path, file, name):
    path = tmp_path / file
    assert model_name(str(path)) == name, "also where another process has the file"
    path.touch()
    assert model_file(str(path)) == path
    assert model_name(str(path)) == name


def test_without_a_file_there_is_no_model(tmp_path, monkeypatch):
    assert model_file(str(tmp_path / "none.gguf")) is None
    monkeypatch.setattr("app.config.model_file.find_spec", lambda name: None)
    assert model_file(None) is None
    assert model_name(None) == "embedded"


def test_the_default_model_is_the_packages():
    assert model_file(None).name == "SmolLM2-135M-Instruct.Q4_1.gguf"


def test_a_process_does_not_outlive_a_parent_that_is_gone_already():
    with pytest.raises(SystemExit):
        process.end_with_parent(-1, signal.SIGTERM)


def test_a_port_that_is_taken_is_not_given(monkeypatch):
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        monkeypatch.setattr(process, "PORTS", range(port, port + 1))
        with pytest.raises(OSError, match="no free port"):
            process.free_port()
    assert process.free_port() == port


def test_the_engine_is_told_to_serve_the_loopback_address_only():
    params = engine.parameters(4321, 3, "/model.gguf", "name")
    assert (params.hostnames, params.port, params.model.path) == (["127.0.0.1"], 4321, "/model.gguf")
    assert (params.n_parallel, params.n_ctx, params.kv_unified, params.model_alias) == (4, 8192, False, {"name"})
    assert (params.cpuparams.n_threads, params.cpuparams_batch.n_threads) == (3, 3)


PRINTS = [sys.executable, "-c", "import sys; print('a line'); sys.exit(3)"]
WAITS = [sys.executable, "-c", "import signal; print('up', flush=True); signal.pause()"]


class EnoughError(Exception):
    """The supervisor has been watched long enough."""


def supervised(monkeypatch, runs, seconds):
    """Supervise a command that ends after so many seconds, each time; return the pauses between its runs."""
    clock = iter(range(0, 10**6, seconds) if seconds else [0] * 100)
    monkeypatch.setattr(supervisor.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(supervisor, "_run", lambda command: -9)
    pauses = []

    def sleep(pause):
        pauses.append(pause)
        if len(pauses) == runs:
            raise EnoughError

    with pytest.raises(EnoughError):
        supervisor.supervise(["engine"], sleep)
    return pauses


def test_an_engine_that_ends_at_once_is_started_again_after_longer_and_longer_pauses(monkeypatch):
    assert supervised(monkeypatch, 8, seconds=0) == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]


def test_an_engine_that_was_sound_is_started_again_soon(monkeypatch):
    assert supervised(monkeypatch, 3, seconds=100) == [0.1, 0.1, 0.1]


def test_what_the_engine_prints_is_logged_and_its_status_told(caplog):
    assert supervisor._run(PRINTS) == 3
    assert "engine: a line" in caplog.messages


def test_stopping_the_supervisor_ends_the_engine(monkeypatch):
    started = []

    class Process(subprocess.Popen):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            started.append(self)

    def log(*arguments):
        supervisor.stop(signal.SIGTERM, None)  # as the signal would, once the engine has printed a line

    monkeypatch.setattr(supervisor.subprocess, "Popen", Process)
    monkeypatch.setattr(supervisor.logger, "warning", log)
    with pytest.raises(SystemExit):
        supervisor.supervise(WAITS)
    assert started[0].returncode == -signal.SIGTERM


def test_the_supervisor_gets_no_key(monkeypatch):
    started = {}

    class Popen:
        def __init__(self, command, env, cwd, start_new_session):
            started.update(command=command, env=env, session=start_new_session)

    monkeypatch.setattr(launcher.subprocess, "Popen", Popen)
    monkeypatch.setenv("HUGGINGFACE_API_KEY", "hf_secret")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    launcher.Launcher(Config.from_env({"AI_BACKEND": "embedded"}), 4321).ensure_running()
    assert "secret" not in str(started)
    assert started["session"] is True
    assert started["command"][1:6] == ["-m", "app.embedded.supervisor", str(os.getpid()), "info", "json"]


def test_a_launcher_that_started_nothing_stops_nothing():
    started = launcher.Launcher(Config(), 1)
    assert not started.running()
    started.stop()


def test_a_supervisor_is_started_again_only_where_it_is_gone(monkeypatch):
    commands = []

    def start(command, **options):
        commands.append(command)
        return subprocess.Popen(WAITS, stdout=subprocess.DEVNULL)

    monkeypatch.setattr(launcher, "subprocess", types.SimpleNamespace(Popen=start))
    started = launcher.Launcher(Config(), 1)
    started.ensure_running()
    started.ensure_running()
    assert len(commands) == 1
    first = started._process
    first.kill()
    first.wait()
    started.ensure_running()
    assert len(commands) == 2
    started._process.kill()
    started._process.wait()


def test_a_supervisor_that_does_not_stop_is_killed(monkeypatch):
    stubborn = subprocess.Popen(
        [sys.executable, "-c", "import signal; signal.signal(15, signal.SIG_IGN); print(flush=True); signal.pause()"],
        stdout=subprocess.PIPE,
    )
    stubborn.stdout.readline()
    monkeypatch.setattr(launcher, "STOP_SECONDS", 0.05)
    started = launcher.Launcher(Config(), 1)
    started._process = stubborn
    started.stop()
    stubborn.stdout.close()
    assert stubborn.returncode == -signal.SIGKILL
