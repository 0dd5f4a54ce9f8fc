"""The upstream client: the only module that talks to backends, and the owner of retries.

Every fault of an upstream leaves here as one of our errors.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from http.cookiejar import DefaultCookiePolicy
from typing import Any, TypeVar

import orjson
import requests
from requests.adapters import HTTPAdapter
from requests.cookies import RequestsCookieJar

from app.backends.base import Answer, Call
from app.context import RequestContext
from app.errors import ServiceError, UpstreamInvalidResponse, UpstreamTimeout, UpstreamUnavailable
from app.services.breaker import Breakers
from app.services.bulkhead import Bulkhead
from app.services.retry import RetryBudget, RetryPolicy
from app.version import SERVICE, __version__

T = TypeVar("T")

CONNECT_TIMEOUT_SECONDS = 5.0
SHORTEST_ATTEMPT_SECONDS = 0.02
MAX_ANSWER_BYTES = 16 * 1024**2
READ_BYTES = 64 * 1024
UPSTREAM_HOSTS = 4

# first match wins, so the most specific come first
_FAULTS: tuple[tuple[type[requests.RequestException], type[ServiceError]], ...] = (
    (requests.ConnectTimeout, UpstreamUnavailable),
    (requests.Timeout, UpstreamTimeout),
    (requests.exceptions.ChunkedEncodingError, UpstreamInvalidResponse),
    (requests.exceptions.ContentDecodingError, UpstreamInvalidResponse),
    (requests.RequestException, UpstreamUnavailable),
)


def pooled_session(connections: int) -> requests.Session:
    """Return a session that keeps `connections` open to each upstream and carries nothing from call to call.

    No cookies, and no environment: a .netrc file would replace our Authorization header.
    """
    session = requests.Session()
    session.trust_env = False
    session.cookies = RequestsCookieJar(policy=DefaultCookiePolicy(allowed_domains=[]))
    adapter = HTTPAdapter(pool_connections=UPSTREAM_HOSTS, pool_maxsize=connections)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    session.headers["User-Agent"] = f"{SERVICE}/{__version__}"
    return session


@dataclass(frozen=True)
class Private:
    """What no caller may see, should an upstream repeat it: our keys, and in errors the upstreams' hosts."""

    keys: tuple[bytes, ...]
    hosts: tuple[bytes, ...]

    def removed_from(self, body: bytes, status: int) -> bytes:
        """Return the body of an answer without them; a host in an answer of a model is the model's own word."""
        for text in (*self.keys, *(self.hosts if status >= 400 else ())):
            body = body.replace(text, b"[removed]")
        return body


class UpstreamClient:
    """Makes calls within the deadline of their request.

    Each attempt takes a place in its backend's bulkhead and is guarded by its route's breaker; the retry policy and the
    budget of its backend say whether there is another.
    """

    def __init__(
        self,
        session: requests.Session,
        breakers: Breakers,
        retries: RetryPolicy,
        sleep: Callable[[float], None],
        private: Private,
        max_concurrency: int,
    ) -> None:
        self._session = session
        self._private = private
        self._bulkheads: defaultdict[str, Bulkhead] = defaultdict(partial(Bulkhead, max_concurrency))
        self._budgets: defaultdict[str, RetryBudget] = defaultdict(RetryBudget)
        self._breakers = breakers
        self._retries = retries
        self._sleep = sleep

    def send(self, call: Call[T], context: RequestContext, recovery: float) -> T:
        """Return the parsed answer of a call; raise the last attempt's error where none succeeds.

        An open breaker of the call's route lets a probe through after `recovery` seconds.
        """
        breaker = self._breakers.get(call.backend, call.route, recovery)
        bulkhead = self._bulkheads[call.backend]
        budget = self._budgets[call.backend]
        budget.count_call()
        with context.caller.watched(), context.deadline.enforced(call.within):
            attempt = 0
            while True:
                attempt += 1
                if context.deadline.remaining() < SHORTEST_ATTEMPT_SECONDS:
                    raise UpstreamTimeout  # outside the guard: the backend had no chance to answer
                try:
                    with bulkhead.guard(context.deadline.remaining()) as waited, breaker.guard():
                        context.queue_seconds += waited
                        context.attempts += 1
                        return call.parse(self._exchange(call, context))
                except ServiceError as error:
                    wait = self._retries.wait(error, attempt, context.deadline)
                    if wait is None or not call.repeat or not budget.take_retry():
                        raise
                self._sleep(wait)

    def _exchange(self, call: Call[Any], context: RequestContext) -> Answer:
        """Make one attempt, and read the answer to its end."""
        remaining = context.deadline.remaining()
        started = time.monotonic()
        try:
            with self._session.request(
                "GET" if call.body is None else "POST",
                call.url,
                data=None if call.body is None else orjson.dumps(call.body),
                headers={**_headers(call), "X-Request-ID": context.request_id},
                timeout=(min(CONNECT_TIMEOUT_SECONDS, remaining), remaining),
                allow_redirects=False,
                stream=True,
            ) as response:
                headers = {name.lower(): value for name, value in response.headers.items()}
                body = self._private.removed_from(b"".join(_body(response)), response.status_code)
                return Answer(response.status_code, headers, body)
        except requests.RequestException as error:
            fault = next(fault for kind, fault in _FAULTS if isinstance(error, kind))
            raise fault from error
        finally:
            context.upstream_seconds += time.monotonic() - started


def _headers(call: Call[Any]) -> dict[str, str]:
    return {**call.headers, **({"Content-Type": "application/json"} if call.body is not None else {})}


def _body(response: requests.Response) -> Iterator[bytes]:
    """Yield the body in pieces, and give up on one that no answer of a model can be."""
    size = 0
    for piece in response.iter_content(READ_BYTES):
        size += len(piece)
        if size > MAX_ANSWER_BYTES:
            raise UpstreamInvalidResponse
        yield piece
