"""What several unit tests use."""

import socket

import pytest


@pytest.fixture
def connection():
    """Both ends of a TCP connection: the caller's and the server's."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        caller = socket.create_connection(listener.getsockname(), timeout=5)
        served, _ = listener.accept()
        with caller, served:
            yield caller, served
