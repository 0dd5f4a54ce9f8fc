"""Check real clients against the service, and write the table of docs/clients.md.

    PYTHONPATH=tests python -m scripts.clients [NAME ...]

Each client is installed into a folder of its own below .clients. It runs twice: on a service before a scripted upstream
that obeys tools and schemas, and on a service with the embedded engine. With names it prints the results only.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from hashlib import sha256

from support.openai_server import OpenAIServer
from support.servers import Service, until

from app.version import RELEASE
from scripts.client_install import FOLDER, Client, clients, install_node
from scripts.client_table import COLUMNS, Result, write

KEY = "a-key-of-the-clients"
KEYS = {"API_KEYS": f"clients:{sha256(KEY.encode()).hexdigest()}"}
ENGINE_CHECKS = ("chat", "stream")
ENGINE_MODEL = "SmolLM2-135M-Instruct"
CHECK_SECONDS = 600
# clients that would ask other hosts use what they bring with them
OFFLINE = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "OTEL_SDK_DISABLED": "true"}
INHERITED = ("HOME", "LANG", "SSL_CERT_FILE", "TMPDIR")


@contextmanager
def served(**variables: str) -> Iterator[Service]:
    """Run a service that accepts the clients' key."""
    service = Service(**KEYS, **variables)
    try:
        until(service.is_ready)
        yield service
    finally:
        service.stop()


def check(client: Client, url: str, model: str, checks: tuple[str, ...]) -> dict[str, str]:
    """Run a client's checks; return `ok` or the reason for each. The output goes to a file beside the client."""
    names = {"MODEL": model, "EMBEDDING_MODEL": "scripted-embeddings", "CHECKS": ",".join(checks)}
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    server = {"BASE_URL": f"{url}/v1", "API_KEY": KEY, "PATH": client.path(), "NO_COLOR": "1"}
    with (client.folder / f"{model}.log").open("w+") as log, tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            client.command(),
            env={**inherited, **OFFLINE, **server, **names},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            timeout=CHECK_SECONDS,
        )
        log.seek(0)
        lines = [line for line in log if line.startswith("{")]
    if not lines:
        raise RuntimeError(f"no result; see {log.name}")
    return dict(json.loads(lines[-1]))


def result(client: Client, scripted: str, embedded: str) -> Result:
    """Install a client and run its checks on both services."""
    found = Result(client.name, client.version, client.note)
    try:
        client.install()
        found.scripted = check(client, scripted, "scripted", COLUMNS)
        if client.engine:
            found.embedded = check(client, embedded, ENGINE_MODEL, ENGINE_CHECKS)
    except subprocess.CalledProcessError as error:
        found.failure = f"it could not be installed: `{error.stderr.strip()[-160:]}`"
    except (subprocess.TimeoutExpired, RuntimeError) as error:
        found.failure = str(error)
    return found


def run(chosen: list[Client]) -> list[Result]:
    """Return the results of the clients, and print each when it is there."""
    with ExitStack() as stack:
        upstream = OpenAIServer()
        stack.callback(upstream.close)
        variables = {"OPENAI_BASE_URL": f"{upstream.url}/v1", "OPENAI_DEFAULT_MODEL": "scripted"}
        scripted = stack.enter_context(served(**variables))
        embedded = stack.enter_context(served(AI_BACKEND="embedded"))
        results = []
        for client in chosen:
            results.append(result(client, scripted.url, embedded.url))
            print(results[-1].row(), flush=True)
    return results


def main(names: list[str]) -> None:
    """Check the clients whose names contain one of these, or all, and write the table if all are checked."""
    FOLDER.mkdir(exist_ok=True)
    install_node()
    chosen = [
        client
        for client in clients()
        if not names or client.name in names or any(name in client.folder.name for name in names)
    ]
    results = run(chosen)
    if not names:
        write(results, RELEASE)
    sys.exit(any(one.failures() for one in results))


if __name__ == "__main__":
    main(sys.argv[1:])
