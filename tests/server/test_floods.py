"""A client that floods its connection does not delay the requests of others."""

import threading
import time

import pytest
from support.attacks import GENERATE, HEAD, HEALTH
from support.wire import connect, read_until_closed

CHUNKS = b"Transfer-Encoding: chunked\r\n\r\n"
PLAIN = GENERATE + b"Host: x\r\nContent-Type: text/plain\r\n"
LAST = HEALTH + b"Connection: close\r\n\r\n"


@pytest.mark.parametrize(
    ("head", "part", "count", "tail"),
    [
        (b"", (HEALTH + b"\r\n") * 40, 100, LAST),
        (HEAD + b"Connection: close\r\n" + CHUNKS, b"1\r\nx\r\n" * 4_500, 100, b"0\r\n\r\n"),
        (PLAIN + CHUNKS, b"1\r\nx\r\n" * 4_500, 100, b"zz\r\n"),
        (PLAIN + b"Content-Length: 60000000\r\n\r\n", bytes(1_000_000), 60, LAST),
    ],
    ids=["pipelined requests", "chunks of one byte", "chunks after the response", "a body after the response"],
)
def test_a_flood_on_one_connection_delays_no_other(service, head, part, count, tail):
    flood = head + part * count + tail
    with connect(service) as connection:
        sender = threading.Thread(target=connection.sendall, args=(flood,))
        reader = threading.Thread(target=read_until_closed, args=(connection,))
        sender.start()
        reader.start()
        waits = []
        while reader.is_alive():
            asked = time.monotonic()
            assert service.get("/health").status_code == 200
            waits.append(time.monotonic() - asked)
        sender.join(20)
    # without a budget for reading, one request waits for nearly all of the flood
    assert max(waits) < 0.6 * sum(waits)
