"""The connections to upstreams: pooled, carrying nothing from call to call, and what their faults mean."""

import http.client
import io
from collections.abc import Iterator
from http.client import SWITCHING_PROTOCOLS
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.cookies import RequestsCookieJar
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import DecodeError, ProtocolError, ReadTimeoutError

from app.errors import ServiceError, UpstreamInvalidResponse, UpstreamTimeout, UpstreamUnavailable
from app.turns import Turns
from app.version import SERVICE, __version__

UPSTREAM_HOSTS = 4
# 1xx answers before the final one; more are no protocol but a way to keep us busy
MAX_INTERIM = 10

# of an exception or what caused it; first match wins, so the most specific come first
_FAULTS: tuple[tuple[type[Exception], type[ServiceError]], ...] = (
    (ConnectionResetError, UpstreamUnavailable),
    (http.client.HTTPException, UpstreamInvalidResponse),
    (requests.ConnectTimeout, UpstreamUnavailable),
    (requests.Timeout, UpstreamTimeout),
    (ReadTimeoutError, UpstreamTimeout),
    (requests.exceptions.ChunkedEncodingError, UpstreamInvalidResponse),
    (requests.exceptions.ContentDecodingError, UpstreamInvalidResponse),
    (DecodeError, UpstreamInvalidResponse),
    (ProtocolError, UpstreamInvalidResponse),
    (Exception, UpstreamUnavailable),
)


class _TakingTurns(io.RawIOBase):
    """Reads from a socket, in turns with all other requests."""

    def __init__(self, connection: io.RawIOBase) -> None:
        self._connection = connection
        self._turns = Turns()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        with self._turns.reading():
            return self._connection.readinto(buffer)

    def close(self) -> None:
        self._connection.close()
        super().close()


class _FinalResponse(http.client.HTTPResponse):
    """Reads over interim answers: http.client takes any number of 100, and 103 for the final one (RFC 9110, 15.2)."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fp = io.BufferedReader(_TakingTurns(self.fp.detach()))

    def _read_status(self) -> tuple[str, int, str]:
        for _ in range(MAX_INTERIM):
            version, status, reason = super()._read_status()  # type: ignore[misc]  # not public, see above
            if status == SWITCHING_PROTOCOLS or not 100 <= status < 200:
                return version, status, reason
            http.client.parse_headers(self.fp)
        raise http.client.BadStatusLine("too many interim answers")


class _Connection(HTTPConnection):
    response_class = _FinalResponse


class _TLSConnection(HTTPSConnection):
    response_class = _FinalResponse


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TLSPool}


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """See no redirect: even where none is to be followed, requests reads its whole body and parses its target."""


def pooled_session(connections: int) -> requests.Session:
    """Return a session that keeps `connections` open to each upstream and carries nothing from call to call.

    No cookies, and no environment: a .netrc file would replace our Authorization header.
    """
    session = _Session()
    session.trust_env = False
    session.cookies = RequestsCookieJar(policy=DefaultCookiePolicy(allowed_domains=[]))
    adapter = _Adapter(pool_connections=UPSTREAM_HOSTS, pool_maxsize=connections)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    session.headers["User-Agent"] = f"{SERVICE}/{__version__}"
    return session


def connection_fault(error: Exception) -> ServiceError:
    """Return the fault that an exception of requests, or of what it is made of, stands for."""
    causes = (error, *_causes(error))
    return next(fault for kind, fault in _FAULTS if any(isinstance(cause, kind) for cause in causes))()


def _causes(error: BaseException) -> Iterator[BaseException]:
    while cause := error.__cause__ or error.__context__:
        yield cause
        error = cause
