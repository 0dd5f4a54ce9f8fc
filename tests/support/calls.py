"""Calls of the operations of a service, and upstream responses for them."""

import json
import socket

import requests

from support.chaos import says
from support.servers import chat_answer

FAILS = says(b"{}", "500 Oops")


def rate(service, text="fine", **headers):
    return requests.post(f"{service.url}/v1/text/sentiment", json={"text": text}, headers=headers, timeout=30)


def generate(service, **headers):
    return requests.post(f"{service.url}/v1/text/generate", json={"prompt": "x"}, headers=headers, timeout=30)


def answer_of(text):
    return json.dumps(chat_answer(text)).encode()


def raw(port: int, request: str) -> bytes:
    """Send the text unchanged; return all bytes until the service closes the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(request.encode())
        return b"".join(iter(lambda: connection.recv(65536), b""))
