"""No reference parser frames the requests differently that the server serves; the server may refuse more.

`make fuzz` compares 20,000 conversations of another seed each time.
"""

import pytest
from support.http_mutations import conversations
from support.http_references import REFERENCES, Framing, by_server, difference

CASES = 2_000
SEED = 15
GET = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize("name", REFERENCES)
def test_no_mutated_request_is_framed_differently_by_another_parser(name):
    served = 0
    for data in conversations(SEED, CASES):
        framing = by_server(data)
        served += len(framing.requests)
        assert difference(framing, REFERENCES[name](data)) is None, data
    assert served > CASES / 4  # most cases are refused, and enough are served


@pytest.mark.parametrize("name", REFERENCES)
def test_plain_requests_are_framed_alike_by_all(name):
    data = GET + GET.replace(b"\r\n\r\n", b"\r\nContent-Length: 5\r\n\r\nhello") + GET
    assert REFERENCES[name](data).requests == by_server(data).requests
    assert [body for _, _, body in by_server(data).requests] == [b"", b"hello", b""]


@pytest.mark.parametrize("lines", [b"Content-Length: 5\r\n\r\nhello", b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"])
def test_a_connect_with_a_body_is_refused(lines):
    # its bytes are data of a tunnel to llhttp, and a body by RFC 9112
    framing = by_server(b"CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n" + lines)
    assert framing == Framing([], "error")


@pytest.mark.parametrize(
    ("reference", "differs"),
    [
        (Framing([(b"GET", b"/a", b"")]), False),
        (Framing([(b"GET", b"/a", b"x")]), True),
        (Framing([(b"GET", b"/b", b"")]), True),
        (Framing([], "incomplete"), True),
        (Framing([], "error"), False),
        (Framing([(b"GET", b"/a", b""), (b"GET", b"/b", b"")]), False),
    ],
)
def test_another_request_or_one_fewer_without_a_refusal_is_a_difference(reference, differs):
    assert (difference(Framing([(b"GET", b"/a", b"")]), reference) is not None) is differs
