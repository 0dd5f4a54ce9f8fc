"""The checks before the start: one line that names the setting."""

import errno
import os
import resource
import socket
import tempfile
from types import SimpleNamespace

import pytest

from app.config import Config
from app.embedded import process
from app.server import start_checks
from app.server.start_checks import StartError


@pytest.fixture
def listening():
    """A port on which another process listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def unwritable(monkeypatch):
    """Make directories whose file system takes no file; root may write everywhere else."""
    real, closed = tempfile.TemporaryFile, set()

    def temporary_file(**options):
        if options["dir"] in closed:
            raise OSError(errno.EROFS, "Read-only file system")
        return real(**options)

    monkeypatch.setattr(start_checks.tempfile, "TemporaryFile", temporary_file)
    return closed


def reason(check, *arguments):
    with pytest.raises(StartError) as caught:
        check(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_port_that_is_in_use_is_named(listening):
    text = reason(start_checks.check_address, "127.0.0.1", listening)
    assert text.startswith(f"SERVER_PORT {listening} is already in use on SERVER_HOST 127.0.0.1: ")
    assert "SERVER_PORT" in reason(start_checks.check_address, "0.0.0.0", listening)


def test_a_port_whose_last_connections_are_in_time_wait_can_be_used():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        client = socket.create_connection(address)
        served, _ = listener.accept()
        served.close()  # the side that closes first waits
        client.close()
    start_checks.check_address(*address)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0", "[::1]", "[::]"])
def test_a_free_port_is_accepted_on_every_kind_of_host(host):
    start_checks.check_address(host, process.free_port(0))


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (PermissionError(errno.EACCES, "Permission denied"), "SERVER_PORT 80 on SERVER_HOST h is not allowed"),
        (OSError(errno.EADDRNOTAVAIL, "x"), "SERVER_HOST h is not an address of this machine."),
        (socket.gaierror(socket.EAI_NONAME, "x"), "SERVER_HOST h does not resolve to an IPv4 address."),
        (OSError(errno.EAFNOSUPPORT, "Not supported"), "SERVER_HOST h, SERVER_PORT 80 cannot be used: Not supported."),
    ],
)
def test_other_reasons_name_the_setting_too(monkeypatch, error, text):
    def bind(*arguments):
        raise error

    monkeypatch.setattr(start_checks.socket.socket, "bind", bind)
    assert reason(start_checks.check_address, "h", 80).startswith(text)


def test_a_host_of_another_machine_is_named():
    assert "SERVER_HOST 192.0.2.1 is not" in reason(start_checks.check_address, "192.0.2.1", 8000)


@pytest.mark.parametrize("variables", [{"GUNICORN_FD": "5"}, {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}])
def test_inherited_sockets_are_not_checked(monkeypatch, listening, variables):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    start_checks.check_address("127.0.0.1", listening)


def test_heartbeats_go_to_shared_memory_else_to_the_temporary_directory(unwritable):
    assert start_checks.heartbeat_directory() == "/dev/shm"
    unwritable.add("/dev/shm")
    assert start_checks.heartbeat_directory() == tempfile.gettempdir()


def test_without_any_writable_directory_tmpdir_is_named(monkeypatch, unwritable):
    def gettempdir():
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

    unwritable.add("/dev/shm")
    monkeypatch.setattr(start_checks.tempfile, "gettempdir", gettempdir)
    assert "TMPDIR" in reason(start_checks.heartbeat_directory)


@pytest.fixture
def metrics_directory(monkeypatch):
    """Set PROMETHEUS_MULTIPROC_DIR, None to unset it; afterwards it is as before."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "x")  # so that it is restored

    def directory_of(workers, configured=None):
        os.environ.pop("PROMETHEUS_MULTIPROC_DIR")
        if configured is not None:
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = configured
        return start_checks.metrics_directory(workers)

    return directory_of


@pytest.mark.parametrize("configured", [None, ""])
def test_one_worker_needs_no_directory_for_metrics(metrics_directory, configured):
    assert metrics_directory(1, configured) is None
    assert "PROMETHEUS_MULTIPROC_DIR" not in os.environ


def test_several_workers_get_a_new_directory_for_metrics(metrics_directory):
    directory = metrics_directory(2)
    assert os.environ["PROMETHEUS_MULTIPROC_DIR"] == str(directory)
    assert directory.is_dir()
    directory.rmdir()


def test_files_of_an_earlier_run_are_removed_from_a_configured_directory(metrics_directory, tmp_path):
    (tmp_path / "counter_1.db").touch()
    (tmp_path / "other").touch()
    assert metrics_directory(1, str(tmp_path)) == tmp_path
    assert [file.name for file in tmp_path.iterdir()] == ["other"]


def test_a_directory_for_metrics_that_cannot_be_used_is_named(metrics_directory, tmp_path, unwritable, monkeypatch):
    for configured in ("/nonexistent", str(tmp_path)):
        unwritable.add(str(tmp_path))
        with pytest.raises(StartError, match="PROMETHEUS_MULTIPROC_DIR must name"):
            metrics_directory(1, configured)
    monkeypatch.setattr(start_checks.tempfile, "tempdir", "/nonexistent")
    with pytest.raises(StartError, match="WEB_CONCURRENCY above 1"):
        metrics_directory(2)


def test_a_full_file_system_for_metrics_is_named(monkeypatch, metrics_directory, tmp_path):
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_bavail=159, f_frsize=4096))
    assert "no space for the metrics of 2 workers: 640 KiB" in reason(metrics_directory, 2, str(tmp_path))
    assert metrics_directory(1, str(tmp_path)) == tmp_path


@pytest.mark.parametrize(
    ("limits", "raised_to", "allowed"),
    [((512, 4096), 856, 300), ((4096, 4096), None, 300), ((512, 600), 600, 280), ((48, 48), None, 4)],
)
def test_the_limit_of_open_files_is_raised_as_far_as_it_may(monkeypatch, limits, raised_to, allowed):
    changes = []
    monkeypatch.setattr(resource, "getrlimit", lambda kind: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda kind, changed: changes.append(changed))
    assert start_checks.raise_file_limit(300) == allowed
    assert changes == ([(raised_to, limits[1])] if raised_to else [])


@pytest.fixture
def engine_port(monkeypatch):
    """Afterwards EMBEDDED_PORT and ENCODER_PORT are as before."""
    for name in ("EMBEDDED_PORT", "ENCODER_PORT"):
        monkeypatch.setenv(name, "x")
        del os.environ[name]


def embedded(**settings):
    return Config(ai_backend="embedded", **settings)


def test_without_an_engine_there_is_no_launcher():
    assert start_checks.prepare_engine(Config.from_env({"OPENAI_BASE_URL": "http://upstream/v1"})) is None
    assert start_checks.prepare_engine(embedded(embedded_start=False, embedded_port=1)) is None


def test_engine_and_encoder_get_free_ports_which_the_workers_read(engine_port, monkeypatch):
    monkeypatch.setattr(process, "PORTS", range(process.PORTS.start, process.PORTS.start + 2))
    assert not start_checks.prepare_engine(embedded()).running()
    assert {int(os.environ[name]) for name in ("EMBEDDED_PORT", "ENCODER_PORT")} == set(process.PORTS)


def test_a_port_of_the_engine_that_is_in_use_is_named(engine_port, listening):
    text = reason(start_checks.prepare_engine, embedded(embedded_port=listening))
    assert text.startswith(f"EMBEDDED_PORT {listening} is already in use on 127.0.0.1: ")
    text = reason(start_checks.prepare_engine, embedded(encoder_port=listening))
    assert text.startswith(f"ENCODER_PORT {listening} is already in use on 127.0.0.1: ")


def test_without_a_free_port_for_the_engine_its_setting_is_named(engine_port, monkeypatch):
    monkeypatch.setattr(process, "PORTS", range(0))
    assert "EMBEDDED_PORT must be set" in reason(start_checks.prepare_engine, embedded())


def test_a_model_that_cannot_be_used_is_named(tmp_path, monkeypatch):
    model = tmp_path / "model.gguf"
    assert "EMBEDDED_MODEL_PATH" in reason(start_checks.prepare_engine, embedded(embedded_model_path=str(model)))
    model.write_bytes(b"no model")
    text = reason(start_checks.prepare_engine, embedded(embedded_model_path=str(model)))
    assert text == f"EMBEDDED_MODEL_PATH must name a GGUF file, and {model} is none."

    def unreadable(self, mode):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(start_checks.Path, "open", unreadable)
    text = reason(start_checks.prepare_engine, embedded(embedded_model_path=str(model)))
    assert text == f"EMBEDDED_MODEL_PATH cannot be read ({model}): Permission denied."
