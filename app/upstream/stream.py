"""Streaming responses of upstreams: read in the background, decoded chunk by chunk.

A stream ends in this order:
1. The body ends, fails, runs out of time or is cancelled; the connection returns to its pool or is closed.
2. The permit of the bulkhead is released, even if no client reads.
3. The consumer receives the end: no more chunks, or a ServiceError.
4. `on_end` is called with the error, or with None after a complete response. A consumer that stopped earlier skips it.
5. `close` stops the reading if it still runs; it may be called at any time.
"""

import logging
import math
import time
import traceback
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass

import gevent
import requests
from gevent.queue import Empty, Queue
from urllib3.exceptions import HTTPError

from app.backends.plan import MAX_RESPONSE_BYTES
from app.backends.responses.chunk_decoder import Chunk, ChunkDecoder
from app.backends.responses.sse import EventSplitter
from app.context.call_context import StreamStats
from app.errors import (
    ClientDisconnected,
    InternalError,
    ServiceError,
    StreamDeadlineExceeded,
    UpstreamTimeout,
)
from app.fairness import CoopBudget
from app.upstream.transport.errors import map_transport_error

logger = logging.getLogger(__name__)

READ_BYTES = 16 * 1024
# reads that are buffered for a slow client; then the upstream has to wait
MAX_BUFFERED_READS = 4
# time for the body to end after the terminal event; after it the connection is closed and cannot be reused
CLOSE_SECONDS = 0.05


@dataclass(frozen=True)
class StreamLimits:
    """Seconds between two events, and seconds of silence after which the client gets a heartbeat."""

    idle: float
    heartbeat: float


class StreamReader:
    """Reads a body in its own greenlet, so that a consumer can wait for data with a timeout.

    A timeout of the read itself would lose the bytes of a partly read HTTP chunk. The greenlet ends with the body,
    after `seconds`, or when it is cancelled or closed. Then it frees the connection and calls `release`.
    """

    def __init__(self, response: requests.Response, seconds: float, release: Callable[[], None]) -> None:
        self._response = response
        self._release = release
        self._queue: Queue[bytes | ServiceError] = Queue(MAX_BUFFERED_READS)
        self._greenlet = gevent.spawn(self._run, seconds)

    def get(self, seconds: float | None) -> bytes:
        """Return the next bytes, or no bytes at the end of the body; wait at most `seconds` if given.

        Raises Empty if nothing arrived in time, ClientDisconnected after `cancel`, or the error that ended the body.
        """
        data = self._queue.get(timeout=seconds)
        if isinstance(data, ServiceError):
            try:
                raise data
            finally:
                del data  # the error's traceback refers to this frame: a reference cycle
        return data

    def cancel(self) -> None:
        """Stop reading because the client disconnected, and raise that in the consumer; does not block."""
        self._greenlet.kill(block=False)
        with suppress(Empty):
            while True:
                self._queue.get_nowait()
        self._queue.put_nowait(ClientDisconnected())

    def close(self) -> None:
        """Stop reading, after CLOSE_SECONDS in which the body may end and its connection become reusable."""
        try:
            self._greenlet.join(CLOSE_SECONDS)
        finally:  # the deadline or a disconnect may interrupt the join
            self._greenlet.kill(block=False)

    def _run(self, seconds: float) -> None:
        try:
            with closing(self._response), gevent.Timeout(seconds, StreamDeadlineExceeded()):
                while data := self._response.raw.read1(READ_BYTES, decode_content=True):
                    self._queue.put(data)
            end: bytes | ServiceError = b""
        except gevent.GreenletExit:
            return  # raised further, the greenlet would store it and with it this frame
        except StreamDeadlineExceeded:
            end = StreamDeadlineExceeded()
        except HTTPError as error:
            end = map_transport_error(error)
            traceback.clear_frames(error.__traceback__)  # contextlib's frame refers to the error: a reference cycle
        except Exception:
            logger.exception("reading a stream failed")
            end = InternalError()
        finally:
            self._release()
        self._queue.put(end)


class UpstreamStream:
    """Iterates over the chunks of one streaming response.

    `decoder` holds the facts of all chunks read so far: model, usage and finish reasons.
    """

    def __init__(
        self,
        reader: StreamReader,
        decoder: ChunkDecoder,
        limits: StreamLimits,
        redact: Callable[[bytes], bytes],
        on_end: Callable[[ServiceError | None], None],
    ) -> None:
        """`on_end` is called with the error that ended the stream, or None."""
        self.decoder = decoder
        self.stats = StreamStats()
        self.cancel = reader.cancel
        self._reader = reader
        self.heartbeat = limits.heartbeat
        self._idle = limits.idle
        self._coop = CoopBudget()
        self._redact = redact
        self._on_end = on_end
        self._splitter = EventSplitter(MAX_RESPONSE_BYTES, decoder.max_event_bytes)
        self._ended = False
        self._silence = -math.inf  # the deadline of the request limits the wait for the first event
        self._batches = self._read_events()
        self._first_batch: list[Chunk] = []

    def wait_first_event(self) -> None:
        """Wait for the first chunk; raise a ServiceError if the stream has none."""
        while not self._first_batch:
            self._first_batch = next(self._batches)

    def __iter__(self) -> Iterator[list[Chunk]]:
        """Yield chunks in batches, as they arrive together; an empty batch means that the client needs a heartbeat.

        Raises the ServiceError that ends the stream before the response is complete.
        """
        yield self._first_batch
        try:
            yield from self._batches
        except ServiceError as error:
            self._on_end(error)
            raise
        self._on_end(None)

    def close(self) -> None:
        """Stop reading."""
        self._batches.close()
        self._reader.close()

    def _read_events(self) -> Generator[list[Chunk], None, None]:
        while not self._ended:
            batch: list[Chunk] = []
            try:
                for data in self._next_events():
                    self._decode(data, batch)
            except ServiceError:
                yield batch
                raise
            yield batch
        self.decoder.require_complete()

    def _next_events(self) -> list[bytes]:
        """Return the data of the events that arrived; none after a heartbeat interval or at the end of the body.

        Only time in this method counts as silence; time in which the client reads earlier events does not. After a
        complete response, an error or a timeout of the body counts as its end.
        """
        started = time.monotonic()
        try:
            with self._coop:
                data = self._reader.get(min(self.heartbeat, self._idle - self._silence))
            self._ended = not data
            events = self._splitter.feed(data) if data else self._splitter.end()
        except Empty:
            events = []
        except ServiceError:
            if not self.decoder.is_complete:
                raise
            self._ended, events = True, self._splitter.end()
        self._silence = 0.0 if events else self._silence + time.monotonic() - started
        if self._silence >= self._idle:
            if not self.decoder.is_complete:
                raise UpstreamTimeout
            self._ended = True
        return events

    def _decode(self, data: bytes, batch: list[Chunk]) -> None:
        """Decode one event, or the document of an upstream that does not stream, into the batch."""
        decoder, data = self.decoder, self._redact(data)
        if self._splitter.is_document:
            chunk = decoder.decode(data, complete=True)
            decoder.require_complete()
        else:
            chunk = decoder.decode_event(data)
        self._ended = self._ended or decoder.ended
        if chunk:
            batch.append(chunk)
