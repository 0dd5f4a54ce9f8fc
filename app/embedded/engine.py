"""The engine's process: python -m app.embedded.engine PARENT PORT THREADS FILE NAME."""

import os
import signal
import sys

import xllamacpp

from app.embedded.process import end_with_parent

# the context is shared out over the slots: 2048 tokens for each of four callers at a time
SLOTS = 4
CONTEXT_TOKENS = 8192
LOG_WARNINGS = 2


def parameters(port: int, threads: int, file: str, name: str) -> xllamacpp.CommonParams:
    """Return llama.cpp's parameters for serving one model on the loopback address."""
    params = xllamacpp.CommonParams()
    params.model.path = file
    params.model_alias = {name}  # else the answers would name the file's path
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.n_parallel = SLOTS
    params.n_ctx = CONTEXT_TOKENS
    params.kv_unified = False  # shared out; unified, four long prompts at once all fail
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.verbosity = LOG_WARNINGS
    params.cors_origins = "http://127.0.0.1"  # no page in a browser may call it
    params.ui = params.endpoint_slots = False
    return params


def main(parent: str, port: str, threads: str, file: str, name: str) -> None:
    """Serve until SIGTERM."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    end_with_parent(int(parent), signal.SIGKILL)
    _serving = xllamacpp.Server(parameters(int(port), int(threads), file, name))  # for as long as it is referenced
    signal.sigwait({signal.SIGTERM})
    os._exit(0)  # an orderly end would first finish what is being generated, for callers that are gone


if __name__ == "__main__":
    main(*sys.argv[1:])
