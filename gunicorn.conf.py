"""How gunicorn serves the app. The environment is the only input; wrong settings stop the start here."""

import gc
import math
import os
import resource
import shutil
import signal
import sys
import tempfile
from functools import partial
from pathlib import Path

from app.config import Config, ConfigError, config_warnings
from app.embedded.launcher import Launcher
from app.embedded.process import free_port
from app.lifecycle import TERMINATION_SIGNALS
from app.observability.logs import logging_config

try:
    _settings = Config.from_env()
except ConfigError as error:
    sys.exit(str(error))

bind = f"{_settings.server_host}:{_settings.server_port}"
workers = _settings.web_concurrency
worker_class = "app.server.worker.Worker"
worker_connections = _settings.server_max_connections
forwarded_allow_ips = ""  # gunicorn lets whoever it trusts change scheme and routing; nobody needs to here
keepalive = math.ceil(_settings.server_idle_timeout)
# after this a worker is killed; it ends by itself before, with a few seconds for its heartbeat and its last words
graceful_timeout = math.ceil(_settings.drain_delay + _settings.shutdown_grace + 5)
# a heartbeat, not a limit on requests: a worker whose loop hangs this long is replaced
timeout = 30
# the heartbeat's file; on a disk its writes can block
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None
# a socket that takes commands is more than this service needs to offer
control_socket_disable = True
logger_class = "app.observability.logs.ServerLogger"
logconfig_dict = logging_config(_settings.log_level, _settings.plain_logs)

# a new worker has no signal handlers at first: termination signals stay blocked until it has (app/server/worker.py)
os.register_at_fork(
    before=partial(signal.pthread_sigmask, signal.SIG_BLOCK, TERMINATION_SIGNALS),
    after_in_parent=partial(signal.pthread_sigmask, signal.SIG_UNBLOCK, TERMINATION_SIGNALS),
)

_engine = None
if "embedded" in _settings.backends and _settings.embedded_start:
    os.environ.setdefault("EMBEDDED_PORT", str(free_port()))
    _engine = Launcher(_settings, int(os.environ["EMBEDDED_PORT"]))

_METRICS_PREFIX = "ai-huggingface-metrics-"
# read by prometheus_client when it is imported, which the workers do: counters are shared through files
if _settings.web_concurrency > 1 and "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix=_METRICS_PREFIX)
_metrics_dir = os.environ.get("PROMETHEUS_MULTIPROC_DIR")


# for each connection one file upstream too; systems often allow a process far fewer than it may ask for
_FILES = 2 * _settings.server_max_connections + 256


def on_starting(server):
    for warning in config_warnings():
        server.log.warning(warning)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < _FILES:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(_FILES, hard), hard))
    if hard < _FILES:
        server.log.warning("SERVER_MAX_CONNECTIONS is more than %d open files allow; raise ulimit -n", hard)
    for file in Path(_metrics_dir).glob("*.db") if _metrics_dir else ():
        file.unlink()  # of an earlier run
    if _engine:
        _engine.ensure_running()


def pre_fork(server, worker):
    if _engine:
        _engine.ensure_running()


def post_fork(server, worker):
    gc.disable()  # until what stays is loaded (app/server/process_memory.py): it would look through it three times
    worker.engine = _engine


def when_ready(server):
    host = "localhost" if _settings.server_host in ("0.0.0.0", "[::]") else _settings.server_host
    server.log.info(
        "Ready on http://%s:%d with the backend %s. Try: curl -s http://%s:%d/v1/text/generate "
        "-H 'Content-Type: application/json' -d '{\"prompt\": \"What is a lighthouse?\"}'",
        host, _settings.server_port, _settings.backend, host, _settings.server_port,
    )  # fmt: skip
    if not _settings.has_keys:
        server.log.warning("Open: no client keys are set, so anyone who reaches the service may call it (API_KEYS)")


def child_exit(server, worker):
    if _metrics_dir:
        from prometheus_client import multiprocess

        multiprocess.mark_process_dead(worker.pid)


def on_exit(server):
    if _engine:
        _engine.stop()
    if _metrics_dir and Path(_metrics_dir).name.startswith(_METRICS_PREFIX):
        shutil.rmtree(_metrics_dir)
