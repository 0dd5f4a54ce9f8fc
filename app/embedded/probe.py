"""Asks the engine's HTTP server whether it answers."""

from http.client import HTTPConnection, HTTPException


def answers(port: int, path: str, seconds: float) -> bool:
    """Return whether the engine on this port answers a GET of the path with 200, each step within `seconds`."""
    connection = HTTPConnection("127.0.0.1", port, timeout=seconds)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
