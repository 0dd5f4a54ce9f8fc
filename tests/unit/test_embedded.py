"""Launcher, supervisor and parameters of the embedded engine, without an engine; tests/server runs the real one."""

import os
import signal
import socket
import subprocess
import sys
import types

import pytest
import xllamacpp

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
    assert model_name(str(path)) == name, "also if only another process has the file"
    path.touch()
    assert model_file(str(path)) == path
    assert model_name(str(path)) == name


def test_without_a_file_there_is_no_model(tmp_path, monkeypatch):
    assert model_file(str(tmp_path / "none.gguf")) is None
    monkeypatch.setattr("app.config.model_file.find_spec", lambda name: None)
    assert model_file(None) is None
    assert model_name(None) == "embedded"


def test_the_default_model_is_that_of_the_model_package():
    assert model_file(None).name == "SmolLM2-135M-Instruct.Q4_1.gguf"


def test_a_process_exits_if_its_parent_is_gone_already():
    with pytest.raises(SystemExit):
        process.end_with_parent(-1, signal.SIGTERM)


@pytest.mark.parametrize("reserved", [False, True])
def test_a_free_port_is_neither_in_use_nor_reserved(monkeypatch, reserved):
    with socket.socket() as candidate:
        candidate.bind(("127.0.0.1", 0))
        port = candidate.getsockname()[1]
        monkeypatch.setattr(process, "PORTS", range(port, port + 1))
        with pytest.raises(OSError, match="no free port"):
            process.free_port(0)
    if reserved:
        with pytest.raises(OSError, match="no free port"):
            process.free_port(port)
    else:
        assert process.free_port(0) == port


def test_the_engine_serves_the_loopback_address_only():
    params = engine.parameters(4321, 3, "/model.gguf", "name")
    assert (params.hostnames, params.port, params.model.path) == (["127.0.0.1"], 4321, "/model.gguf")
    assert (params.n_parallel, params.n_ctx, params.kv_unified, params.model_alias) == (4, 8192, False, {"name"})
    assert (params.cpuparams.n_threads, params.cpuparams_batch.n_threads) == (3, 3)


def test_a_model_that_cannot_be_loaded_ends_the_engine_with_one_line(monkeypatch):
    def server(params):
        raise RuntimeError("Failed to init server.")

    monkeypatch.setattr(xllamacpp, "Server", server)
    monkeypatch.setattr(engine, "end_with_parent", lambda *arguments: None)
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        with pytest.raises(SystemExit) as caught:
            engine.main("1", "4321", "1", "/model.gguf", "name")
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    expected = "EMBEDDED_MODEL_PATH (/model.gguf) or EMBEDDED_PORT (4321) cannot be used: Failed to init server."
    assert caught.value.code == expected


FAILS = [sys.executable, "-S", "-c", "import sys; print('a line'); sys.exit(3)"]
WAITS = [sys.executable, "-c", "import signal; print('up', flush=True); signal.pause()"]


class EnoughError(Exception):
    """Ends the supervisor's loop."""


def pauses(command, runs):
    """Supervise a command for a number of runs; return the pauses between them."""
    slept = []

    def sleep(pause):
        slept.append(pause)
        if len(slept) == runs:
            raise EnoughError

    with pytest.raises(EnoughError):
        supervisor.supervise(command, sleep)
    return slept


def test_an_engine_that_exits_early_is_restarted_after_growing_pauses():
    assert pauses(["/bin/false"], 8) == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]


def test_an_engine_that_was_stable_is_restarted_after_the_shortest_pause(monkeypatch):
    monkeypatch.setattr(supervisor, "STABLE_SECONDS", 0)
    assert pauses(["/bin/false"], 3) == [0.1, 0.1, 0.1]


def test_the_lines_and_the_exit_status_of_the_engine_are_logged(caplog):
    pauses(FAILS, 1)
    assert "engine: a line" in caplog.messages
    assert "the embedded engine exited with status 3; it starts again in 0.2 s" in caplog.messages


def test_stopping_the_supervisor_stops_the_engine(monkeypatch):
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


@pytest.fixture
def launched(monkeypatch):
    """Let launchers start a command of the test in place of the supervisor; return the started processes."""
    processes = []

    def start(command, **options):
        processes.append(subprocess.Popen(launched.command, stdout=subprocess.PIPE))
        processes[-1].stdout.readline()  # it runs
        return processes[-1]

    launched = types.SimpleNamespace(command=WAITS, processes=processes)
    monkeypatch.setattr(
        launcher,
        "subprocess",
        types.SimpleNamespace(Popen=start, TimeoutExpired=subprocess.TimeoutExpired),
    )
    yield launched
    for one in processes:
        one.kill()
        one.wait()
        one.stdout.close()


def test_a_launcher_that_has_started_nothing_stops_nothing():
    started = launcher.Launcher(Config(), 1)
    assert not started.running()
    started.stop()


def test_a_supervisor_is_started_again_only_if_it_is_gone(launched):
    started = launcher.Launcher(Config(), 1)
    started.ensure_running()
    started.ensure_running()
    assert len(launched.processes) == 1
    launched.processes[0].kill()
    launched.processes[0].wait()
    started.ensure_running()
    assert len(launched.processes) == 2


def test_a_supervisor_stops_on_sigterm(launched):
    started = launcher.Launcher(Config(), 1)
    started.ensure_running()
    started.stop()
    assert launched.processes[0].returncode == -signal.SIGTERM


def test_a_supervisor_that_ignores_sigterm_is_killed(launched, monkeypatch):
    ignores = "import signal; signal.signal(15, signal.SIG_IGN); print(flush=True); signal.pause()"
    launched.command = [sys.executable, "-c", ignores]
    monkeypatch.setattr(launcher, "STOP_SECONDS", 0.05)
    started = launcher.Launcher(Config(), 1)
    started.ensure_running()
    started.stop()
    assert launched.processes[0].returncode == -signal.SIGKILL
