"""Fixtures of several unit tests."""

import socket

import pytest

from app.upstream.resilience import circuit_breaker


@pytest.fixture
def connection():
    """Both ends of a TCP connection: client and server."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname(), timeout=5)
        served, _ = listener.accept()
        with client, served:
            yield client, served


@pytest.fixture
def clock(monkeypatch):
    """The clock of the breaker; only the test moves it."""
    now = [1000.0]
    monkeypatch.setattr(circuit_breaker.time, "monotonic", lambda: now[0])
    return now
