"""What all tests share: apps whose upstream is `responses`, and clients of them."""

from collections.abc import Callable, Iterator

import pytest
import responses
from flask import Flask
from flask.testing import FlaskClient
from support.redis import RedisServer
from support.upstreams import OPENAI

from app import create_app

# tests call more often than a caller may
AMPLE = "1000000/minute"


@pytest.fixture(autouse=True)
def upstream() -> Iterator[responses.RequestsMock]:
    """The upstream of every app in the process; a call that a test did not announce fails."""
    with responses.RequestsMock(assert_all_requests_are_fired=True) as mock:
        yield mock


@pytest.fixture
def make_app() -> Callable[..., Flask]:
    """Make an app of settings: one of the constants above, and more variables as keywords."""
    return lambda base=OPENAI, **variables: create_app({"RATE_LIMIT": AMPLE, **base, **variables})


@pytest.fixture
def make_client(make_app: Callable[..., Flask]) -> Callable[..., FlaskClient]:
    return lambda base=OPENAI, **variables: make_app(base, **variables).test_client()


@pytest.fixture
def client(make_client: Callable[..., FlaskClient]) -> FlaskClient:
    """A client of an app with the openai backend and no retries."""
    return make_client()


@pytest.fixture(scope="session")
def _redis() -> Iterator[RedisServer]:
    server = RedisServer()
    yield server
    server.stop()


@pytest.fixture
def redis(_redis: RedisServer) -> RedisServer:
    """A real Redis, empty, in this process's reach."""
    _redis.flush()
    return _redis


@pytest.fixture
def instantly(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let retries wait no time; return the waits they would have made."""
    waits: list[float] = []
    monkeypatch.setattr("app.upstream.client.time.sleep", waits.append)
    return waits
