"""The interface of the formatters of streams, one for each API that the service speaks."""

from abc import ABC, abstractmethod
from typing import ClassVar

from app.backends.responses.chunk_decoder import Chunk
from app.errors import ServiceError

# clients of server-sent events skip comments
HEARTBEAT_COMMENT = b": still here\n\n"


class EventFormatter(ABC):
    """Formats the events of a route. `heartbeat` is sent in silence: bytes that its clients skip."""

    mimetype: ClassVar[str] = "text/event-stream"
    heartbeat: ClassVar[bytes] = HEARTBEAT_COMMENT

    @abstractmethod
    def format(self, batch: list[Chunk]) -> bytes:
        """Return the events of chunks that arrived together."""

    @abstractmethod
    def finish(self) -> bytes:
        """Return the last events of a complete stream, with usage and finish reason."""

    @abstractmethod
    def error(self, error: ServiceError) -> bytes:
        """Return the event that ends an incomplete stream."""
