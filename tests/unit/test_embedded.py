"""The embedded engine's model, launcher and supervisor, without an engine; tests/server has the real one."""

import contextlib
import os
import signal
import subprocess
import sys

import pytest

from app.config import Config
from app.embedded import engine, launcher, process, supervisor
from app.embedded.model import model_file, model_name


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
    path.touch()
    assert model_file(str(path)) == path
    assert model_name(str(path)) == name


def test_without_a_file_there_is_no_model(tmp_path, monkeypatch):
    assert model_file(str(tmp_path / "none.gguf")) is None
    monkeypatch.setattr("app.embedded.model.find_spec", lambda name: None)
    assert model_file(None) is None
    assert model_name(None) == "embedded"


def test_the_default_model_is_the_packages():
    assert model_file(None).name == "SmolLM2-135M-Instruct.Q4_1.gguf"


def test_a_process_does_not_outlive_a_parent_that_is_gone_already():
    with pytest.raises(SystemExit):
        process.end_with_parent(parent=-1)


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


class Ended(contextlib.nullcontext):
    """A process that has printed a line and ended."""

    pid = 1
    returncode = -9
    stdout = ("llama.cpp: a warning\n",)

    def __init__(self):
        super().__init__(self)
        self.terminated = False

    def terminate(self):
        self.terminated = True


def supervised(monkeypatch, runs, seconds):
    """Supervise processes that end after so many seconds each; return the pauses between them."""
    clock = iter(range(0, 10**6, seconds) if seconds else [0] * 10**4)
    monkeypatch.setattr(supervisor.time, "monotonic", lambda: next(clock))
    watched = supervisor.Supervisor(lambda: ["engine"])
    pauses = []

    def start(command, **streams):
        assert command == ["engine"]
        if len(pauses) == runs:
            watched.stop()
        return Ended()

    monkeypatch.setattr(supervisor.subprocess, "Popen", start)
    monkeypatch.setattr(watched._stopping, "wait", pauses.append)
    watched.run()
    return pauses


def test_an_engine_that_ends_at_once_is_started_again_after_longer_and_longer_pauses(monkeypatch):
    assert supervised(monkeypatch, 8, seconds=0) == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]


def test_an_engine_that_was_sound_is_started_again_soon(monkeypatch):
    assert supervised(monkeypatch, 3, seconds=100) == [0.1, 0.1, 0.1]


def test_stopping_ends_the_engine(monkeypatch):
    watched = supervisor.Supervisor(lambda: ["engine"])
    engine_process = Ended()
    engine_process.stdout = (watched.stop(signal.SIGTERM) for _ in range(1))
    monkeypatch.setattr(supervisor.subprocess, "Popen", lambda command, **streams: engine_process)
    with pytest.raises(AttributeError, match="rstrip"):  # the signal handler printed no line
        watched.run()
    assert engine_process.terminated


def test_what_the_engine_prints_is_logged(monkeypatch, caplog):
    supervised(monkeypatch, 1, seconds=0)
    assert "engine: llama.cpp: a warning" in caplog.messages


def test_stopping_before_the_start_starts_nothing(monkeypatch):
    watched = supervisor.Supervisor(lambda: pytest.fail("started"))
    watched.stop()
    watched.run()


def test_the_supervisor_gets_no_key(monkeypatch):
    started = {}

    class Popen:
        def __init__(self, command, env, start_new_session):
            started.update(command=command, env=env, session=start_new_session)

    monkeypatch.setattr(launcher.subprocess, "Popen", Popen)
    monkeypatch.setenv("HUGGINGFACE_API_KEY", "hf_secret")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setattr(launcher.os, "sched_getaffinity", lambda pid: {0, 1, 2, 3})
    launcher.Launcher(Config.from_env({"AI_BACKEND": "embedded"}), 4321).start()
    assert "secret" not in str(started)
    assert started["session"] is True
    assert started["command"][1:6] == ["-m", "app.embedded.supervisor", str(os.getpid()), "4321", "2"]


def test_a_launcher_that_started_nothing_stops_nothing():
    launcher.Launcher(Config(), 1).stop()


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
