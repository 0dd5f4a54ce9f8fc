"""`ai-huggingface check`: the settings, then each backend and Redis by the calls of /health/deep."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.client import HTTPConnection
from typing import Any

from app import create_app
from app.config import Config, config_warnings
from app.embedded.launcher import Launcher
from app.embedded.process import free_port

# an engine that needs longer to load its model is reported as failing
LOAD_SECONDS = 60.0
POLL_SECONDS = 0.05


def check() -> int:
    """Print one line for each backend and for Redis; return 1 if the primary backend fails. Raises ConfigError."""
    for warning in config_warnings():
        print(f"warning: {warning}")
    config = Config.from_env()
    logging.disable()  # the printed lines name the errors
    print("settings: ok")
    with _running_engine(config) as running:
        report = create_app(running).extensions["health"].report("check")
    for name, result in report["checks"].items():
        role = " (primary)" if name == config.backend else ""
        print(f"{name}{role}: {_describe(result)}")
    return int(report["status"] == "unhealthy")


def _describe(result: dict[str, Any]) -> str:
    latency = f"{result['latency_ms']} ms"
    if result["status"] == "healthy":
        return f"ok, {latency}"
    error = f"{result['type']}: {result['message']}" if "type" in result else "no response in time"
    return f"failed after {latency}; {error}"


@contextmanager
def _running_engine(config: Config) -> Iterator[Config]:
    """Run the embedded engine if the settings ask the service to; yield the settings with the engine's port."""
    if "embedded" not in config.backends or not config.embedded_start:
        yield config
        return
    port = free_port(config.server_port)  # a running service may have taken EMBEDDED_PORT
    launcher = Launcher(replace(config, log_level="critical"), port)
    launcher.ensure_running()
    try:
        _wait_until_loaded(port, time.monotonic() + LOAD_SECONDS)
        yield replace(config, embedded_port=port)
    finally:
        launcher.stop()


def _wait_until_loaded(port: int, deadline: float) -> None:
    """Poll the engine until it has loaded its model; return at the deadline too."""
    while not _has_loaded(port) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)


def _has_loaded(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
