"""HTTP over bare sockets, for what a client library would not do."""

import json
import socket
from http.client import HTTPResponse


def connect(service):
    return socket.create_connection(("127.0.0.1", service.port), timeout=30)


def answer_on(connection):
    """Read one answer; return its status, headers and JSON."""
    answer = HTTPResponse(connection)
    answer.begin()
    return answer.status, answer.headers, json.loads(answer.read())


def until_closed(connection):
    return b"".join(iter(lambda: connection.recv(65536), b""))


def raw(service, data):
    """Send bytes on a new connection; return the status, headers and JSON of the answer."""
    with connect(service) as connection:
        connection.sendall(data)
        return answer_on(connection)
