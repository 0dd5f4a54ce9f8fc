"""Gateways without installation: the service, a bare Flask view, and nginx as a proxy."""

import subprocess
import sys
from functools import cached_property
from importlib.metadata import version
from pathlib import Path

from bench import ROOT, nginx
from bench.gateway import Gateway
from bench.process import Command
from bench.wire import REVIEW, Request, chat

AMPLE = "100000000/minute"


class Service(Gateway):
    """The shipped configuration with client keys, limits, metrics and JSON logs."""

    name = "this service"
    kinds = ("plain", "slow", "stream", "cached")

    @property
    def version(self) -> str:
        return subprocess.run(
            ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.strip()

    @cached_property
    def _key(self) -> tuple[str, str]:
        """A client key, and its entry in API_KEYS."""
        made = subprocess.run(
            [sys.executable, "-m", "app", "keys", "create", "bench"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        key, entry = (line.split()[-1] for line in made.stdout.splitlines())
        return key, entry

    def command(self, folder: Path, port: int, upstream: int) -> Command:
        variables = {
            "SERVER_HOST": "127.0.0.1",
            "SERVER_PORT": str(port),
            "OPENAI_BASE_URL": f"http://127.0.0.1:{upstream}/v1",
            "OPENAI_DEFAULT_MODEL": "plain",
            "API_KEYS": self._key[1],
            "RATE_LIMIT": AMPLE,
            "UPSTREAM_MAX_CONCURRENCY": "1024",
        }
        return Command([sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"], ROOT, variables)

    def request(self, kind: str) -> Request:
        headers = {"Authorization": f"Bearer {self._key[0]}"}
        if kind == "cached":
            return Request("/v1/text/sentiment", {"text": REVIEW}, '"sentiment":"positive"', 1, REVIEW, headers, "hit")
        asked = chat(kind, "/v1/chat/completions", "slow" if kind == "slow" else "plain", headers)
        if kind == "stream":
            return asked
        rest = {name: value for name, value in asked.body.items() if name != "messages"}
        prompt = asked.body["messages"][0]["content"]
        return Request("/v1/text/generate", {"prompt": prompt, **rest}, asked.mark, asked.times, asked.text, headers)


class BareFlask(Gateway):
    """One view that passes a body on with a requests session; nothing else, under the same server and worker."""

    name = "bare Flask view"
    kinds = ("plain", "slow")
    version = f"Flask {version('Flask')}"

    def command(self, folder: Path, port: int, upstream: int) -> Command:
        server = [
            sys.executable,
            "-m",
            "gunicorn",
            "-k",
            "gevent",
            "--worker-connections",
            "2000",
            "--no-control-socket",
        ]
        variables = {"UPSTREAM": f"http://127.0.0.1:{upstream}/v1", "PYTHONPATH": str(ROOT / "benchmarks")}
        return Command([*server, "-b", f"127.0.0.1:{port}", "bench.bare:app"], folder, variables)

    def request(self, kind: str) -> Request:
        return chat(kind, "/v1/chat/completions", "slow" if kind == "slow" else "plain")


class Floor(Gateway):
    """nginx as a plain proxy."""

    name = "nginx"

    @property
    def version(self) -> str:
        done = subprocess.run(["nginx", "-v"], capture_output=True, text=True, check=True)
        return done.stderr.strip().rpartition("/")[2]

    def command(self, folder: Path, port: int, upstream: int) -> Command:
        return nginx.floor(folder, port, upstream)

    def request(self, kind: str) -> Request:
        return chat(kind, "/v1/chat/completions", "slow" if kind == "slow" else "plain")
