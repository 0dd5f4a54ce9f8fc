"""Streams: an upstream's answer, read and given on as it comes."""

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

from app.backends.base import MAX_RESPONSE_BYTES, media_type
from app.backends.responses.chunk_decoder import Chunk, ChunkDecoder
from app.backends.responses.sse import EventSplitter
from app.context.call_context import StreamStats
from app.errors import (
    ClientDisconnected,
    InternalError,
    ServiceError,
    StreamDeadlineExceeded,
    UpstreamInvalidResponse,
    UpstreamTimeout,
)
from app.fairness import CoopBudget
from app.upstream.transport.errors import map_transport_error

logger = logging.getLogger(__name__)

READ_BYTES = 16 * 1024
# read ahead of a slow caller; beyond it the upstream has to wait
PIECES = 4
# after its terminal event a stream ends at once, unless the upstream forgets to; then its connection cannot be kept
END_SECONDS = 0.05


@dataclass(frozen=True)
class StreamLimits:
    """Seconds between two events, and of silence after which a caller is given a sign of life."""

    idle: float
    heartbeat: float


class StreamReader:
    """Reads a body in a greenlet of its own: who takes the pieces can wait for so long and no longer.

    Interrupting the read itself would lose what was read of a chunk. The pump ends after `seconds`, when the body
    does or when it is closed; then it frees the connection and calls `release`, whatever its taker is doing.
    """

    def __init__(self, response: requests.Response, seconds: float, release: Callable[[], None]) -> None:
        self._response = response
        self._release = release
        self._pieces: Queue[bytes | ServiceError] = Queue(PIECES)
        self._greenlet = gevent.spawn(self._run, seconds)

    def get(self, seconds: float | None) -> bytes:
        """Return what has come, waiting for it for at most `seconds` if given; nothing at the end of the body.

        Raises Empty where nothing came, the fault that ended the body, or ClientDisconnected once told to.
        """
        piece = self._pieces.get(timeout=seconds)
        if isinstance(piece, ServiceError):
            try:
                raise piece
            finally:
                del piece  # the error's traceback holds this frame: a cycle
        return piece

    def cancel(self) -> None:
        """Stop reading because the caller left, and tell the taker; never waits."""
        self._greenlet.kill(block=False)
        with suppress(Empty):
            while True:
                self._pieces.get_nowait()
        self._pieces.put_nowait(ClientDisconnected())

    def close(self) -> None:
        """Stop reading; give the body a moment to end by itself, so that its connection can be used again."""
        try:
            self._greenlet.join(END_SECONDS)
        finally:  # the end of the request may be raised into the wait
            self._greenlet.kill(block=False)

    def _run(self, seconds: float) -> None:
        try:
            with closing(self._response), gevent.Timeout(seconds, StreamDeadlineExceeded()):
                while piece := self._response.raw.read1(READ_BYTES, decode_content=True):
                    self._pieces.put(piece)
            end: bytes | ServiceError = b""
        except gevent.GreenletExit:
            return  # else the greenlet would keep it, and with it this frame
        except StreamDeadlineExceeded:
            end = StreamDeadlineExceeded()
        except HTTPError as error:
            end = map_transport_error(error)
            traceback.clear_frames(error.__traceback__)  # contextlib's holds what the error came of: a cycle
        except Exception:
            logger.exception("the reading of a stream failed")
            end = InternalError()
        finally:
            self._release()
        self._pieces.put(end)


class UpstreamStream:
    """The chunks of one answer.

    `reader` has read as much of it as was taken; `judge` is told how it ended: None, or the fault.
    """

    def __init__(
        self,
        pump: StreamReader,
        reader: ChunkDecoder,
        content_type: str,
        limits: StreamLimits,
        clean: Callable[[bytes], bytes],
        judge: Callable[[ServiceError | None], None],
    ) -> None:
        self.decoder = reader
        self.stats = StreamStats()
        self.cancel = pump.cancel
        self._pump = pump
        self.heartbeat = limits.heartbeat
        self._idle = limits.idle
        self._turns = CoopBudget()
        self._clean = clean
        self._judge = judge
        self._splitter = EventSplitter()
        self._over = False
        self._silence = -math.inf  # the wait for the first event has a limit of its own
        self._batches = self._read() if media_type(content_type) == "text/event-stream" else self._read_whole()
        self._first: list[Chunk] = []

    def wait_first_event(self) -> None:
        """Wait for the first chunk, as long as the request lasts; raise the ServiceError of a stream that has none."""
        while not self._first:
            self._first = next(self._batches)

    def __iter__(self) -> Iterator[list[Chunk]]:
        """Yield the chunks that came together; none where nothing, or nothing that callers see, came for a while.

        Raises a ServiceError where the rest of the answer does not come.
        """
        yield self._first
        try:
            yield from self._batches
        except ServiceError as error:
            self._judge(error)
            raise
        self._judge(None)

    def close(self) -> None:
        """Stop reading, whoever ended the stream and when."""
        self._batches.close()
        self._pump.close()

    def _read(self) -> Generator[list[Chunk], None, None]:
        while not self._over:
            batch: list[Chunk] = []
            try:
                for data in self._wait():
                    self._add(data, batch)
            except ServiceError:
                yield batch
                raise
            yield batch
        self.decoder.require_complete()

    def _wait(self) -> list[bytes]:
        """Return the data of the events that came, none where it took long; what is whole needs no more.

        Only time spent in here counts as silence, not what our caller took for the events before.
        """
        asked = time.monotonic()
        try:
            with self._turns:
                piece = self._pump.get(min(self.heartbeat, self._idle - self._silence))
            self._over = not piece
            events = self._splitter.feed(piece) if piece else self._splitter.end()
        except Empty:
            events = []
        except ServiceError:
            if not self.decoder.is_complete:
                raise
            self._over, events = True, self._splitter.end()
        self._silence = 0.0 if events else self._silence + time.monotonic() - asked
        if self._silence >= self._idle:
            if not self.decoder.is_complete:
                raise UpstreamTimeout
            self._over = True
        return events

    def _add(self, data: bytes, batch: list[Chunk]) -> None:
        """Read one event into the batch; none after the terminal one, or that the end of a whole answer cut off."""
        if self.decoder.ended:
            return
        try:
            chunk = self.decoder.decode(self._clean(data))
        except UpstreamInvalidResponse:
            if not (self._over and self.decoder.is_complete):
                raise
            return
        self._over = self._over or self.decoder.ended
        if chunk:
            batch.append(chunk)

    def _read_whole(self) -> Generator[list[Chunk], None, None]:
        """Read the answer of a server that does not stream, within the time for the first event."""
        body = bytearray()
        while piece := self._pump.get(None):
            body += piece
            if len(body) > MAX_RESPONSE_BYTES:
                raise UpstreamInvalidResponse
        chunk = self.decoder.decode(self._clean(bytes(body)), complete=True)
        self.decoder.require_complete()
        yield [chunk] if chunk else []
