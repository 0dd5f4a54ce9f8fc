"""gunicorn's configuration: the package's module, which the file of the project folder imports."""

import importlib.util
import os
import resource
import runpy
import socket
import sys
import types
from pathlib import Path

import pytest
from support.servers import free_port

from app.config import Config

ROOT = Path(__file__).parents[2]


@pytest.fixture
def load(monkeypatch):
    """Load the configuration with the given variables, as a module of its own."""

    def load_one(**variables):
        for name in (*Config.variables(), "PROMETHEUS_MULTIPROC_DIR"):
            monkeypatch.setenv(name, "")  # what the module sets is undone too
            monkeypatch.delenv(name)
        for name, value in {"HUGGINGFACE_API_KEY": "hf_x", **variables}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(os, "register_at_fork", lambda **_: None)  # would stay for all later tests
        spec = importlib.util.find_spec("app.server.gunicorn_conf")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load_one


@pytest.fixture
def server():
    """An arbiter that keeps its warnings."""
    warnings = []
    log = types.SimpleNamespace(warning=lambda *message: warnings.append(message), info=lambda *_: None)
    return types.SimpleNamespace(log=log, warnings=warnings, num_workers=1)


@pytest.fixture
def start(load, server):
    """Load the configuration and start its server."""

    def start_one(**variables):
        configuration = load(SERVER_PORT=str(free_port()), **variables)
        server.num_workers = configuration.workers
        configuration.on_starting(server)
        return configuration

    return start_one


def test_the_file_of_the_project_folder_has_the_settings_of_the_package(load, monkeypatch):
    packaged = load(SERVER_PORT="8123")
    monkeypatch.setitem(sys.modules, "app.server.gunicorn_conf", packaged)
    found = runpy.run_path(str(ROOT / "gunicorn.conf.py"))
    assert found["bind"] == "localhost:8123"
    assert found["on_exit"] is packaged.on_exit


def test_wrong_settings_end_the_start(load):
    with pytest.raises(SystemExit, match="SERVER_PORT must be"):
        load(SERVER_PORT="http")


def test_a_port_that_is_taken_ends_the_start(load, server):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SystemExit, match=rf"SERVER_PORT {port} is already in use"):
            load(SERVER_HOST="127.0.0.1", SERVER_PORT=str(port)).on_starting(server)


def test_the_files_of_an_earlier_run_are_removed(start, server, tmp_path):
    (tmp_path / "counter_1.db").touch()
    start(PROMETHEUS_MULTIPROC_DIR=str(tmp_path))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("limits", "raised_to", "connections"),
    [
        ((1024, 1_000_000), 456, 100),
        ((256, 1_000_000), 456, 100),
        ((256, 300), 300, 100),
        ((100, 200), 200, 80),
        ((64, 64), 64, 12),
    ],
)
def test_the_limit_of_open_files_is_raised_as_far_as_it_may_be_and_bounds_the_connections(
    start, server, monkeypatch, limits, raised_to, connections
):
    changed = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda _, new: changed.append(new[0]))
    assert start(SERVER_MAX_CONNECTIONS="100").worker_connections == connections
    assert changed == ([] if limits[0] >= raised_to else [raised_to])
    assert [message[1] for message in server.warnings] == ([connections] if connections < 100 else [])


def test_too_few_open_files_for_any_connection_end_the_start(load, monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda _: (47, 47))
    monkeypatch.setattr(resource, "setrlimit", lambda *_: None)
    with pytest.raises(SystemExit, match="ulimit -n must allow 48 open files"):
        load()


def test_more_workers_than_one_at_the_start_are_refused_without_shared_metrics(start, server):
    configuration = start()
    for new, old, kept in ((1, None, 1), (2, 1, 1), (1, 2, 1)):
        server.num_workers = new
        configuration.nworkers_changed(server, new, old)
        assert server.num_workers == kept
    assert [message[0][:20] for message in server.warnings] == ["SIGTTIN is refused: "]


def test_more_workers_are_accepted_with_shared_metrics(start, server, tmp_path):
    configuration = start(PROMETHEUS_MULTIPROC_DIR=str(tmp_path))
    configuration.nworkers_changed(server, 2, 1)
    assert server.warnings == []


def test_workers_of_the_command_line_share_their_metrics_too(load, server):
    configuration = load(SERVER_PORT=str(free_port()))
    server.num_workers = 2  # --workers 2
    configuration.on_starting(server)
    assert server.metrics_directory.is_dir()
    configuration.on_exit(server)


def test_several_workers_share_their_metrics_in_a_folder_that_is_removed(start, server):
    configuration = start(WEB_CONCURRENCY="2")
    folder = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
    assert folder.is_dir()
    configuration.child_exit(server, types.SimpleNamespace(pid=2**22))
    configuration.on_exit(server)
    assert not folder.exists()


def test_a_misspelt_setting_is_a_warning_at_start(load, server, monkeypatch):
    monkeypatch.setenv("SERVER_PROT", "9000")
    load(METRICS_REQUIRE_KEY="false", SERVER_PORT=str(free_port())).on_starting(server)
    texts = [message[0] for message in server.warnings]
    assert "SERVER_PROT is not a setting; did you mean SERVER_PORT?" in texts
    assert any(text.startswith("METRICS_REQUIRE_KEY is now called") for text in texts)


def test_wrong_settings_are_shown_with_the_misspelt_ones(load, monkeypatch):
    monkeypatch.setenv("SERVER_PROT", "9000")
    with pytest.raises(SystemExit, match=r"LOG_LEVEL must be one of(.|\n)*did you mean SERVER_PORT"):
        load(LOG_LEVEL="loud")
