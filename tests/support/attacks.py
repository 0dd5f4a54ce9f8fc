"""Requests of attackers as bytes, named after their defect."""

import gzip
import json
import zlib

GENERATE = b"POST /v1/text/generate HTTP/1.1\r\n"
HEAD = GENERATE + b"Host: x\r\nContent-Type: application/json\r\n"
VALID_BODY = b'{"prompt": "x"}'
SMUGGLED = HEAD + b"Content-Length: 15\r\n\r\n" + VALID_BODY
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
EMPTY_CHUNKS = b"0\r\n\r\n"
HEALTH = b"GET /health HTTP/1.1\r\nHost: x\r\n"


def lengths(*values):
    return HEAD + b"".join(b"Content-Length: " + value + b"\r\n" for value in values) + b"\r\n" + VALID_BODY + SMUGGLED


def encoded(*lines):
    return HEAD + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + EMPTY_CHUNKS + SMUGGLED


def chunks(body):
    return HEAD + CHUNKED + body + SMUGGLED


def head(line):
    return HEALTH + line + b"\r\n\r\n" + SMUGGLED


def target(path):
    return b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n\r\n"


def body(data, *lines):
    more = b"".join(line + b"\r\n" for line in lines)
    return HEAD + more + b"Content-Length: %d\r\n\r\n" % len(data) + data


def generate_body(**fields):
    return json.dumps({"prompt": "x", **fields}, separators=(",", ":")).encode()


# refused, and the connection closes, as the start of the next request is unknown
SMUGGLING = {
    "CL.TE": HEAD + b"Content-Length: 5\r\n" + CHUNKED + EMPTY_CHUNKS + SMUGGLED,
    "TE.CL": HEAD
    + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n"
    + b"5c\r\n"
    + SMUGGLED
    + b"\r\n0\r\n\r\n",
    "same lengths twice": lengths(b"15", b"15"),
    "different lengths": lengths(b"15", b"0"),
    **{
        f"length {value!r}": lengths(value)
        for value in (
            b"",
            b"+15",
            b"-1",
            b"0xf",
            b"15,15",
            b"1 5",
            b"1_5",
            b"15.0",
            b"\xb2",
            b"9" * 16,
            b"18446744073709551616",
            b"0" * 16 + b"15",
            b"9" * 5000,
            b"1e1",
        )
    },
    **{
        f"encoded {line!r}": encoded(line)
        for line in (
            b"Transfer-Encoding: xchunked",
            b"Transfer-Encoding: identity, chunked",
            b"Transfer-Encoding: chunked, identity",
            b"Transfer-Encoding: gzip, chunked",
            b"Transfer-Encoding: chunked, chunked",
            b"Transfer-Encoding: chunked,",
            b"Transfer-Encoding: ,chunked",
            b'Transfer-Encoding: "chunked"',
            b"Transfer-Encoding: chunked;q=1",
            b"Transfer-Encoding: \x0bchunked",
            b"Transfer-Encoding: chunked\x00",
            b"Transfer-Encoding:\xa0chunked",
            b"Transfer-Encoding : chunked",
            b"Transfer-Encoding\t: chunked",
            b"Transfer-Encoding\x0b: chunked",
            b"Transfer-Encoding:\r\n chunked",
            b"Transfer-Encoding: identity",
            b"Transfer-Encoding:",
            b" Transfer-Encoding: chunked",
            b"X: y\rTransfer-Encoding: chunked",
            b"X: y\nTransfer-Encoding: chunked",
        )
    },
    "repeated encodings": encoded(b"Transfer-Encoding: identity", b"Transfer-Encoding: chunked"),
    "chunks in HTTP/1.0": HEAD.replace(b"1.1", b"1.0") + CHUNKED + EMPTY_CHUNKS + SMUGGLED,
    **{
        f"chunk {data!r}": chunks(data)
        for data in (
            b"-1\r\n\r\n",
            b"+5\r\nhello\r\n0\r\n\r\n",
            b"0x5\r\nhello\r\n0\r\n\r\n",
            b"5 \r\nhello\r\n0\r\n\r\n",
            b"5\r\nhelloxx0\r\n\r\n",
            b"5\nhello\r\n0\r\n\r\n",
            b"5\r\nhello0\r\n\r\n",
            b"5;a=\x00\r\nhello\r\n0\r\n\r\n",
            b"5;\nx\r\nhello\r\n0\r\n\r\n",
            b"\r\n\r\n",
            b"0\r\nContent-Length: 5\r\n\r\n",
            b"0\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"0\r\nAuthorization: Bearer x\r\n\r\n",
            b"0\r\nHost: evil\r\n\r\n",
            b"0\r\nX: y\nZ: y\r\n\r\n",
        )
    },
    "an endless chunk extension": HEAD + CHUNKED + b"5;" + b"a" * 20_000,
    "endless trailers": HEAD + CHUNKED + b"0\r\n" + b"X: y\r\n" * 20_000,
    "a folded header": head(b"X: a\r\n b"),
    "a folded first header": b"GET /health HTTP/1.1\r\n Host: x\r\n\r\n" + SMUGGLED,
    "a bare LF": b"GET /health HTTP/1.1\nHost: x\n\n" + SMUGGLED,
    "a bare CR": head(b"X: a\rb"),
    "NUL in a value": head(b"X: a\x00b"),
    "NUL in a name": head(b"X\x00: a"),
    "an escape": head(b"X: \x1b[2J"),
    "a space before a colon": head(b"X : a"),
    "no name": head(b": a"),
    "no colon": head(b"X"),
    "no host": b"GET /health HTTP/1.1\r\n\r\n" + SMUGGLED,
    "no host beside another header": b"GET /health HTTP/1.1\r\nX: y\r\n\r\n" + SMUGGLED,
    "two hosts": head(b"Host: y"),
    "two types": body(VALID_BODY, b"Content-Type: text/plain") + SMUGGLED,
    "an odd expectation": head(b"Expect: 200-ok"),
}

# not HTTP/1.1, or a version that the service does not support
PROTOCOLS = {
    "HTTP/0.9": b"GET /health\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/2.0": b"GET /health HTTP/2.0\r\nHost: x\r\n\r\n",
    "PROXY": b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n" + HEALTH + b"\r\n",
    "PROXY 2": b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c" + bytes(12) + HEALTH + b"\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64) + b"\r\n\r\n",
    "a lower-case method": HEALTH.replace(b"GET", b"get") + b"\r\n",
    "a long method": HEALTH.replace(b"GET", b"G" * 500) + b"\r\n",
    "an odd method": HEALTH.replace(b"GET", b"G{E}T") + b"\r\n",
    "no method": HEALTH.replace(b"GET", b"") + b"\r\n",
    "a tab": HEALTH.replace(b"GET ", b"GET\t") + b"\r\n",
    "authority form": target(b"x:443"),
    "asterisk form": target(b"*"),
    "a relative target": target(b"health"),
    "an empty target": target(b""),
    "a fragment": target(b"/health#x"),
    "a control character": target(b"/health\x7f"),
    "raw bytes": target(b"/\xc3\xa9"),
    "no IPv6": target(b"http://[x/health"),
}

NO_ROUTES = [
    b"//health",
    b"///health",
    b"http://x//health",
    b"/./health",
    b"/x/../health",
    b"/..%2fhealth",
    b"/%2e%2e/health",
    b"/health%00",
    b"/health%0d%0aX-Evil:%201",
    b"/health/",
    b"/health;x",
    b"\\health",
    b"/\\health",
    b"/%5chealth",
    b"/%c0%afhealth",
    b"/%ed%a0%80",
    b"/%ff",
    b"/%",
    b"/%zz",
    b"/HEALTH",
    b"/" + b"a/" * 1500,
    b"/" + b"%00" * 1000,
    b"http://evil/nothing",
    b"http:///x",
]


def deflated(data):
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


BOMB = gzip.compress(bytes(20_000_000))
# a frame of zstandard that announces 2^40 bytes; the start of a Brotli stream is in BOMBS
ZSTD = bytes.fromhex("28b52ffde00000000000010000") + bytes(8)
BOMBS = {b"gzip": BOMB, b"deflate": deflated(bytes(20_000_000)), b"br": b"\xcf\xff\xff\x7f\xf8", b"zstd": ZSTD}

BAD_BODIES = {
    "a BOM": b"\xef\xbb\xbf" + VALID_BODY,
    "UTF-16": VALID_BODY.decode().encode("utf-16"),
    "UTF-32": VALID_BODY.decode().encode("utf-32"),
    "a lone surrogate": b'{"prompt": "\\ud800"}',
    "a reversed pair": b'{"prompt": "\\udc00\\ud800"}',
    "an encoded surrogate": b'{"prompt": "\xed\xa0\x80"}',
    "overlong UTF-8": b'{"prompt": "\xc0\xaf"}',
    "past Unicode": b'{"prompt": "\xf4\x90\x80\x80"}',
    "NUL": b'{"prompt": "\\u0000"}',
    "1e999": b'{"prompt": "x", "temperature": 1e999}',
    "-1e999": b'{"prompt": "x", "seed": -1e999}',
    "a hundred thousand digits": b'{"prompt": "x", "max_tokens": ' + b"9" * 100_000 + b"}",
    "a hundred thousand decimals": b'{"prompt": "x", "max_tokens": 0.5' + b"9" * 100_000 + b"}",
    "a hundred thousand keys": generate_body(**{f"{number:x}": 1 for number in range(100_000)}),
    "a hundred thousand names that collide in other hashes": generate_body(
        **{format(number, "017b").translate({48: "Aa", 49: "BB"}): 1 for number in range(20_000)}
    ),
    "duplicate keys": b'{"prompt": "x", "prompt": 5}',
    "a proto": b'{"prompt": "x", "__proto__": {"a": 1}, "constructor": {}}',
    "a long name": generate_body(**{"k" * 900_000: 1}),
    "arrays 1000 deep": b'{"prompt": ' + b"[" * 1000 + b"]" * 1000 + b"}",
    "arrays 100000 deep": b"[" * 100_000 + b"]" * 100_000,
    "objects 100000 deep": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "objects 200 deep": b'{"prompt":' + b'{"a":' * 200 + b"1" + b"}" * 200 + b"}",
    "an unclosed text": b'{"prompt": "' + b"\\" * 500_000,
    "a quarter of a million stops": generate_body(stop=["a"] * 200_000),
}
