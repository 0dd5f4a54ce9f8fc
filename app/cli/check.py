"""`ai-huggingface check`: the settings, then each backend and Redis by the calls of /health/deep."""

import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any

from app import create_app
from app.config import Config, config_warnings
from app.embedded.launcher import Launcher
from app.embedded.probe import answers
from app.server.start_checks import StartError, prepare_engine

# an engine that needs longer to load its model is reported as failing
LOAD_SECONDS = 60.0
POLL_SECONDS = 0.05
PROBE_SECONDS = 1.0


def check() -> int:
    """Print one line for each backend and for Redis; return 1 if the primary backend fails. Raises ConfigError."""
    for warning in config_warnings():
        print(f"warning: {warning}")
    config = Config.from_env()
    logging.disable()  # the printed lines name the errors
    try:
        # on free ports, since a running service may have taken those of the settings
        launcher = prepare_engine(replace(config, embedded_port=None, encoder_port=None, log_level="critical"))
    except StartError as error:
        print(error, file=sys.stderr)
        return 1
    print("settings: ok")
    for one in config.calibration_file:
        print(f"calibration: {one.operation} by {one.model}, labels {', '.join(one.bias)}")
    with _running(launcher):
        report = _report()
    for name, result in report["checks"].items():
        role = " (primary)" if name == config.backend else ""
        print(f"{name}{role}: {_describe(result)}")
    return int(report["status"] == "unhealthy")


def _report() -> dict[str, Any]:
    """Return the report of /health/deep, made without a server."""
    extensions = create_app().extensions
    with closing(extensions["client"]):
        report: dict[str, Any] = extensions["health"].report("check")
    return report


def _describe(result: dict[str, Any]) -> str:
    latency = f"{result['latency_ms']} ms"
    if result["status"] == "healthy":
        return f"ok, {latency}"
    error = f"{result['type']}: {result['message']}" if "type" in result else "no response in time"
    return f"failed after {latency}; {error}"


@contextmanager
def _running(launcher: Launcher | None) -> Iterator[None]:
    """Run the embedded engine, if there is one to run, from when it has loaded its model."""
    if launcher is None:
        yield
        return
    launcher.ensure_running()
    try:
        for port in (os.environ["EMBEDDED_PORT"], os.environ["ENCODER_PORT"]):
            _wait_until_loaded(int(port), time.monotonic() + LOAD_SECONDS)
        yield
    finally:
        launcher.stop()


def _wait_until_loaded(port: int, deadline: float) -> None:
    """Poll the engine until it has loaded its model; return at the deadline too."""
    while not answers(port, "/health", PROBE_SECONDS) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
