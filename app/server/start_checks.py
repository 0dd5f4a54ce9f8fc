"""Checks and preparations in gunicorn's arbiter before anything starts; each failure names the setting to change."""

import errno
import os
import resource
import socket
import tempfile
from pathlib import Path

from gunicorn.systemd import listen_fds
from gunicorn.util import is_ipv6

from app.config import Config
from app.config.model_file import model_file
from app.embedded.launcher import Launcher
from app.embedded.process import free_port

SHARED_MEMORY = "/dev/shm"  # noqa: S108 - only its parent directory is fixed
# five files of 64 KiB: prometheus_client has one for counters, one for histograms, and one for each mode of gauges
METRICS_BYTES_PER_WORKER = 5 * 64 * 1024
METRICS_PREFIX = "ai-huggingface-metrics-"
# each connection may need one upstream; the rest is for listeners, logs and metrics
FILES_PER_CONNECTION = 2
OTHER_FILES = 256
# the open files of a worker with several listeners, its logs, metrics, Redis and DNS
MIN_OTHER_FILES = 40
MIN_CONNECTIONS = 4
GGUF_MAGIC = b"GGUF"

_BIND_FAILURES = {
    errno.EADDRINUSE: "{port} is already in use on {host}: stop the process that listens there, or set another port.",
    errno.EACCES: "{port} on {host} is not allowed for this user: set a port from 1024 upwards.",
    errno.EADDRNOTAVAIL: "{host} is not an address of this machine.",
}


class StartError(Exception):
    """The service cannot start; the text is one line that names the setting."""


def check_address(host: str, port: int) -> None:
    """Check that the service can listen on the address; do nothing if gunicorn inherits its sockets."""
    if "GUNICORN_FD" in os.environ or listen_fds(unset_environment=False):
        return
    _check_bind(host.strip("[]"), port, f"SERVER_HOST {host}", f"SERVER_PORT {port}")


def prepare_engine(config: Config) -> Launcher | None:
    """Return the launcher of the embedded engine, None if this service does not start it.

    Sets EMBEDDED_PORT and ENCODER_PORT, which the workers read, to free ports unless they are set.
    """
    if "embedded" not in config.backends or not config.embedded_start:
        return None
    _check_model_file(model_file(config.embedded_model_path))
    encoder_port = config.encoder_port or 0
    port = _choose_port("EMBEDDED_PORT", config.embedded_port, config.server_port, encoder_port)
    encoder_port = _choose_port("ENCODER_PORT", config.encoder_port, config.server_port, port)
    return Launcher(config, port, encoder_port)


def _choose_port(name: str, port: int | None, *reserved: int) -> int:
    """Check the port of a setting, or choose a free one outside `reserved`; set the variable and return the port."""
    try:
        port = port or free_port(*reserved)
    except OSError as error:
        raise StartError(f"{name} must be set: {error}.") from None
    _check_bind("127.0.0.1", port, "127.0.0.1", f"{name} {port}")
    os.environ[name] = str(port)
    return port


def _check_bind(host: str, port: int, host_label: str, port_label: str) -> None:
    """Bind as gunicorn does, and release the address again."""
    try:
        with socket.socket(socket.AF_INET6 if is_ipv6(host) else socket.AF_INET) as candidate:
            # without it, connections in TIME_WAIT would make a restart fail
            candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            candidate.bind((host, port))
    except socket.gaierror:
        raise StartError(f"{host_label} does not resolve to an IPv4 address.") from None
    except OSError as error:
        text = _BIND_FAILURES.get(error.errno or 0, f"{{host}}, {{port}} cannot be used: {error.strerror}.")
        raise StartError(text.format(host=host_label, port=port_label)) from None


def _check_model_file(file: Path | None) -> None:
    """Check that the model can be read and is in GGUF format."""
    if file is None:
        raise StartError("EMBEDDED_MODEL_PATH must name a GGUF file that exists.")
    try:
        with file.open("rb") as opened:
            magic = opened.read(len(GGUF_MAGIC))
    except OSError as error:
        raise StartError(f"EMBEDDED_MODEL_PATH cannot be read ({file}): {error.strerror}.") from None
    if magic != GGUF_MAGIC:
        raise StartError(f"EMBEDDED_MODEL_PATH must name a GGUF file, and {file} is none.")


def heartbeat_directory() -> str:
    """Return the directory for the heartbeat files of the workers: shared memory, else the temporary directory."""
    # on a disk, the write of a heartbeat can block
    if _is_writable(SHARED_MEMORY):
        return SHARED_MEMORY
    try:
        return tempfile.gettempdir()
    except FileNotFoundError:
        raise StartError("TMPDIR must name a directory that can be written, as /dev/shm and /tmp cannot.") from None


def metrics_directory(workers: int) -> Path | None:
    """Return the directory for metrics that workers share, without files of an earlier run; None for one worker.

    Sets PROMETHEUS_MULTIPROC_DIR, which prometheus_client reads when a worker imports it.
    """
    configured = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if not configured:
        os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)  # an empty one would mean the working directory
        return _new_metrics_directory(workers) if workers > 1 else None
    if not _is_writable(configured):
        raise StartError("PROMETHEUS_MULTIPROC_DIR must name a directory that exists and can be written.")
    _check_space(configured, workers)
    for file in Path(configured).glob("*.db"):
        file.unlink()
    return Path(configured)


def _new_metrics_directory(workers: int) -> Path:
    try:
        directory = tempfile.mkdtemp(prefix=METRICS_PREFIX)
    except OSError:
        raise StartError(
            "WEB_CONCURRENCY above 1 needs a directory for shared metrics: set PROMETHEUS_MULTIPROC_DIR or TMPDIR."
        ) from None
    _check_space(directory, workers)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = directory
    return Path(directory)


def _check_space(directory: str, workers: int) -> None:
    """Check that the metrics of all workers fit."""
    status = os.statvfs(directory)
    needed = workers * METRICS_BYTES_PER_WORKER
    if status.f_bavail * status.f_frsize < needed:
        raise StartError(
            f"{directory} has no space for the metrics of {workers} workers: {needed // 1024} KiB are needed; "
            "set PROMETHEUS_MULTIPROC_DIR or TMPDIR."
        )


def raise_file_limit(connections: int) -> int:
    """Raise the limit of open files to the need of that many connections; return how many of them it allows."""
    # systems often start a process with far fewer files than it may ask for
    needed = FILES_PER_CONNECTION * connections + OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < min(needed, hard):
        soft = min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    # a worker without a free file accepts nothing, not even a probe, so it has fewer slots instead
    allowed = (soft - MIN_OTHER_FILES) // FILES_PER_CONNECTION
    if allowed < MIN_CONNECTIONS:
        raise StartError(f"ulimit -n must allow {MIN_OTHER_FILES + FILES_PER_CONNECTION * MIN_CONNECTIONS} open files.")
    return min(connections, allowed)


def _is_writable(directory: str) -> bool:
    """Return whether a file can be created in a directory."""
    # permissions alone miss read-only and full file systems
    try:
        with tempfile.TemporaryFile(dir=directory):
            return True
    except OSError:
        return False
