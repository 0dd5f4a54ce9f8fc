"""A grammar of mutated HTTP requests: one to three messages on a connection, each with a few defects.

`conversations(seed, count)` makes the same cases for the same seed.
"""

import random
from collections.abc import Iterator

METHODS = [b"GET", b"POST", b"HEAD", b"OPTIONS", b"PUT", b"DELETE"]
ODD_METHODS = [
    b"get",
    b"CONNECT",
    b"M-SEARCH",
    b"PRI",
    b"SOURCE",
    b"POST\t",
    b"P\x00ST",
    b"",
    b"POST ",
    b" POST",
    b'"GET"',
]
TARGETS = [
    b"/health",
    b"/v1/text/generate",
    b"/v1/models",
    b"/x?a=b",
    b"/x?a=%0d%0ab",
    b"/%2e%2e/x",
    b"http://x/health",
]
ODD_TARGETS = [
    b"//x",
    b"*",
    b"x:80",
    b"/a b",
    b"/a\tb",
    b"/\xc3\xa9",
    b"/#x",
    b"/x\x00",
    b"",
    b"http://x",
    b"http:///x",
]
ODD_TARGETS += [b"/x\x7f", b"\\x", b"http://y@x/", b"HTTP://x/health", b"/" + b"a" * 9000, b"?a", b"/x\xa0"]
VERSIONS = [
    b"HTTP/1.0",
    b"HTTP/1.9",
    b"HTTP/2.0",
    b"HTTP/0.9",
    b"HTTP/1.10",
    b"http/1.1",
    b"HTTP/1.1 ",
    b"HTTP/ 1.1",
    b"",
]
VERSIONS += [b"HTTP/1.1\t", b"HTTP/01.1", b"HTTP/1,1", b"ICE/1.0", b"RTSP/1.0", b"HTTP/1"]
LINE_ENDS = [
    b"\n",
    b"\r",
    b"\r\r\n",
    b"\n\r",
    b"\x0b\r\n",
    b"\x85",
    b"\r\n ",
    b"\r\n\t",
    b"\x00\r\n",
    b" \r\n",
    b"\r\n\r\n",
]
LENGTHS = [
    b"0",
    b"1",
    b"5",
    b"05",
    b"+5",
    b"-5",
    b"5,5",
    b"5, 6",
    b"5 ",
    b"5\t",
    b"0x5",
    b"5.0",
    b"5e0",
    b"",
    b"5_0",
    b"\xb2",
]
LENGTHS += [b"5;", b"5\x0b", b"5\x00", b'"5"', b"9" * 15, b"9" * 16, b"4294967301", b"18446744073709551616", b"5 5"]
LENGTHS += [b"18446744073709551621", b"9223372036854775808", b"0" * 20 + b"5", b"\xa05", b"5\r\n 5", b"5\n"]
CODINGS = [
    b"chunked",
    b"Chunked",
    b"CHUNKED",
    b"chunked ",
    b" chunked",
    b"\tchunked",
    b"chunked\t",
    b"identity",
    b"gzip",
]
CODINGS += [
    b"gzip, chunked",
    b"chunked, gzip",
    b"chunked, chunked",
    b"chunked,",
    b",chunked",
    b'"chunked"',
    b"chunked;q=1",
]
CODINGS += [b"\x0bchunked", b"chunked\x00", b"\xa0chunked", b"xchunked", b"chunked\r\n ", b"\r\n chunked", b"chu\nked"]
CODINGS += [b"", b"chunked, identity", b"identity, chunked", b"trailers", b"c\xc4\xb1hunked", b"chun\xe2\x84\xaaed"]
NAMES = [
    b"Content-Length",
    b"Transfer-Encoding",
    b"content-length",
    b"TRANSFER-ENCODING",
    b"Content_Length",
    b"Transfer_Encoding",
]
NAMES += [b"Content-Length ", b"Transfer-Encoding\t", b" Content-Length", b"\x00Content-Length", b"Content-Length\x00"]
NAMES += [
    b"Content-Lengt\xe8",
    b"Transfer\xadEncoding",
    b"Content-Length\x0b",
    b"X\r\nContent-Length",
    b"X\nTransfer-Encoding",
]
CONNECTIONS = [
    b"close",
    b"Close",
    b"keep-alive",
    b"TE, close",
    b"close, TE",
    b"close,",
    b",close",
    b"closed",
    b"upgrade",
]
CONNECTIONS += [
    b"keep-alive, close",
    b"Content-Length",
    b"Transfer-Encoding",
    b"Host",
    b"Accept",
    b"close\tx",
    b"",
]
OTHERS = [
    b"Expect: 100-continue",
    b"Expect: 200",
    b"Upgrade: h2c",
    b"Upgrade: websocket",
    b"Host: y",
    b"Host:",
    b"X: y",
]
OTHERS += [
    b"X : y",
    b": y",
    b"X",
    b"X:",
    b"X: a\x00b",
    b"X: a\rb",
    b"X: a\nb",
    b"X: \xff",
    b"X: a\r\n b",
    b"TE: trailers",
]
OTHERS += [b"Trailer: Content-Length", b"HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA", b"X(y): z", b"X: " + b"a" * 9000]
CHUNKS = [b"5\r\nhello\r\n", b"05\r\nhello\r\n", b"5;a=b\r\nhello\r\n", b'5;a="b;c"\r\nhello\r\n', b"5 ;a\r\nhello\r\n"]
ODD_CHUNKS = [
    b"5 \r\nhello\r\n",
    b" 5\r\nhello\r\n",
    b"0x5\r\nhello\r\n",
    b"+5\r\nhello\r\n",
    b"-5\r\nhello\r\n",
    b"5\nhello\r\n",
]
ODD_CHUNKS += [
    b"5\r\nhello\n",
    b"5\r\nhello",
    b"5\r\nhelloxx",
    b"5;\r\nhello\r\n",
    b"5;\n\r\nhello\r\n",
    b"5;a\rb\r\nhello\r\n",
]
ODD_CHUNKS += [b"5\rX\nhello\r\n", b"5_\r\nhello\r\n", b"g\r\nhello\r\n", b"\r\nhello\r\n", b"5;a=\x00\r\nhello\r\n"]
ODD_CHUNKS += [
    b"10000000000000005\r\nhello\r\n",
    b"fffffffffffffffff\r\nhello\r\n",
    b"5\r\n\r\nhello\r\n",
    b"5\x00\r\nhello\r\n",
]
ODD_CHUNKS += [
    b'5;a="\r\nhello\r\n',
    b"5\t\r\nhello\r\n",
    b"000000000000000000005\r\nhello\r\n",
    b"5;a=b=c\r\nhello\r\n",
]
LASTS = [b"0\r\n\r\n", b"00\r\n\r\n", b"0;a=b\r\n\r\n", b"0\r\nX: y\r\n\r\n"]
ODD_LASTS = [
    b"0\r\n",
    b"0\n\n",
    b"0\r\n\n",
    b"0\r\nHost: y\r\n\r\n",
    b"0\r\nContent-Length: 5\r\n\r\n",
    b"0\r\nX\r\n\r\n",
    b"0 \r\n\r\n",
]
ODD_LASTS += [
    b"0\r\nX: y\nZ: y\r\n\r\n",
    b"0\r\n X: y\r\n\r\n",
    b"0\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"",
    b"-0\r\n\r\n",
]
ODD_LASTS += [
    b"0\r\nX : y\r\n\r\n",
    b"0\r\nX: a\x00\r\n\r\n",
    b"0\r\r\n\r\n",
    b"0\r\nX: y\r\n z\r\n\r\n",
    b"0x0\r\n\r\n",
]
BODIES = [b"hello", b"", b"hell", b"hello!", b"{}", b'{"prompt": "x"}', b"0\r\n\r\n"]
BYTES = [
    b"\x00",
    b"\t",
    b"\n",
    b"\x0b",
    b"\r",
    b" ",
    b"\r\n",
    b":",
    b",",
    b";",
    b"\x7f",
    b"\x80",
    b"\xa0",
    b"\xff",
    b"0",
    b"5",
]

# a request that a defect may hide in the body of another; the proxies replace its id
HIDDEN = b"GET /smuggled HTTP/1.1\r\nHost: x\r\nX-Request-ID: smuggled\r\n\r\n"


def conversations(seed: int, count: int) -> Iterator[bytes]:
    """Return `count` byte sequences, each for one connection."""
    rng = random.Random(seed)
    for _ in range(count):
        yield conversation(rng)


def conversation(rng: random.Random) -> bytes:
    """Return one to three messages, sometimes cut, with a byte inserted, or with a byte removed."""
    data = b"".join(_message(rng) for _ in range(rng.choice((1, 1, 2, 3))))
    position = rng.randrange(len(data))
    kind = rng.random()
    if kind < 0.1:
        return data[:position]
    if kind < 0.25:
        return data[:position] + rng.choice(BYTES) + data[position:]
    if kind < 0.35:
        return data[:position] + data[position + 1 :]
    return data


def _message(rng: random.Random) -> bytes:
    """Return one message with about one defect."""
    odd = rng.random
    line = [
        rng.choice(METHODS if odd() > 0.06 else ODD_METHODS),
        rng.choice(TARGETS if odd() > 0.08 else ODD_TARGETS),
        b"HTTP/1.1" if odd() > 0.12 else rng.choice(VERSIONS),
    ]
    framing, body = _framing(rng)
    lines = [b"Host: x"] if odd() > 0.04 else []
    lines += framing
    lines += [b"Connection: " + rng.choice(CONNECTIONS)] if odd() < 0.2 else []
    lines += [rng.choice(OTHERS)] if odd() < 0.25 else []
    rng.shuffle(lines)
    head = b"".join(part + _line_end(rng) for part in [b" ".join(line), *lines])
    return (rng.choice(LINE_ENDS) if odd() < 0.03 else b"") + head + _line_end(rng) + body


def _line_end(rng: random.Random) -> bytes:
    return b"\r\n" if rng.random() > 0.02 else rng.choice(LINE_ENDS)


def _framing(rng: random.Random) -> tuple[list[bytes], bytes]:
    """Return the header lines that frame a body, and the body."""
    kind = rng.random()
    if kind < 0.15:
        return [], b"" if rng.random() < 0.7 else HIDDEN
    if kind < 0.4:
        return [b"Content-Length: 5"], rng.choice(BODIES)
    if kind < 0.65:
        return [b"Transfer-Encoding: chunked"], _chunks(rng)
    if kind < 0.75:
        hidden = rng.choice(BODIES) + HIDDEN
        return [rng.choice(NAMES[:4]) + b": " + b"%d" % len(hidden)], hidden
    lengths = [_field(rng, b"Content-Length", LENGTHS) for _ in range(rng.choice((0, 1, 1, 2)))]
    codings = [_field(rng, b"Transfer-Encoding", CODINGS) for _ in range(rng.choice((0, 1, 1, 2)))]
    body = _chunks(rng) if rng.random() < 0.6 else rng.choice(BODIES)
    return lengths + codings, body + (HIDDEN if rng.random() < 0.5 else b"")


def _field(rng: random.Random, name: bytes, values: list[bytes]) -> bytes:
    name = name if rng.random() > 0.15 else rng.choice(NAMES)
    return name + rng.choice((b": ", b": ", b": ", b":", b":\t", b" : ")) + rng.choice(values)


def _chunks(rng: random.Random) -> bytes:
    chunks = [rng.choice(CHUNKS if rng.random() > 0.15 else ODD_CHUNKS) for _ in range(rng.randrange(3))]
    return b"".join(chunks) + rng.choice(LASTS if rng.random() > 0.25 else ODD_LASTS)
