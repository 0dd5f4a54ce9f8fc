"""Start a program on one core; measure and stop it with all its processes."""

import os
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

STOP_SECONDS = 20


@dataclass(frozen=True)
class Command:
    """A command line with its folder; the environment has PATH, HOME and `variables`."""

    argv: Sequence[str]
    folder: Path
    variables: Mapping[str, str] = field(default_factory=dict)


def free_port() -> int:
    """Return an unused port of this machine."""
    with socket.socket() as candidate:
        candidate.bind(("127.0.0.1", 0))
        return int(candidate.getsockname()[1])


class Program:
    """A running program; its output goes to the file `log`."""

    def __init__(self, command: Command, cores: str, log: Path) -> None:
        inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        self.log = log
        with log.open("wb") as file:
            self._process = subprocess.Popen(
                ["taskset", "-c", cores, *command.argv],
                cwd=command.folder,
                env={**inherited, **command.variables},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def has_ended(self) -> bool:
        """Return whether it has exited."""
        return self._process.poll() is not None

    def printed(self) -> str:
        """Return its output so far."""
        return self.log.read_text(errors="replace")

    def processes(self) -> list[psutil.Process]:
        """Return all its processes."""
        first = psutil.Process(self._process.pid)
        return [first, *first.children(recursive=True)]

    def cpu_seconds(self) -> float:
        """Return the processor time that its processes have used."""
        return sum(sum(process.cpu_times()[:2]) for process in self.processes())

    def memory(self) -> int:
        """Return the resident memory of its processes in bytes; shared pages count once (PSS)."""
        return sum(_pss(process.pid) for process in self.processes())

    def stop(self) -> None:
        """Stop it and all its child processes."""
        left = self.processes() if not self.has_ended() else []
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        _, alive = psutil.wait_procs(left, timeout=STOP_SECONDS)
        for process in alive:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
        self._process.wait()


def _pss(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
