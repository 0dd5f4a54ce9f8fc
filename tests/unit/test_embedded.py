"""Launcher, supervisor and parameters of the embedded engine, without an engine; tests/server runs the real one."""

import http.client
import http.server
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import types

import pytest
import xllamacpp

from app.config import Config
from app.config.model_file import model_file, model_name
from app.embedded import engine, launcher, process, supervisor, watchdog
from app.embedded.unusable import answering


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
    assert params.cache_ram_mib == 64, "llama.cpp's own default is 8 GiB"


@pytest.fixture
def exit_of(monkeypatch, capsys):
    """Run the engine's process with a server of the test in place of llama.cpp's; return its status and its lines."""

    def run(server):
        monkeypatch.setattr(xllamacpp, "Server", server)
        monkeypatch.setattr(engine, "end_with_parent", lambda *arguments: None)
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        try:
            with pytest.raises(SystemExit) as caught:
                engine.main("1", "4321", "1", "/model.gguf", "name")
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        return caught.value.code, capsys.readouterr().out

    return run


def raising(error):
    def server(params):
        raise error

    return server


def test_a_model_that_cannot_be_loaded_ends_the_engine_with_one_line(exit_of):
    line = "EMBEDDED_MODEL_PATH (/model.gguf) or EMBEDDED_PORT (4321) cannot be used: Failed to init server.\n"
    assert exit_of(raising(RuntimeError("Failed to init server."))) == (process.EXIT_UNUSABLE, line)


def test_a_library_that_is_missing_ends_the_engine_with_its_name(exit_of):
    error = ImportError("libgomp.so.1: cannot open shared object file")
    line = "llama.cpp cannot be loaded: libgomp.so.1: cannot open shared object file\n"
    assert exit_of(raising(error)) == (process.EXIT_UNUSABLE, line)


def test_the_memory_of_requests_is_limited():
    program = (
        "from app.embedded.process import limit_memory\n"
        "limit_memory(64 * 1024**2)\n"
        "bytearray(32 * 1024**2)\n"
        "try:\n    bytearray(128 * 1024**2)\nexcept MemoryError:\n    print('refused')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "refused\n"


FAILS = [sys.executable, "-S", "-c", "import sys; print('the engine is ready'); print('a line'); sys.exit(3)"]
WAITS = [sys.executable, "-c", "import signal; print('up', flush=True); signal.pause()"]
LOAD_ERRORS = """\
0.00.250.1 E llama_model_load: error loading model: unknown architecture in /models/a b.gguf
0.00.250.2 E srv    load_model: failed to load model, '/models/a.gguf'
EMBEDDED_MODEL_PATH (/models/a.gguf) or EMBEDDED_PORT (1) cannot be used: Failed to init server."""
UNUSABLE = [sys.executable, "-S", "-c", f"import sys; print({LOAD_ERRORS!r}); sys.exit({process.EXIT_UNUSABLE})"]


class EnoughError(Exception):
    """Ends the supervisor's loop."""


def supervised(command, port=1):
    return supervisor.Supervised("the embedded engine", "engine", command, port, "/metrics")


def pauses(command, runs, port=1, during_pause=lambda: None):
    """Supervise a command for a number of runs; return the pauses between them."""
    slept = []

    def sleep(pause):
        slept.append(pause)
        during_pause()
        if len(slept) == runs:
            raise EnoughError

    with pytest.raises(EnoughError):
        supervisor.supervise(supervised(command, port), sleep)
    return slept


def test_an_engine_that_exits_early_is_restarted_after_growing_pauses():
    assert pauses(FAILS, 7) == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]


def test_an_engine_that_was_stable_is_restarted_after_the_shortest_pause(monkeypatch):
    monkeypatch.setattr(supervisor, "STABLE_SECONDS", 0)
    assert pauses(FAILS, 3) == [0.1, 0.1, 0.1]


def test_an_engine_that_is_never_ready_is_tried_once_a_minute_and_reported_once(caplog):
    assert pauses(["/bin/false"], 8) == [0.2, 0.4, 0.8, 1.6, 3.2, 60.0, 60.0, 60.0]
    assert caplog.messages.count("the embedded engine cannot be used: it exits with status 1") == 1


@pytest.fixture
def port():
    with socket.socket() as candidate:
        candidate.bind(("127.0.0.1", 0))
        return candidate.getsockname()[1]


def test_an_engine_that_cannot_be_loaded_is_reported_once_with_its_reason(caplog, port):
    responses = []

    def ask():
        for method in ("GET", "POST"):
            connection = http.client.HTTPConnection("127.0.0.1", port)
            connection.request(method, "/health", body=b"{}" if method == "POST" else None)
            response = connection.getresponse()
            responses.append((response.status, json.load(response)["error"]["message"]))
            connection.close()

    assert pauses(UNUSABLE, 2, port, ask) == [60.0, 60.0]
    reason = "unknown architecture in the file b.gguf"
    assert responses == [(503, reason)] * 4
    assert caplog.messages.count(f"the embedded engine cannot be used: {reason}") == 1
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


def test_a_port_that_is_taken_does_not_stop_the_supervisor(port):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        assert pauses(UNUSABLE, 1, port) == [60.0]


def test_the_lines_of_an_engine_are_warnings_only_after_it_has_failed(caplog):
    caplog.set_level("DEBUG")
    pauses(FAILS, 1)
    lines = [(record.levelname, record.message) for record in caplog.records if "a line" in record.message]
    assert lines == [("DEBUG", "engine: a line"), ("WARNING", "engine: a line")]
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
    monkeypatch.setattr("app.embedded.engine_log.logger.debug", log)
    with pytest.raises(SystemExit):
        supervisor.supervise(supervised(WAITS))
    assert started[0].returncode == -signal.SIGTERM


@pytest.fixture
def engine_process(monkeypatch):
    monkeypatch.setattr(watchdog, "INTERVAL_SECONDS", 0.01)
    monkeypatch.setattr(watchdog, "HANG_SECONDS", 0.05)
    with subprocess.Popen(WAITS, stdout=subprocess.PIPE, text=True) as running:
        yield running
        running.kill()


def test_an_engine_that_does_not_answer_is_killed(engine_process, port, caplog):
    watchdog.Watchdog(engine_process, port, "/metrics", "the embedded engine").run()
    assert engine_process.wait() == -signal.SIGKILL
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_an_engine_that_answers_lives(engine_process, port):
    guard = watchdog.Watchdog(engine_process, port, "/metrics", "the embedded engine")
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            if len(asked) == 20:
                guard.stop()
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments):
            """Print nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        guard.run()
        server.shutdown()
    assert engine_process.poll() is None
    assert set(asked) == {"/metrics"}


def test_the_supervisor_gets_no_key(monkeypatch):
    started = {}

    class Popen:
        def __init__(self, command, env, cwd, start_new_session):
            started.update(command=command, env=env, session=start_new_session)

    monkeypatch.setattr(launcher.subprocess, "Popen", Popen)
    monkeypatch.setenv("HUGGINGFACE_API_KEY", "hf_secret")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    launcher.Launcher(Config.from_env({"AI_BACKEND": "embedded"}), 4321, 4322).ensure_running()
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
    started = launcher.Launcher(Config(), 1, 2)
    assert not started.running()
    started.stop()


def test_a_supervisor_is_started_again_only_if_it_is_gone(launched):
    started = launcher.Launcher(Config(), 1, 2)
    started.ensure_running()
    started.ensure_running()
    assert len(launched.processes) == 1
    launched.processes[0].kill()
    launched.processes[0].wait()
    started.ensure_running()
    assert len(launched.processes) == 2


def test_a_supervisor_stops_on_sigterm(launched):
    started = launcher.Launcher(Config(), 1, 2)
    started.ensure_running()
    started.stop()
    assert launched.processes[0].returncode == -signal.SIGTERM


def test_a_supervisor_that_ignores_sigterm_is_killed(launched, monkeypatch):
    ignores = "import signal; signal.signal(15, signal.SIG_IGN); print(flush=True); signal.pause()"
    launched.command = [sys.executable, "-c", ignores]
    monkeypatch.setattr(launcher, "STOP_SECONDS", 0.05)
    started = launcher.Launcher(Config(), 1, 2)
    started.ensure_running()
    started.stop()
    assert launched.processes[0].returncode == -signal.SIGKILL


def test_a_port_that_is_taken_is_left_alone():
    with socket.create_server(("127.0.0.1", 0)) as taken, answering(taken.getsockname()[1], "broken"):
        assert taken.fileno() > 0
