"""A client that floods its connection does not delay the requests of others."""

import threading

import pytest
from support.attacks import GENERATE, HEAD, HEALTH
from support.wire import connect, read_until_closed

CHUNKS = b"Transfer-Encoding: chunked\r\n\r\n"
PLAIN = GENERATE + b"Host: x\r\nContent-Type: text/plain\r\n"


@pytest.mark.parametrize(
    "flood",
    [
        (HEALTH + b"\r\n") * 4_000 + HEALTH + b"Connection: close\r\n\r\n",
        HEAD + b"Connection: close\r\n" + CHUNKS + b"1\r\nx\r\n" * 450_000 + b"0\r\n\r\n",
        PLAIN + CHUNKS + b"1\r\nx\r\n" * 450_000 + b"zz\r\n",
        PLAIN + b"Content-Length: 8300000\r\n\r\n" + bytes(8_300_000) + HEALTH + b"Connection: close\r\n\r\n",
    ],
    ids=["pipelined requests", "chunks of one byte", "chunks after the response", "a body after the response"],
)
def test_a_flood_on_one_connection_delays_no_other(service, flood):
    with connect(service) as connection:
        sender = threading.Thread(target=connection.sendall, args=(flood,))
        reader = threading.Thread(target=read_until_closed, args=(connection,))
        sender.start()
        reader.start()
        answered = 0
        while reader.is_alive():
            assert service.get("/health").status_code == 200
            answered += 1
        sender.join(20)
    assert answered > 8  # without a budget for reading it is two or three
