"""Facts about the machine of a run."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path


def facts() -> dict[str, str]:
    """Return the processor, the system and the versions of tools."""
    models = [line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    system = next(line.partition("=")[2].strip('"') for line in _lines("/etc/os-release") if line.startswith("PRETTY"))
    return {
        "day": datetime.now(UTC).date().isoformat(),
        "processor": f"{models[0] if models else platform.machine()}, {os.cpu_count()} cores",
        "system": f"{system}, Linux {platform.release()}",
        "Python": platform.python_version(),
        "Node": _version("node", "--version"),
        "wrk": _version("wrk", "--version"),
    }


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()


def _version(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True)  # wrk exits with 1 after it prints its version
    except FileNotFoundError:
        return "none"
    return (done.stdout or done.stderr).splitlines()[0].partition(" [")[0].removeprefix("v")
