"""Calls of the operations of a service, and upstream responses for them."""

import json
import socket
from typing import Any

import requests
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from support.chaos import says
from support.servers import chat_response

FAILS = says(b"{}", "500 Oops")


def post(target: Any, route: str, body: dict[str, Any], headers: dict[str, str] | None = None) -> Any:
    """Send a JSON body to a Flask test client or to a running service."""
    if isinstance(target, FlaskClient):
        return target.post(route, json=body, headers=headers)
    return requests.post(target.url + route, json=body, headers=headers, timeout=30)


def generate(target: Any, route: str = "generate", headers: dict[str, str] | None = None, **body: Any) -> Any:
    """Generate text, or call another operation that takes a prompt."""
    return post(target, f"/v1/text/{route}", {"prompt": "Say hi.", **body}, headers)


def rate(target: Any, text: str = "fine", headers: dict[str, str] | None = None, **body: Any) -> Any:
    """Rate the sentiment of a text."""
    return post(target, "/v1/text/sentiment", {"text": text, **body}, headers)


def refused(response: Any, status: int = 400, kind: str = "validation_error") -> dict[str, Any]:
    """Assert that a response is an error of this status and type, in the shape of its route; return the error.

    OpenAI's routes have the type in `error.code`, and every other route in `type`.
    """
    body = response.get_json() if isinstance(response, TestResponse) else response.json()
    assert response.status_code == status
    if "error" in body:
        assert set(body["error"]) == {"message", "type", "param", "code"}
        error = body["error"]
        assert error["code"] == error["type"]
    else:
        assert set(body) == {"code", "message", "type", "details", "request_id"}
        assert (body["code"], body["request_id"]) == (status, response.headers["X-Request-ID"])
        error = body
    assert error["type"] == kind
    return error


def chat_response_body(text):
    """Return the encoded body of a chat response."""
    return json.dumps(chat_response(text)).encode()


def raw(port: int, request: str) -> bytes:
    """Send the text unchanged; return all bytes until the service closes the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(request.encode())
        return b"".join(iter(lambda: connection.recv(65536), b""))
