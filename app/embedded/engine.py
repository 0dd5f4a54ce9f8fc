"""The process of the engine: python -m app.embedded.engine PARENT PORT THREADS FILE NAME."""

import os
import signal
import sys

import xllamacpp

from app.embedded.process import end_with_parent

# llama.cpp divides the context among the slots: 2048 tokens for each of four requests at a time
SLOTS = 4
CONTEXT_TOKENS = 8192
LOG_WARNINGS = 2


def parameters(port: int, threads: int, file: str, name: str) -> xllamacpp.CommonParams:
    """Return llama.cpp's parameters for serving one model on the loopback address."""
    params = xllamacpp.CommonParams()
    params.model.path = file
    params.model_alias = {name}  # otherwise responses name the file's path
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.n_parallel = SLOTS
    params.n_ctx = CONTEXT_TOKENS
    params.kv_unified = False  # with a unified cache, four long prompts at once all fail
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.verbosity = LOG_WARNINGS
    params.cors_origins = "http://127.0.0.1"  # pages in a browser may not call it
    params.ui = params.endpoint_slots = False
    return params


def main(parent: str, port: str, threads: str, file: str, name: str) -> None:
    """Serve until SIGTERM; exit with one line if the model cannot be loaded."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    end_with_parent(int(parent), signal.SIGKILL)
    try:
        _server = xllamacpp.Server(parameters(int(port), int(threads), file, name))  # it serves while it is referenced
    except RuntimeError as error:
        # llama.cpp has printed its reason
        sys.exit(f"EMBEDDED_MODEL_PATH ({file}) or EMBEDDED_PORT ({port}) cannot be used: {error}")
    signal.sigwait({signal.SIGTERM})
    os._exit(0)  # a normal exit would first finish the generations in progress, whose clients are gone


if __name__ == "__main__":
    main(*sys.argv[1:])
