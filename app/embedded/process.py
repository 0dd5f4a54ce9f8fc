"""What the engine's processes need of Linux: to end with their parent, and a port that no one else will take."""

import ctypes
import os
import random
import socket

PR_SET_PDEATHSIG = 1  # prctl(2)

# below Linux' range for outgoing connections (32768 and up), one of which could take the port while the engine restarts
PORTS = range(20_000, 32_000)


def end_with_parent(parent: int, how: int) -> None:
    """Have the kernel send this process the signal `how` when its parent ends; exit at once if it has ended already."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, how)
    if os.getppid() != parent:
        raise SystemExit(0)


def free_port() -> int:
    """Return a port on which nothing listens on the loopback address."""
    for port in random.sample(PORTS, len(PORTS)):
        with socket.socket() as candidate:
            try:
                candidate.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise OSError("no free port on 127.0.0.1")
