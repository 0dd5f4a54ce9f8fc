"""Fixtures that run the service for real."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, suppress

import pytest
from support.chaos import ChaosUpstream
from support.servers import ROOT, Service, Upstream, free_port, until
from support.tracing import TracedService, run_traced

from app.config.model_file import model_file, model_name
from app.embedded.process import READY


@pytest.fixture(autouse=True)
def upstream() -> None:
    """Nothing is mocked here: the service runs in processes of its own."""


@pytest.fixture
def start() -> Iterator[Callable[..., Service]]:
    """Start services with the given variables; stop those that the test did not stop."""
    started: list[Service] = []

    def start_one(**variables: str) -> Service:
        service = Service(**variables)
        started.append(service)
        service.wait_for_line("Ready on")
        return service

    yield start_one
    for service in started:
        if service.process.poll() is None:
            service.stop()
        service.process.stdout.close()


@pytest.fixture(scope="session")
def embedded() -> Iterator[Service]:
    """One service on the real embedded engine for the whole run."""
    service = Service(AI_BACKEND="embedded")
    service.wait_for_line("Ready on")
    until(lambda: service.get("/health/ready").status_code == 200)
    yield service
    service.stop()


@pytest.fixture(scope="session")
def llama() -> Iterator[str]:
    """The URL of a real llama.cpp server with the default model, which stands for any OpenAI-compatible upstream."""
    port = free_port()
    arguments = [str(one) for one in (os.getpid(), port, 1, model_file(None), model_name(None))]
    engine = subprocess.Popen(
        [sys.executable, "-m", "app.embedded.engine", *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    with closing(engine.stdout):
        assert READY in engine.stdout.readline()
        yield f"http://127.0.0.1:{port}/v1"
        engine.kill()
        engine.wait()


@pytest.fixture
def remote() -> Iterator[Upstream]:
    server = Upstream()
    yield server
    server.close()


@pytest.fixture
def service(start: Callable[..., Service], remote: Upstream) -> Service:
    """A service whose backend is the upstream of our own."""
    return start(OPENAI_BASE_URL=f"{remote.url}/v1", OPENAI_DEFAULT_MODEL="org/small", OPENAI_API_KEY="sk-topsecret")


@pytest.fixture
def chaos():
    with closing(ChaosUpstream()) as upstream:
        yield upstream


@pytest.fixture
def start_with(start, chaos):
    """Start a service in front of the chaos upstream, without retries unless the test wants some."""
    return lambda **variables: start(
        **{"OPENAI_BASE_URL": f"{chaos.url}/v1", "HUGGINGFACE_RETRY_ATTEMPTS": "0", **variables}
    )


@pytest.fixture
def start_traced(start: Callable[..., Service]) -> Iterator[Callable[..., TracedService]]:
    running: list[Iterator[TracedService]] = []

    def start_one(**variables: str) -> TracedService:
        running.append(run_traced(start, **variables))
        return next(running[-1])

    yield start_one
    for one in running:
        with suppress(StopIteration):
            next(one)
