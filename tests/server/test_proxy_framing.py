"""Behind nginx, HAProxy and Apache with kept connections no request is seen that the proxy did not send."""

import pytest
from support.desync import NORMAL, attack, exchange, responses_of_others, unsent_requests
from support.framing_proxies import PROXIES
from support.http_mutations import HIDDEN, conversations

CASES = 300
SEED = 15
POST = b"POST /v1/text/generate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
# HAProxy 2.6 forwards this length as 0
OVERFLOW = POST + b"Content-Length: 18446744073709551616\r\n\r\n"
REFUSED_TRAILER = POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nHost: y\r\n\r\n" + HIDDEN
UNREAD = POST.replace(b"application/json", b"text/plain") + b"Transfer-Encoding: chunked\r\n\r\n" + HIDDEN
TOO_LARGE = POST + b"Content-Length: 999999999999999\r\n\r\n" + HIDDEN


@pytest.fixture(params=PROXIES)
def proxy(request, service, tmp_path):
    program, start = PROXIES[request.param]
    if program is None:
        pytest.skip(f"{request.param} is not installed")
    started = start(tmp_path, service.port)
    yield started
    started.stop()


def test_no_mutated_request_reaches_the_service_unsent_or_takes_the_response_of_another(service, proxy):
    assert attack(proxy, conversations(SEED, CASES)) == []
    assert unsent_requests(service, proxy) == []


@pytest.mark.parametrize(
    "data", [OVERFLOW, REFUSED_TRAILER, UNREAD, TOO_LARGE], ids=["overflow", "trailer", "unread", "long"]
)
def test_a_refused_body_never_takes_the_next_request(service, proxy, data):
    assert attack(proxy, [data, NORMAL] * 20) == []
    assert unsent_requests(service, proxy) == []


def test_the_proxy_gives_every_request_an_id_of_its_own(service, proxy):
    received = exchange(proxy.port, NORMAL.replace(b"Host", b"X-Request-ID: smuggled\r\nHost"), 10)
    assert received.startswith(b"HTTP/1.1 200 ")
    assert responses_of_others(received) == []
    assert responses_of_others(received.replace(b"proxy-", b"proxy-other", 1)) != []
    service.wait_for_line('"request_id":"proxy-')
