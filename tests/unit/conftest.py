"""What several unit tests use."""

import socket

import pytest

from app.upstream.resilience import circuit_breaker


@pytest.fixture
def connection():
    """Both ends of a TCP connection: the caller's and the server's."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        caller = socket.create_connection(listener.getsockname(), timeout=5)
        served, _ = listener.accept()
        with caller, served:
            yield caller, served


@pytest.fixture
def clock(monkeypatch):
    """The breaker's clock, which stands still unless the test moves it."""
    now = [1000.0]
    monkeypatch.setattr(circuit_breaker.time, "monotonic", lambda: now[0])
    return now
