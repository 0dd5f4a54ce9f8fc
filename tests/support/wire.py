"""HTTP over bare sockets, for requests that a client library would not send."""

import json
import socket
from http.client import HTTPResponse


def connect(service):
    return socket.create_connection(("127.0.0.1", service.port), timeout=30)


def read_response(connection):
    """Read one response; return its status, headers and JSON."""
    response = HTTPResponse(connection)
    response.begin()
    return response.status, response.headers, json.loads(response.read())


def read_until_closed(connection):
    return b"".join(iter(lambda: connection.recv(65536), b""))


def raw(service, data):
    """Send bytes on a new connection; return the status, headers and JSON of the response."""
    with connect(service) as connection:
        connection.sendall(data)
        return read_response(connection)


class Listener:
    """A client that reads a stream event by event."""

    def __init__(self, service, route="/v1/chat/completions", **body):
        request = {"prompt": "Hi."} if "text" in route or route == "/v1/completions" else {"messages": [HI]}
        data = json.dumps({**request, "stream": True, **body}).encode()
        head = (
            f"POST {route} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        )
        self.connection = connect(service)
        self.connection.sendall(head.encode() + data)
        self._response = HTTPResponse(self.connection)

    def begin(self):
        """Read the head of the response; return the status."""
        self._response.begin()
        return self._response.status

    def next(self):
        """Return the next event or comment as it was sent, no bytes at the end of the stream."""
        lines = [self._response.readline()]
        while lines[-1].strip():
            lines.append(self._response.readline())
        return b"".join(lines)

    def rest(self):
        """Return the rest of the stream."""
        return self._response.read()

    def leave(self):
        self._response.close()
        self.connection.close()


HI = {"role": "user", "content": "Hi."}
