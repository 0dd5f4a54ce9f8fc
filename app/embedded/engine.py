"""The process of the engine: python -m app.embedded.engine PARENT PORT THREADS FILE NAME [REQUEST_MEMORY]."""

import os
import signal
import sys
from typing import TYPE_CHECKING, Any

from app.embedded.process import EXIT_UNUSABLE, READY, end_with_parent, limit_memory, say

if TYPE_CHECKING:
    import xllamacpp

# llama.cpp divides the context among the slots: 2048 tokens for each of four requests at a time
SLOTS = 4
CONTEXT_TOKENS = 8192
# the longest step of llama.cpp: other requests and the supervisor's question wait that long
BATCH_TOKENS = 256
# llama.cpp's own default is 8 GiB
PROMPT_CACHE_MIB = 64
LOG_WARNINGS = 2
DEFAULT_REQUEST_MEMORY = 512 * 1024**2


def parameters(port: int, threads: int, file: str, name: str) -> "xllamacpp.CommonParams":
    """Return llama.cpp's parameters for serving one model on the loopback address."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = file
    params.model_alias = {name}  # otherwise responses name the file's path
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.n_parallel = SLOTS
    params.n_ctx = CONTEXT_TOKENS
    params.n_batch = params.n_ubatch = BATCH_TOKENS
    params.cache_ram_mib = PROMPT_CACHE_MIB
    params.kv_unified = False  # with a unified cache, four long prompts at once all fail
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.verbosity = LOG_WARNINGS
    params.cors_origins = "http://127.0.0.1"  # pages in a browser may not call it
    params.ui = params.endpoint_slots = False
    params.endpoint_metrics = True  # unlike /health, it is answered by the thread that generates
    return params


def main(
    parent: str, port: str, threads: str, file: str, name: str, request_memory: str = str(DEFAULT_REQUEST_MEMORY)
) -> None:
    """Serve until SIGTERM; exit with EXIT_UNUSABLE and one line if the engine or the model cannot be loaded."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    end_with_parent(int(parent), signal.SIGKILL)
    _server = _load(int(port), int(threads), file, name)  # it serves while it is referenced
    limit_memory(int(request_memory))
    say(READY)
    signal.sigwait({signal.SIGTERM})
    os._exit(0)  # a normal exit would first finish the generations in progress, whose clients are gone


def _load(port: int, threads: int, file: str, name: str) -> Any:
    try:
        import xllamacpp

        return xllamacpp.Server(parameters(port, threads, file, name))
    except ImportError as error:  # a library of the system is missing, such as libgomp
        say(f"llama.cpp cannot be loaded: {error}")
    except RuntimeError as error:  # llama.cpp has printed its reason
        say(f"EMBEDDED_MODEL_PATH ({file}) or EMBEDDED_PORT ({port}) cannot be used: {error}")
    sys.exit(EXIT_UNUSABLE)


if __name__ == "__main__":
    main(*sys.argv[1:])
