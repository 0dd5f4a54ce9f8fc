"""The process of the encoder: python -m app.embedded.encoder.process PARENT PORT THREADS [REQUEST_MEMORY]."""

import os
import signal
import sys
import threading

from app.embedded.encoder.models import Models
from app.embedded.encoder.operations import OPERATIONS
from app.embedded.encoder.server import EncoderServer
from app.embedded.process import EXIT_UNUSABLE, READY, end_with_parent, limit_memory, say

# all models of the table together take 470 MB
MODEL_MEMORY = 768 * 1024**2
DEFAULT_REQUEST_MEMORY = 512 * 1024**2
# the limit of memory counts the stack of each connection's thread, which is 8 MiB by default
STACK_BYTES = 2 * 1024**2
SWITCH_SECONDS = 0.001


def main(parent: str, port: str, threads: str, request_memory: str = str(DEFAULT_REQUEST_MEMORY)) -> None:
    """Serve until SIGTERM; exit with EXIT_UNUSABLE and one line if the port is taken."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    end_with_parent(int(parent), signal.SIGTERM)
    # numpy's library reads it when it is loaded; each of its threads would reserve 32 MiB
    os.environ["OPENBLAS_NUM_THREADS"] = threads
    threading.stack_size(STACK_BYTES)
    # a single call should not wait 5 ms, as by default, for a thread that works on a list
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        server = EncoderServer(int(port), Models(int(threads)), OPERATIONS)
    except OSError as error:
        say(f"ENCODER_PORT ({port}) cannot be used: {error.strerror}")
        sys.exit(EXIT_UNUSABLE)
    limit_memory(MODEL_MEMORY + int(request_memory))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    say(READY)
    signal.sigwait({signal.SIGTERM})
    os._exit(0)  # a normal exit would wait for the texts in progress, whose clients are gone


if __name__ == "__main__":
    main(*sys.argv[1:])
