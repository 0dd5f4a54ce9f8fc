"""Process control for the engine and its encoder: lines for the supervisor, memory, end with parent, a free port."""

import ctypes
import os
import random
import resource
import socket
import sys
from pathlib import Path

# the line that reports to the supervisor that the process serves
READY = "the engine is ready"
# sysexits.h, EX_CONFIG: another start would fail in the same way
EXIT_UNUSABLE = 78

PR_SET_PDEATHSIG = 1  # prctl(2)

# below Linux' range for outgoing connections (32768 and up): one of those could take the port while the engine restarts
PORTS = range(20_000, 32_000)


def end_with_parent(parent: int, how: int) -> None:
    """Let the kernel send this process the signal `how` when its parent exits; exit now if the parent has exited."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, how)
    if os.getppid() != parent:
        raise SystemExit(0)


def say(line: str) -> None:
    """Print a line for the supervisor."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def limit_memory(request_memory: int) -> None:
    """Limit the memory of this process to `request_memory` bytes above its present size; allocations beyond it fail.

    RLIMIT_DATA (getrlimit(2)) counts private writable memory, and not the mapped file of the model.
    """
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    used = int(fields["VmData"].split()[0]) * 1024
    resource.setrlimit(resource.RLIMIT_DATA, (used + request_memory, resource.RLIM_INFINITY))


def free_port(*reserved: int) -> int:
    """Return a port outside `reserved` on which nothing listens on the loopback address; raise OSError if none."""
    for port in random.sample(PORTS, len(PORTS)):
        with socket.socket() as candidate:
            try:
                candidate.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in reserved:
            return port
    raise OSError("no free port on 127.0.0.1")
