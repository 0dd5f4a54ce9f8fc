"""A real nginx with docs/nginx.conf in front of the service: rolling restarts, addresses, streams and errors."""

import threading
from contextlib import closing
from http.client import HTTPConnection

import pytest
import requests
from support.proxies import NGINX, Nginx
from support.rolling import Instances, Load, respond
from support.wire import Listener

pytestmark = [
    pytest.mark.nginx,
    pytest.mark.skipif(NGINX is None, reason="no nginx is installed (Debian: apt-get install nginx-light)"),
]


@pytest.fixture
def instances(remote):
    remote.respond = respond
    started = Instances(OPENAI_BASE_URL=f"{remote.url}/v1", HUGGINGFACE_RETRY_ATTEMPTS="0")
    yield started
    started.stop()


@pytest.fixture
def start_nginx(tmp_path):
    """Return a function that starts nginx in front of two ports."""
    started = []
    yield lambda ports: started.append(Nginx(tmp_path, ports)) or started[0]
    for one in started:
        one.stop()


def test_every_request_succeeds_once_in_a_rolling_restart(start_nginx, instances, remote):
    load = Load(start_nginx(instances.ports).url, clients=12, at_least=1500)
    instances.roll()
    load.stop()
    assert not load.failed
    assert len(remote.requests) == load.generations
    assert instances.restarts == 2


def test_client_address_is_the_one_that_the_proxy_saw(start_nginx, start, remote):
    service = start(OPENAI_BASE_URL=f"{remote.url}/v1", TRUSTED_PROXIES="1", RATE_LIMIT="1/minute")
    nginx = start_nginx((service.port, service.port))

    def call(address, forwarded_for):
        headers = {"Content-Type": "application/json", "X-Forwarded-For": forwarded_for}
        with closing(HTTPConnection("127.0.0.1", nginx.port, timeout=30, source_address=(address, 0))) as connection:
            connection.request("POST", "/v1/text/generate", b'{"prompt": "x"}', headers)
            return connection.getresponse().status

    assert call("127.0.0.2", "203.0.113.1") == 200
    assert call("127.0.0.3", "203.0.113.1") == 200
    assert call("127.0.0.2", "203.0.113.2") == 429


def test_proxy_hides_the_metrics(start_nginx, service):
    nginx = start_nginx((service.port, service.port))
    assert requests.get(f"{nginx.url}/metrics", timeout=30).status_code == 404


def test_events_are_forwarded_at_once(start_nginx, service, remote):
    read = threading.Event()

    def hold(handler):
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.end_headers()
        handler.wfile.write(b'data: {"choices": [{"index": 0, "delta": {"content": "Hi"}}]}\n\n')
        read.wait(20)
        handler.wfile.write(b"data: [DONE]\n\n")
        handler.close_connection = True

    remote.respond = hold
    listener = Listener(start_nginx((service.port, service.port)))
    assert listener.begin() == 200
    assert b"Hi" in listener.next()
    read.set()
    assert b"[DONE]" in listener.rest()
    listener.leave()


def test_large_body_gets_the_error_of_the_service(start_nginx, service):
    nginx = start_nginx((service.port, service.port))
    response = requests.post(f"{nginx.url}/v1/text/generate", json={"prompt": "x" * 1_500_000}, timeout=30)
    assert (response.status_code, response.json()["type"]) == (413, "payload_too_large")
