"""How the service starts: the message when it is ready, and one line for each reason why it cannot start."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack

import pytest
import requests
from support.servers import ROOT, Service, connects, free_port, until

COMMAND = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"]
INHERITED = {name: value for name, value in os.environ.items() if name.startswith(("COV", "PATH", "HOME", "PYTHON"))}
# takes every parse away from gunicorn's Python parser, if gunicorn chooses it
FAST_PARSER = """
class LimitRequestLine(Exception): pass
def parse_request(*arguments, **options): raise SystemExit("the fast parser is in use")
"""


def failed_start(**variables):
    """Start the service with settings that prevent it; return what it prints to standard error."""
    environment = {"SERVER_PORT": str(free_port()), **INHERITED, **variables}
    started = time.monotonic()
    done = subprocess.run(COMMAND, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=30)
    assert time.monotonic() - started < 5
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert "Ready on" not in done.stdout
    assert "engine" not in done.stdout
    return done.stderr


def test_wrong_settings_stop_the_start_and_are_all_named():
    variables = {
        "HUGGINGFACE_BASE_URL": "https://api-inference.huggingface.co",
        "SERVER_PORT": "http",
        "HUGGINGFACE_TIMEOUT": "fast",
        "LOG_LEVEL": "loud",
        "MAX_BODY_BYTES": "-1",
        "AI_BACKEND": "bedrock",
    }
    printed = failed_start(**variables)
    assert all(name in printed for name in variables)
    assert "https://router.huggingface.co" in printed


def test_a_port_in_use_is_named_in_one_line_before_the_engine_starts():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        [line] = failed_start(AI_BACKEND="embedded", SERVER_HOST="127.0.0.1", SERVER_PORT=str(port)).splitlines()
    assert line.startswith(f"SERVER_PORT {port} is already in use on SERVER_HOST 127.0.0.1")


@pytest.mark.parametrize(
    ("variables", "name"),
    [
        ({"SERVER_HOST": "nowhere.invalid"}, "SERVER_HOST"),
        ({"SERVER_HOST": "192.0.2.1"}, "SERVER_HOST"),
        ({"PROMETHEUS_MULTIPROC_DIR": "/nonexistent"}, "PROMETHEUS_MULTIPROC_DIR"),
        ({"AI_BACKEND": "embedded", "EMBEDDED_MODEL_PATH": str(ROOT / "README.md")}, "EMBEDDED_MODEL_PATH"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_a_start_that_is_impossible_ends_with_one_line_that_names_the_setting(variables, name):
    [line] = failed_start(OPENAI_BASE_URL="http://127.0.0.1:1/v1", **variables).splitlines()
    assert name in line


def test_a_service_that_is_ready_shows_a_command_that_works_when_it_is_pasted(start):
    service = start(AI_BACKEND="embedded", MAKELEVEL="1")
    assert service.get("/health/ready").status_code == 200
    line = service.wait_for_line("curl")
    command = line[line.index("curl") :]
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(done.stdout)["choices"][0]["text"]


def test_ready_is_printed_once_whatever_becomes_of_the_workers(start, remote):
    service = start(OPENAI_BASE_URL=f"{remote.url}/v1", WEB_CONCURRENCY="2")
    workers = service.processes()[1:]
    workers[0].send_signal(signal.SIGTERM)
    until(lambda: not workers[0].is_running() and len(service.processes()) == 3)
    service.process.send_signal(signal.SIGHUP)
    until(lambda: not workers[1].is_running() and len(service.processes()) == 3)
    for _ in range(10):
        assert service.get("/health").status_code == 200
    assert service.stop() == 0
    assert len([line for line in service.lines if "Ready on" in line]) == 1


def test_a_reload_keeps_the_one_engine(start):
    service = start(AI_BACKEND="embedded")
    engine = service.engine()
    [worker] = [one for one in service.processes()[1:] if "wsgi:app" in one.cmdline()]
    service.process.send_signal(signal.SIGHUP)
    until(lambda: not worker.is_running())
    until(service.is_ready)
    assert service.engine().pid == engine.pid
    assert len(service.processes()) == 5  # arbiter, worker, supervisor, engine, encoder
    assert service.stop() == 0


def test_a_model_that_cannot_be_loaded_is_named_and_the_service_is_not_ready(tmp_path):
    model = tmp_path / "broken.gguf"
    model.write_bytes(b"GGUF" + bytes(1000))
    service = Service(AI_BACKEND="embedded", EMBEDDED_MODEL_PATH=str(model))
    reason = service.wait_for_line("the embedded engine cannot be used")
    assert '"level":"ERROR"' in reason
    assert "GGUF" in reason
    until(lambda: connects(service.port))
    assert service.get("/health/ready").status_code == 503
    assert service.stop() == 0
    assert not [line for line in service.lines if "Traceback" in line or "Ready on" in line]


def test_too_few_open_files_for_the_connections_are_logged_and_health_is_served(remote):
    port = free_port()
    settings = {
        **INHERITED,
        "OPENAI_BASE_URL": f"{remote.url}/v1",
        "SERVER_HOST": "127.0.0.1",
        "SERVER_PORT": str(port),
    }
    limited = ["sh", "-c", 'ulimit -n 64; exec "$@"', "sh", *COMMAND]
    with subprocess.Popen(limited, cwd=ROOT, env=settings, stdout=subprocess.PIPE, text=True) as service:
        line = next(line for line in service.stdout if "SERVER_MAX_CONNECTIONS" in line or "Ready on" in line)
        next(line for line in service.stdout if "Ready on" in line)
        with ExitStack() as stack:  # clients that send nothing
            for _ in range(100):
                stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            assert requests.get(f"http://127.0.0.1:{port}/health", timeout=10).status_code == 200
        service.terminate()
        service.stdout.read()
    assert "SERVER_MAX_CONNECTIONS is more than the open files allow, and is 12 instead" in line


def test_the_service_opens_no_socket_but_its_port(start, remote):
    service = start(OPENAI_BASE_URL=f"{remote.url}/v1")
    open_sockets = {one.laddr for process in service.processes() for one in process.net_connections("all") if one.laddr}
    assert open_sockets == {("127.0.0.1", service.port)}


def test_the_configuration_names_the_parser_that_is_used():
    done = subprocess.run(
        [*COMMAND, "--print-config"], cwd=ROOT, capture_output=True, text=True, timeout=30, check=True
    )
    assert re.search(r"^http_parser += python$", done.stdout, re.MULTILINE)


@pytest.mark.parametrize("arguments", ["", "--http-parser fast"])
def test_the_package_of_the_fast_parser_changes_nothing(start, remote, tmp_path, arguments):
    (tmp_path / "gunicorn_h1c.py").write_text(FAST_PARSER)
    service = start(OPENAI_BASE_URL=f"{remote.url}/v1", PYTHONPATH=str(tmp_path), GUNICORN_CMD_ARGS=arguments)
    assert service.get("/health?a=b").status_code == 200
    assert service.stop() == 0


def test_a_prefix_of_paths_for_gunicorn_is_ignored(start, remote):
    service = start(OPENAI_BASE_URL=f"{remote.url}/v1", SCRIPT_NAME="/prefix")
    assert service.get("/health").status_code == 200
    assert service.get("/prefix/health").status_code == 404
