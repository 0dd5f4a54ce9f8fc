"""The fake upstream of the functional tests: matching, checks, and the production transport in between."""

import json
from contextlib import closing

import pytest
import requests
from support.fake_upstream import FakeUpstreamServers

from app.upstream.transport.session import UpstreamSession

URL = "http://llm.test:8000/v1/chat"
TLS_URL = "https://huggingface.co/api/models"


@pytest.fixture(scope="module")
def servers():
    with closing(FakeUpstreamServers()) as servers:
        yield servers


@pytest.fixture(autouse=True)
def upstream(servers):
    """Replaces the fixture of the same name."""
    with servers.serve() as upstream:
        yield upstream


@pytest.fixture
def session():
    with UpstreamSession() as session:
        yield session


def call(session, url=URL, content=b'{"a": 1}'):
    with session.call(url, {"X-Test": "yes"}, content, (5, 5)) as response:
        return response.status_code, b"".join(response.raw.stream(1024, decode_content=True))


@pytest.mark.parametrize("url", [URL, TLS_URL])
def test_announced_response_is_sent_and_the_call_recorded(session, upstream, url):
    announced = upstream.post(url, json={"b": 2}, status=201)
    assert call(session, url) == (201, b'{"b": 2}')
    assert announced.call_count == 1
    request = upstream.calls[0].request
    assert (request.url, request.headers["x-test"], json.loads(request.body)) == (url, "yes", {"a": 1})


def test_responses_are_sent_in_order_and_the_last_one_repeatedly(session, upstream):
    for text in "ab":
        upstream.post(URL, body=text)
    assert [call(session)[1] for _ in range(3)] == [b"a", b"b", b"b"]
    upstream.post(URL, body="c")
    assert [call(session)[1] for _ in range(2)] == [b"c", b"c"]


def test_query_matters_only_if_it_was_announced(session, upstream):
    upstream.get(f"{URL}?b=2&a=1", body="with")
    upstream.get(TLS_URL, body="any")
    assert call(session, f"{URL}?a=1&b=2", None)[1] == b"with"
    assert call(session, f"{TLS_URL}?c=3", None)[1] == b"any"


def test_exception_is_raised_in_its_turn(session, upstream):
    upstream.post(URL, body="before")
    upstream.post(URL, body=requests.ReadTimeout())
    assert call(session)[1] == b"before"
    with pytest.raises(requests.ReadTimeout):
        call(session)
    assert len(upstream.calls) == 2


def test_replaced_response_is_not_sent(session, upstream):
    upstream.post(URL, body="old")
    upstream.replace("POST", URL, body="new")
    assert call(session)[1] == b"new"


def test_callback_makes_the_response(session, upstream):
    upstream.add_callback("POST", URL, lambda request: (202, {"X-Made": "yes"}, request.body))
    assert call(session) == (202, b'{"a": 1}')


def test_call_without_an_announced_response_fails_the_test(servers, session):
    with pytest.raises(AssertionError, match="calls without"), servers.serve(), pytest.raises(requests.ConnectionError):
        call(session)


def test_response_that_was_not_requested_fails_the_test(servers):
    with pytest.raises(AssertionError, match="not requested"), servers.serve() as upstream:
        upstream.post(URL)
