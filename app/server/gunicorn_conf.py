"""gunicorn's configuration. The environment is the only input, and wrong settings stop the start."""

import gc
import math
import os
import shutil
import signal
import sys
from functools import partial
from typing import Any

from app.clients.key_store import ReloadingKeyStore
from app.config import Config, ConfigError, config_warnings
from app.lifecycle import TERMINATION_SIGNALS
from app.observability.logs import logging_config
from app.server import start_checks
from app.server.ready_message import ReadyMessage

try:
    _settings = Config.from_env()
    worker_tmp_dir = start_checks.heartbeat_directory()
    worker_connections = start_checks.raise_file_limit(_settings.server_max_connections)
except (ConfigError, start_checks.StartError) as error:
    # a misspelt name often explains a missing setting
    sys.exit("\n".join([str(error), *config_warnings()]))

bind = f"{_settings.server_host}:{_settings.server_port}"
workers = _settings.web_concurrency
worker_class = "app.server.worker.Worker"
# the strict parser extends gunicorn's Python parser; "auto" takes the fast one if its package is installed
http_parser = "python"
os.environ.pop("SCRIPT_NAME", None)  # gunicorn's prefix of all paths; health checks without it would be refused
keepalive = math.ceil(_settings.server_idle_timeout)
# after this time a worker is killed; it exits by itself before, and 5 s are left for its heartbeat and last responses
graceful_timeout = math.ceil(_settings.drain_delay + _settings.shutdown_grace + 5)
# seconds without a heartbeat after which a worker is replaced; it does not limit requests
timeout = 30
# nothing in this service sends commands to gunicorn
control_socket_disable = True
logger_class = "app.observability.logs.ServerLogger"
logconfig_dict = logging_config(_settings.log_level, _settings.plain_logs)

# a new worker has no signal handlers yet: termination signals stay blocked until it has (app/server/worker.py)
os.register_at_fork(
    before=partial(signal.pthread_sigmask, signal.SIG_BLOCK, TERMINATION_SIGNALS),
    after_in_parent=partial(signal.pthread_sigmask, signal.SIG_UNBLOCK, TERMINATION_SIGNALS),
)


ReloadingKeyStore.share_last_valid()


# The arbiter keeps what starts once: gunicorn runs this file again on SIGHUP, but not on_starting.
def on_starting(server: Any) -> None:
    for warning in config_warnings():
        server.log.warning(warning)
    try:
        start_checks.check_address(_settings.server_host, _settings.server_port)
        server.engine = start_checks.prepare_engine(_settings)
        server.metrics_directory = start_checks.metrics_directory(server.num_workers)
    except start_checks.StartError as error:
        sys.exit(str(error))
    server.ready_message = ReadyMessage(_settings)
    if worker_connections < _settings.server_max_connections:
        text = "SERVER_MAX_CONNECTIONS is more than the open files allow, and is %d instead; raise ulimit -n"
        server.log.warning(text, worker_connections)


def nworkers_changed(server: Any, new_value: int, old_value: int | None) -> None:
    # the first worker counts in its memory, so a scrape would show the metrics of one worker or of the other
    if old_value == 1 and new_value > 1 and not server.metrics_directory:
        server.log.warning("SIGTTIN is refused: metrics of several workers need WEB_CONCURRENCY above 1 at the start")
        server.num_workers = old_value


def pre_fork(server: Any, _worker: Any) -> None:
    if server.engine:
        server.engine.ensure_running()


def post_fork(server: Any, worker: Any) -> None:
    # while the app loads, the collector would search all objects three times; the worker enables it afterwards
    gc.disable()
    worker.engine = server.engine
    worker.ready_message = server.ready_message


def when_ready(server: Any) -> None:
    if not _settings.has_keys:
        server.log.warning("Open: without client keys (API_KEYS) anyone who reaches the service can call it")


def child_exit(server: Any, worker: Any) -> None:
    if server.metrics_directory:
        from prometheus_client import multiprocess

        multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]  # untyped there


def on_exit(server: Any) -> None:
    if server.engine:
        server.engine.stop()
    if server.metrics_directory and server.metrics_directory.name.startswith(start_checks.METRICS_PREFIX):
        shutil.rmtree(server.metrics_directory, ignore_errors=True)
