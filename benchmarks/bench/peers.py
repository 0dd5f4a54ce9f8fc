"""Gateways of other projects, each in its own environment with its usual options."""

import json
import re
import secrets
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from bench import CACHE, ROOT
from bench.gateway import Gateway
from bench.process import Command
from bench.wire import Request, chat

MODELS = ("plain", "slow")
ATTEMPTS, TIMEOUT_SECONDS = 3, 30
UNUSED = "none"  # the upstream needs no key
AMPLE = 1_000_000_000


def _model(kind: str) -> str:
    return "slow" if kind == "slow" else "plain"


class Peer(Gateway):
    """A gateway in a folder of its own; `packages` are pinned."""

    peer = True
    packages: ClassVar[Sequence[str]]

    @property
    def folder(self) -> Path:
        """The folder of its installation."""
        return CACHE / type(self).__name__.lower()

    @property
    def version(self) -> str:
        return ", ".join(self.packages)

    def install(self) -> None:
        marker = self.folder / ".installed"
        if not marker.exists() or marker.read_text() != self.version:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.fetch()
            marker.write_text(self.version)

    def fetch(self) -> None:
        """Install its packages from PyPI into a virtual environment."""
        subprocess.run([sys.executable, "-m", "venv", "--clear", self.folder], check=True)
        pip = [str(self.folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *self.packages], check=True)


class LiteLLM(Peer):
    """LiteLLM's proxy with a master key, retries and JSON logs; no database, no callbacks."""

    name = "LiteLLM proxy"
    packages = ("litellm[proxy]==1.106.0",)
    key = f"sk-{secrets.token_hex(16)}"

    def command(self, folder: Path, port: int, upstream: int) -> Command:
        base = f"http://127.0.0.1:{upstream}/v1"
        models = [
            {"model_name": name, "litellm_params": {"model": f"openai/{name}", "api_base": base, "api_key": UNUSED}}
            for name in MODELS
        ]
        settings = {"num_retries": ATTEMPTS, "request_timeout": TIMEOUT_SECONDS, "json_logs": True}
        general = {"master_key": self.key}
        config = {"model_list": models, "litellm_settings": settings, "general_settings": general}
        (folder / "config.yaml").write_text(json.dumps(config))  # JSON is YAML
        options = ["--config", "config.yaml", "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
        # otherwise its start waits for a price list from the internet
        variables = {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}
        return Command([str(self.folder / "bin" / "litellm"), *options], folder, variables)

    def request(self, kind: str) -> Request:
        return chat(kind, "/v1/chat/completions", _model(kind), {"Authorization": f"Bearer {self.key}"})


class Portkey(Peer):
    """Portkey's gateway with retries and a timeout, which its clients request in a header."""

    name = "Portkey gateway"
    packages = ("@portkey-ai/gateway==1.15.2",)
    # versions at Portkey's release; with newer ones every stream fails
    overrides: ClassVar[dict[str, str]] = {"hono": "4.9.7", "@hono/node-server": "1.13.5"}
    _upstream = 0

    def fetch(self) -> None:
        name, _, version = self.packages[0].partition("==")
        package = {"private": True, "dependencies": {name: version}, "overrides": self.overrides}
        (self.folder / "package.json").write_text(json.dumps(package))
        subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--loglevel=error"], cwd=self.folder, check=True)

    def command(self, folder: Path, port: int, upstream: int) -> Command:
        self._upstream = upstream
        server = self.folder / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"
        return Command(["node", str(server), f"--port={port}", "--headless"], folder, {"NODE_ENV": "production"})

    def request(self, kind: str) -> Request:
        config = {
            "provider": "openai",
            "custom_host": f"http://127.0.0.1:{self._upstream}/v1",
            "api_key": UNUSED,
            "retry": {"attempts": ATTEMPTS},
            "request_timeout": TIMEOUT_SECONDS * 1000,
        }
        return chat(kind, "/v1/chat/completions", _model(kind), {"x-portkey-config": json.dumps(config)})


class MLflow(Peer):
    """MLflow's AI gateway with a rate limit."""

    name = "MLflow AI gateway"
    packages = ("mlflow[gateway]==3.17.2",)

    def command(self, folder: Path, port: int, upstream: int) -> Command:
        own = {"openai_api_key": UNUSED, "openai_api_base": f"http://127.0.0.1:{upstream}/v1"}
        limit = {"calls": AMPLE, "renewal_period": "minute"}
        endpoints = [
            {
                "name": name,
                "endpoint_type": "llm/v1/chat",
                "model": {"provider": "openai", "name": name, "config": own},
                "limit": limit,
            }
            for name in MODELS
        ]
        (folder / "config.yaml").write_text(json.dumps({"endpoints": endpoints}))
        start = [str(self.folder / "bin" / "mlflow"), "gateway", "start", "--config-path", "config.yaml"]
        variables = {"MLFLOW_DISABLE_TELEMETRY": "true"}
        return Command([*start, "--host", "127.0.0.1", "--port", str(port), "--workers", "1"], folder, variables)

    def request(self, kind: str) -> Request:
        return chat(kind, f"/gateway/{_model(kind)}/invocations", None)


class TensorZero(Peer):
    """TensorZero's gateway with retries and a timeout; without its database, so without keys, limits and records."""

    name = "TensorZero"
    packages = ("tensorzero==2026.6.0",)

    def command(self, folder: Path, port: int, upstream: int) -> Command:
        lines = ["[gateway]", "observability.enabled = false"]
        for name in MODELS:
            lines += [
                f'[functions.{name}]\ntype = "chat"',
                f'[functions.{name}.variants.only]\ntype = "chat_completion"\nmodel = "{name}"',
                f"retries = {{ num_retries = {ATTEMPTS}, max_delay_s = 10 }}",
                f'[models.{name}]\nrouting = ["upstream"]',
                f"timeouts = {{ non_streaming.total_ms = {TIMEOUT_SECONDS * 1000} }}",
                f'[models.{name}.providers.upstream]\ntype = "openai"\nmodel_name = "{name}"',
                f'api_base = "http://127.0.0.1:{upstream}/v1/"\napi_key_location = {UNUSED!r}',
            ]
        (folder / "tensorzero.toml").write_text("\n".join(lines) + "\n")
        host = str(ROOT / "benchmarks" / "bench" / "tensorzero_host.py")
        variables = {"TENSORZERO_DISABLE_PSEUDONYMOUS_USAGE_ANALYTICS": "1"}
        return Command([str(self.folder / "bin" / "python"), host, "tensorzero.toml"], folder, variables)

    def port(self, port: int, printed: str) -> int | None:
        found = re.search(r"http://127\.0\.0\.1:(\d+)/openai", printed)
        return int(found[1]) if found else None

    def request(self, kind: str) -> Request:
        return chat(kind, "/openai/v1/chat/completions", f"tensorzero::function_name::{_model(kind)}")


PEERS = (LiteLLM, Portkey, MLflow, TensorZero)
