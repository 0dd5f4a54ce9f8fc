"""Sends the calls of several texts: joined where the upstream takes lists, else a bounded number at a time."""

import copy
from collections.abc import Hashable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from gevent.event import AsyncResult, Event
from gevent.lock import BoundedSemaphore

from app.backends.base import Backend, UpstreamRequest, UpstreamResponse
from app.backends.join import Join
from app.backends.responses.chunk_decoder import MakeDecoder
from app.context.batch import Batch
from app.context.call_context import CallContext
from app.errors import ClientDisconnected, ServiceError, UpstreamInvalidResponse, UpstreamRejected
from app.upstream.client import UpstreamClient
from app.upstream.stream import UpstreamStream

T = TypeVar("T")

# a call waits this long for others of its kind
JOIN_SECONDS = 0.002
# one of the texts may be the reason for these, so each call is sent alone
_MAY_BE_ONE_TEXT = (UpstreamRejected, UpstreamInvalidResponse)


class _Group:
    """Calls that become one. The greenlet of the first call sends it; the others wait for their responses."""

    def __init__(self, batch: Batch, key: Hashable, join: Join) -> None:
        self.calls: list[UpstreamRequest[Any]] = []
        self.join = join
        self._batch = batch
        self._key = key
        self._full = Event()
        self._responses: list[Any] = []
        batch.waiting[key] = self

    def add(self, call: UpstreamRequest[Any]) -> AsyncResult:
        """Return the coming response of a call: None if the call has to be sent alone."""
        self.calls.append(call)
        self._responses.append(AsyncResult())
        if len(self.calls) == self.join.max_calls:
            self._close()
            self._full.set()
        return self._responses[-1]

    def wait(self) -> None:
        """Wait until the group is full, or for JOIN_SECONDS."""
        try:
            self._full.wait(JOIN_SECONDS)
        finally:
            self._close()

    def set(self, parts: Sequence[UpstreamResponse | None]) -> None:
        """Give each call its response."""
        for response, part in zip(self._responses, parts, strict=True):
            response.set(part)

    def fail(self, error: BaseException) -> None:
        """Raise the error in each call; after a bug, or a kill of this greenlet, its client has disconnected."""
        for response in self._responses:
            response.set_exception(copy.copy(error) if isinstance(error, ServiceError) else ClientDisconnected())

    def _close(self) -> None:
        if self._batch.waiting.get(self._key) is self:
            del self._batch.waiting[self._key]


class JoiningClient:
    """An UpstreamClient that leaves room for single calls beside those of lists of texts.

    All requests of the process together have at most `fan_out` calls of lists in flight at each backend.
    """

    def __init__(self, client: UpstreamClient, fan_out: int) -> None:
        self._client = client
        self._fan_out = fan_out
        self._permits: dict[str, BoundedSemaphore] = {}

    def open(
        self, call: UpstreamRequest[Any], make_decoder: MakeDecoder, backend: Backend, context: CallContext
    ) -> UpstreamStream:
        """Return the stream of a call's response; a stream is always of one request."""
        return self._client.open(call, make_decoder, backend, context)

    def send(self, call: UpstreamRequest[T], backend: Backend, context: CallContext) -> tuple[T, UpstreamResponse]:
        """Return the parsed response of a call, and the response. Raises ServiceError if there is none."""
        if context.batch is None:
            return self._client.send(call, backend, context)
        if call.join is not None and call.body is not None:
            response = self._join(call, call.join, backend, context, context.batch)
            if response is not None:
                return call.parse(response), response
        with self._permit(backend):
            return self._client.send(call, backend, context)

    def _permit(self, backend: Backend) -> BoundedSemaphore:
        if backend.name not in self._permits:
            self._permits[backend.name] = BoundedSemaphore(min(self._fan_out, backend.max_fan_out or self._fan_out))
        return self._permits[backend.name]

    def _join(
        self, call: UpstreamRequest[Any], join: Join, backend: Backend, context: CallContext, batch: Batch
    ) -> UpstreamResponse | None:
        """Return the call's part of a joined response; None if the call has to be sent alone."""
        key = (call.url, call.model, join.key(call.body or {}))
        group = batch.waiting.get(key)
        if group is not None:
            found: UpstreamResponse | None = group.add(call).get()
            return found
        group = _Group(batch, key, join)
        response = group.add(call)
        self._send_group(group, backend, context)
        return response.get()

    def _send_group(self, group: _Group, backend: Backend, context: CallContext) -> None:
        """Wait for more calls, send all of them as one, and give each its response or its error."""
        try:
            group.wait()
            is_joined = len(group.calls) > 1
            group.set(self._send_joined(group, backend, context) if is_joined else [None])
        except _MAY_BE_ONE_TEXT:
            group.set([None] * len(group.calls))
        except BaseException as error:
            group.fail(error)
            raise

    def _send_joined(self, group: _Group, backend: Backend, context: CallContext) -> Sequence[UpstreamResponse | None]:
        call, join = group.calls[0], group.join
        texts = [join.texts(member.body or {}) for member in group.calls]
        body = {**(call.body or {}), join.field: [text for part in texts for text in part]}
        parse = partial(_split, call, join, [len(part) for part in texts])
        with self._permit(backend):
            return self._client.send(replace(call, body=body, parse=parse), backend, context)[0]


def _split(
    call: UpstreamRequest[Any], join: Join, counts: Sequence[int], response: UpstreamResponse
) -> list[UpstreamResponse]:
    """Return the response of each call. Raises the error that a single call would get, or UpstreamInvalidResponse."""
    if response.status != 200:
        call.parse(response)
    try:
        return join.split(response, counts)
    except (ValueError, KeyError, TypeError) as error:
        raise UpstreamInvalidResponse from error
