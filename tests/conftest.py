"""Fixtures of all tests: apps whose upstream is `responses`, and clients of these apps."""

import threading
from collections.abc import Callable, Iterator

import pytest
import responses
from flask import Flask
from flask.testing import FlaskClient
from support.redis import RedisCluster, RedisServer
from support.upstreams import OPENAI

from app import create_app

# tests send more requests than the default allows
UNLIMITED = "1000000/minute"

# Coverage gives each thread that it traces a state of greenlet, which is freed in a pending call of the main thread. On
# CPython 3.11 a traced function in a pending call loops for ever if another pending call waits. So only the main thread
# is traced.
threading.settrace(None)


@pytest.fixture(autouse=True)
def upstream() -> Iterator[responses.RequestsMock]:
    """The upstream of every app in the process; an unregistered call fails."""
    with responses.RequestsMock(assert_all_requests_are_fired=True) as mock:
        yield mock


@pytest.fixture
def make_app() -> Callable[..., Flask]:
    """Return a function that creates an app from base settings and more variables as keywords."""
    return lambda base=OPENAI, **variables: create_app({"RATE_LIMIT": UNLIMITED, **base, **variables})


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
    """A real, empty Redis."""
    _redis.flush()
    return _redis


@pytest.fixture(scope="session")
def redis_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    """A real Redis Cluster."""
    server = RedisCluster(tmp_path_factory.mktemp("cluster"))
    yield server
    server.stop()


@pytest.fixture
def instantly(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Skip the waits of retries; return them as a list."""
    waits: list[float] = []
    monkeypatch.setattr("app.upstream.client.time.sleep", waits.append)
    return waits
