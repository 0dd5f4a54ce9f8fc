"""The session of requests: pooled connections, and no state that passes from one call to the next."""

from functools import lru_cache
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from app.upstream.transport.connection_pool import HTTPPool, HTTPSPool
from app.version import SERVICE, __version__

# connection pools, one for each host of an upstream
MAX_POOLS = 4
# validation of models requests one URL for each model
MAX_CACHED_URLS = 1024


class _Response(requests.Response):
    """The response of requests without its cookie jar, which costs more than all other attributes together."""

    def __init__(self, request: requests.PreparedRequest, raw: Any) -> None:
        self._content = False  # type: ignore[assignment]  # the value of requests for an unread body
        self._content_consumed = False
        self.history = []
        self.status_code = raw.status
        self.headers = raw.headers
        self.raw = raw
        self.encoding = None
        self.reason = raw.reason
        self.url = request.url or ""
        request.body = None  # it is sent; a stream would hold it in memory until its end
        self.request = request


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": HTTPPool, "https": HTTPSPool}
        self._pools: dict[str, Any] = {}

    def get_connection_with_tls_context(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> Any:
        """Return the pool of a request's host; TLS settings are the same for all, and there are no proxies."""
        url = request.url or ""
        host = url.removesuffix(path_of(url))
        if host not in self._pools:
            self._pools[host] = super().get_connection_with_tls_context(request, *args, **kwargs)
        return self._pools[host]

    def request_url(self, request: requests.PreparedRequest, _proxies: Any) -> str:
        """Return the target of the request line; there are no proxies."""
        return path_of(request.url or "")

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> requests.Response:
        """Return the response; its cookies are dropped."""
        return _Response(req, resp)

    def close(self) -> None:
        """Close the idle connections."""
        super().close()
        for pool in self._pools.values():
            pool.close()


class UpstreamSession(requests.Session):
    """A session with pooled connections and without state.

    It has no cookies, follows no redirects, and ignores proxies and .netrc files of the environment. A .netrc file
    would replace the Authorization header of the service.
    """

    def __init__(self) -> None:
        super().__init__()
        self._adapter = _Adapter(pool_connections=MAX_POOLS)
        self.mount("https://", self._adapter)
        self.mount("http://", self._adapter)
        self.headers["User-Agent"] = f"{SERVICE}/{__version__}"
        self._default_headers = dict(self.headers)

    def call(
        self, url: str, headers: dict[str, str], content: bytes | None, timeout: tuple[float, float]
    ) -> requests.Response:
        """Send a POST if there is content, else a GET; return the response with an unread body.

        `timeout` holds the seconds to connect and the seconds between two reads. `Session.request` would merge equal
        settings, prepare what is already prepared, and handle cookies and redirects: half of the time of a call.
        """
        request = requests.PreparedRequest()
        request.method = "GET" if content is None else "POST"
        request.url = prepared_url(url)
        length = {} if content is None else {"Content-Length": str(len(content))}
        request.headers = {**self._default_headers, **headers, **length}  # type: ignore[assignment]  # sent unchanged
        request.body = content
        return self._adapter.send(request, stream=True, timeout=timeout)


@lru_cache(MAX_CACHED_URLS)
def prepared_url(url: str) -> str:
    """Return a URL in the form that `requests` sends."""
    request = requests.PreparedRequest()
    request.prepare_url(url, None)
    return request.url or url


@lru_cache(MAX_CACHED_URLS)
def path_of(url: str) -> str:
    """Return the path and query of a prepared URL."""
    return url[url.index("/", len("https://")) :]
