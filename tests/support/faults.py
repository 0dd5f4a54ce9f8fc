"""Faults of an upstream, and the expected responses: the table of the chaos tests and of docs/faults.md."""

import gzip
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from support.chaos import GOOD, Act, Exchange, good, http_response, says
from support.surfaces.table import APIS

BUDGET_SECONDS = 2.0
RETRIES = 2
MEBIBYTE = 1024**2


@dataclass(frozen=True)
class Fault:
    """The acts of an upstream, one for each call, and the response to the client.

    `calls` is the number of upstream calls. `retry_after` is the range of the header in seconds, None without a header.
    The response comes `at_once`, at the deadline (`slow`), or after the retries.
    """

    what: str
    acts: tuple[Act, ...]
    status: int
    type: str | None
    calls: int
    retry_after: tuple[int, int] | None = None
    slow: bool = False

    @property
    def at_once(self) -> bool:
        """Whether there is one call, which ends before the deadline."""
        return self.calls == 1 and not self.slow


def _last(*chunks: bytes) -> Act:
    """Send the chunks and close."""

    def act(exchange: Exchange) -> None:
        exchange.send(*chunks)
        exchange.connection.close()

    return act


def _then(act: Callable[[Exchange], None], *chunks: bytes) -> Act:
    return lambda exchange: (exchange.send(*chunks), act(exchange))


def _flood(chunk: bytes, head: bytes = b"") -> Act:
    """Send the chunk repeatedly until the service closes the connection."""

    def act(exchange: Exchange) -> None:
        exchange.send(head)
        while not exchange.closing.is_set():
            exchange.send(chunk * 1000)

    return act


def _in(seconds: float) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


def _dated(status: str, seconds: float) -> Act:
    return lambda exchange: exchange.send(http_response(b"{}", status, Retry_After=_in(seconds)))


def _always(act: Act) -> tuple[Act, ...]:
    return (act,) * (RETRIES + 1)


def _retried(what: str, act: Act, type_: str = "upstream_invalid_response") -> Fault:
    return Fault(what, _always(act), 502, type_, RETRIES + 1)


def _slow(what: str, act: Act) -> Fault:
    return Fault(what, _always(act), 504, "upstream_timeout", 1, slow=True)


def _refused(status: str, ours: int, type_: str, retry_after: tuple[int, int] | None = None) -> Fault:
    return Fault(f"sends {status}", _always(says(b'{"error": "no"}', status)), ours, type_, 1, retry_after)


def _with_retry_after(what: str, status: str, seconds: str, calls: int, retry_after: tuple[int, int] | None) -> Fault:
    """Return a fault that is a 429 or 503 with Retry-After."""
    ours, type_ = (429, "upstream_rate_limited") if status.startswith("429") else (503, "model_loading")
    if retry_after is None:
        ours, type_ = 502, "upstream_unavailable"
    act = says(b"{}", status, Retry_After=seconds)
    return Fault(f"sends {status}, Retry-After {what}", _always(act), ours, type_, calls, retry_after)


_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_LENGTH = b"Content-Length: %d\r\n\r\n" % len(GOOD)
_DEFLATED = b"Content-Encoding: deflate\r\n\r\n"
_CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
_INTERIM = (b"HTTP/1.1 102 Processing\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
# a stored block of no bytes that is not the last (RFC 1951, 3.2.4)
_EMPTY_BLOCK = b"\x00\x00\x00\xff\xff"
_429 = "429 Too Many Requests"
_503 = "503 Service Unavailable"
# Cloudflare's errors of an origin
_CLOUDFLARE = ("520 Unknown Error", "521 Down", "522 Connection Timed Out", "523 Unreachable", "524 A Timeout Occurred")

FAULTS = (
    _retried("resets before the head", Exchange.reset, "upstream_unavailable"),
    _retried("closes before the head", _last(), "upstream_unavailable"),
    _retried("resets inside the head", _then(Exchange.reset, _HEAD), "upstream_unavailable"),
    _retried("closes inside the head", _last(_HEAD)),
    _retried("resets after the head", _then(Exchange.reset, _HEAD + _LENGTH), "upstream_unavailable"),
    _retried("closes early, Content-Length unmet", _last(_HEAD + _LENGTH, GOOD[:-9])),
    _retried("cuts a chunk in the middle", _last(_HEAD + _CHUNKED, b"FF\r\n" + GOOD[:20])),
    _retried("ends without the last chunk", _last(_HEAD + _CHUNKED, b"%x\r\n%s\r\n" % (len(GOOD), GOOD))),
    _retried("sends malformed chunks", _last(_HEAD + _CHUNKED, b"zz\r\n" + GOOD)),
    _slow("hangs before the head", Exchange.hang),
    _slow("hangs inside the head", _then(Exchange.hang, _HEAD)),
    _slow("hangs inside the body", _then(Exchange.hang, _HEAD + _LENGTH, GOOD[:9])),
    _slow("drips the head, a byte at a time", lambda exchange: exchange.drip(b"HTTP/1.1 200 OK\r\nX: ")),
    _slow("drips the body, a byte at a time", lambda exchange: exchange.drip(_HEAD + _CHUNKED + b"FFFFFF\r\n", 0.01)),
    _retried("sends no HTTP", _last(b"SSH-2.0-OpenSSH_9.2\r\n")),
    _retried("sends a header of 1 MB", _last(_HEAD + b"X: " + b"x" * MEBIBYTE + b"\r\n" + _LENGTH, GOOD)),
    _retried("sends 10,000 headers", _last(_HEAD + b"X: y\r\n" * 10_000 + _LENGTH, GOOD)),
    Fault("sends 100 Continue first", (_then(good, b"HTTP/1.1 100 Continue\r\n\r\n"),), 200, None, 1),
    Fault("sends 102 and 103 first", (_then(good, *_INTERIM),), 200, None, 1),
    _retried("sends 100 without end", _flood(b"HTTP/1.1 100 Continue\r\n\r\n")),
    _retried("sends 103 without end", _flood(b"HTTP/1.1 103 Early Hints\r\n\r\n")),
    _slow("sends chunks of one byte without end", _flood(b"1\r\n \r\n", _HEAD + _CHUNKED)),
    _slow("sends trailers without end", _flood(b"X: y\r\n", _HEAD + _CHUNKED + b"0\r\n")),
    _slow("sends gzip of nothing without end", _flood(_EMPTY_BLOCK * 500, _HEAD + _DEFLATED)),
    _retried("sends 200 with HTML", says(b"<html>Bad gateway</html>", Content_Type="text/html")),
    _retried("sends 200 with an empty body", says(b"")),
    _retried("sends 200 with null", says(b"null")),
    _retried("sends 200 with another shape", says(b'{"choices": [{"text": {"nested": 1}}]}')),
    _retried("sends 200 with a body of 50 MB", _last(_HEAD + b"\r\n", *[b"x" * MEBIBYTE] * 50)),
    _retried("sends 200 with JSON 100,000 deep", says(b"[" * 100_000 + b"]" * 100_000)),
    _retried("sends 200 in another charset than declared", says(GOOD.replace(b"Hi.", b"\xe9t\xe9"))),
    _retried("sends 200 with invalid gzip", says(GOOD, Content_Encoding="gzip")),
    _retried("sends 200 with gzip cut off", says(gzip.compress(GOOD)[:-12], Content_Encoding="gzip")),
    _refused("400 Bad Request", 400, "upstream_rejected"),
    _refused("401 Unauthorized", 502, "upstream_authentication_error"),
    _refused("402 Payment Required", 503, "upstream_quota_exhausted"),
    _refused("403 Forbidden", 502, "upstream_authentication_error"),
    _refused("404 Not Found", 404, "model_not_found"),
    _refused("410 Gone", 404, "model_not_found"),
    _refused("413 Content Too Large", 400, "upstream_rejected"),
    _refused("422 Unprocessable Content", 400, "upstream_rejected"),
    _refused("424 Failed Dependency", 502, "upstream_unavailable"),
    _refused("501 Not Implemented", 501, "not_supported"),
    Fault(
        "sends 429 Too Many Requests, code insufficient_quota",
        (says(b'{"error": {"message": "no", "code": "insufficient_quota"}}', _429),),
        503,
        "upstream_quota_exhausted",
        1,
    ),
    Fault(
        "sends 403 Forbidden, the input is moderated",
        (says(b'{"error": {"message": "no", "code": 403, "metadata": {"reasons": ["violence"]}}}', "403 Forbidden"),),
        400,
        "upstream_rejected",
        1,
    ),
    _retried("sends 408 Request Timeout", says(b"{}", "408 Request Timeout"), "upstream_unavailable"),
    _retried("sends 500 Internal Server Error", says(b"{}", "500 Oops"), "upstream_unavailable"),
    _retried("sends 502 Bad Gateway", says(b"<html>", "502 Bad Gateway"), "upstream_unavailable"),
    _retried("sends 504 Gateway Timeout", says(b"", "504 Gateway Timeout"), "upstream_unavailable"),
    *(_retried(f"sends {status}", says(b"<html>", status), "upstream_unavailable") for status in _CLOUDFLARE),
    _retried("sends 529 Overloaded", says(b'{"type": "error"}', "529 Overloaded"), "upstream_unavailable"),
    _with_retry_after("of 1 second", _429, "1", 2, (1, 1)),
    _with_retry_after("of 1 hour", _429, "3600", 1, (3600, 3600)),
    Fault(f"sends {_429}, Retry-After a date", (_dated(_429, 30),), 429, "upstream_rate_limited", 1, (29, 30)),
    Fault(f"sends {_429}, Retry-After a date of now, then 200", (_dated(_429, 0), good), 200, None, 2),
    _with_retry_after("absurd", _429, "99999999999999", RETRIES + 1, (1, 1)),
    _with_retry_after("of 30 years", _429, "946080000", 1, (86400, 86400)),
    _with_retry_after("negative", _429, "-5", RETRIES + 1, (1, 1)),
    _with_retry_after("NaN", _429, "NaN", RETRIES + 1, (1, 1)),
    _with_retry_after("missing", _429, "", RETRIES + 1, (1, 1)),
    _with_retry_after("of 1 second", _503, "1", 2, (1, 1)),
    _with_retry_after("of 1 hour", _503, "3600", 1, (3600, 3600)),
    Fault(f"sends {_503}, Retry-After a date", (_dated(_503, 30),), 503, "model_loading", 1, (29, 30)),
    _with_retry_after("absurd", _503, "99999999999999", RETRIES + 1, None),
    _with_retry_after("negative", _503, "-5", RETRIES + 1, None),
    _with_retry_after("NaN", _503, "NaN", RETRIES + 1, None),
    _with_retry_after("missing", _503, "", RETRIES + 1, None),
    Fault(
        f"sends {_503}, estimated_time 20",
        (says(b'{"error": "loading", "estimated_time": 20.0}', _503),),
        503,
        "model_loading",
        1,
        (20, 20),
    ),
    Fault(
        "redirects to another host",
        (says(b"", "307 Temporary Redirect", Location="http://127.0.0.1:9/"),),
        502,
        "upstream_invalid_response",
        1,
    ),
    Fault("fails every other call", (says(b"{}", "500 Oops"), good), 200, None, 2),
)

# these receive no request
UNREACHABLE = (
    Fault("refuses the connection", (), 502, "upstream_unavailable", 0),
    Fault("has a name that does not resolve", (), 502, "upstream_unavailable", 0),
    Fault("shows the TLS certificate of another host", (), 502, "upstream_unavailable", 0),
)

# one fault for each type of error; without retries each makes one call
REPRESENTATIVES = tuple(
    next(fault for fault in FAULTS if fault.type == kind)
    for kind in dict.fromkeys(fault.type for fault in FAULTS)
    if kind
)


def page() -> str:
    """Return the tables as a Markdown page."""
    rows = [_row(fault) for fault in (*UNREACHABLE, *FAULTS)]
    return _INTRODUCTION + "\n".join(rows) + "\n" + _by_surface()


def _row(fault: Fault) -> str:
    retry_after = "" if fault.retry_after is None else f"{fault.retry_after[1]} s"
    within = "the deadline" if fault.slow else "at once" if fault.at_once else "the retries"
    kind = f"`{fault.type}`" if fault.type else ""
    return f"| {fault.what} | {fault.status} | {kind} | {fault.calls} | {retry_after} | {within} |"


def _by_surface() -> str:
    """Return the section with the status and the word of each type of error on each surface."""
    head = ["| type | the upstream, for example |", *(f" {name} |" for name in APIS)]
    rows = [
        f"| `{fault.type}` | {fault.what} |"
        + "".join(
            f" {dialect.status(fault.type, fault.status)} `{dialect.word(fault.type)}` |" for dialect in APIS.values()
        )
        for fault in REPRESENTATIVES
    ]
    return _BY_SURFACE + "\n".join(["".join(head), "|---" * (len(APIS) + 2) + "|", *rows]) + "\n"


_BY_SURFACE = """
## By surface

`tests/server/test_surface_faults.py` plays one fault of each type on every surface, whole and streamed. A fault has the
same meaning on each, in the words of its API.

"""
_INTRODUCTION = f"""# Faults of an upstream

`tests/server/test_chaos.py` runs this table against the real server and an upstream on real sockets, with a deadline of
{BUDGET_SECONDS:g} s (`HUGGINGFACE_TIMEOUT`) and {RETRIES} retries (`HUGGINGFACE_RETRY_ATTEMPTS`).
`make faults-page` writes this page.

For each fault the test also checks: the response comes at most 250 ms after the deadline, it is never a 500, the
connection is closed or reused correctly, and the next call succeeds.

*Calls* is the number of calls that the upstream gets: one plus the retries, or one if a retry would not help or come
too late. A `Retry-After` of 429, 503 or 529 is obeyed if it fits before the deadline, and returned to the client
otherwise.

| the upstream | status | type | calls | Retry-After | response after |
|---|---|---|---|---|---|
"""


if __name__ == "__main__":
    sys.stdout.write(page())
