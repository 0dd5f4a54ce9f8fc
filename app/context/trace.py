"""What the service tells of a request while it is served. Where nothing is traced, nobody listens."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from app.backends.base import UpstreamRequest
    from app.context.call_context import CallContext

_NONE: Mapping[str, str] = MappingProxyType({})


class Attempt:
    """One HTTP request to an upstream; `headers` are sent with it, so that the upstream can go on with the trace."""

    headers = _NONE

    def record_status(self, status: int) -> None:
        """Note the status of the answer, whose body is still to come."""


class Trace:
    """One request of a caller; `ids` are for its log lines."""

    ids = _NONE

    def record_parameters(self, body: Mapping[str, Any]) -> None:
        """Note the parameters of a validated body, and none of its texts."""

    def operation(self, context: "CallContext", backend: str, model: str | None) -> AbstractContextManager[object]:
        """Run the block as the operation of the request; that of a stream lasts until `end_stream`.

        `backend` and `model` name the first target; `model` is None if the backend has no default model.
        """
        return _NOTHING

    def attempt(self, call: "UpstreamRequest[Any]") -> AbstractContextManager[Attempt]:
        """Make the block one attempt to make a call; a stream's goes on after it."""
        return _NO_ATTEMPT

    def end_stream(self, context: "CallContext") -> None:
        """End the operation of a stream, and the attempt behind it."""

    def end(self, status: int, error: str | None) -> None:
        """End the request with the status of its answer, and the type of its error if it has one."""


class Tracing:
    """Begins the traces of requests."""

    def begin(self, environ: Mapping[str, Any], route: str) -> Trace:
        """Return the trace of a request by its WSGI environ and URL rule; it continues the client's trace if any."""
        return NO_TRACE

    def close(self) -> None:
        """Give what is still to be exported a moment, before the process ends."""


NO_TRACE = Trace()
_NOTHING = nullcontext()
_NO_ATTEMPT = nullcontext(Attempt())
