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


class Listener:
    """A caller that reads a stream event by event."""

    def __init__(self, service, route="/v1/chat/completions", **body):
        asked = {"prompt": "Hi."} if "text" in route or route == "/v1/completions" else {"messages": [HI]}
        data = json.dumps({**asked, "stream": True, **body}).encode()
        head = (
            f"POST {route} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        )
        self.connection = connect(service)
        self.connection.sendall(head.encode() + data)
        self._answer = HTTPResponse(self.connection)

    def begin(self):
        """Read the head of the answer; return the status."""
        self._answer.begin()
        return self._answer.status

    def next(self):
        """Return the next event or comment as it was sent, nothing at the end of the stream."""
        lines = [self._answer.readline()]
        while lines[-1].strip():
            lines.append(self._answer.readline())
        return b"".join(lines)

    def rest(self):
        """Return all that is still to come."""
        return self._answer.read()

    def leave(self):
        self._answer.close()
        self.connection.close()


HI = {"role": "user", "content": "Hi."}
