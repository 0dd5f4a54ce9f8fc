"""Linux process control for the engine: end with the parent, and choose a free port."""

import ctypes
import os
import random
import socket

PR_SET_PDEATHSIG = 1  # prctl(2)

# below Linux' range for outgoing connections (32768 and up): one of those could take the port while the engine restarts
PORTS = range(20_000, 32_000)


def end_with_parent(parent: int, how: int) -> None:
    """Let the kernel send this process the signal `how` when its parent exits; exit now if the parent has exited."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, how)
    if os.getppid() != parent:
        raise SystemExit(0)


def free_port(reserved: int) -> int:
    """Return a port other than `reserved` on which nothing listens on the loopback address; raise OSError if none."""
    for port in random.sample(PORTS, len(PORTS)):
        with socket.socket() as candidate:
            try:
                candidate.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port != reserved:
            return port
    raise OSError("no free port on 127.0.0.1")
