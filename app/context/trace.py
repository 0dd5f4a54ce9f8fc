"""The tracing interface of a request. These classes do nothing; app.observability.tracing.spans writes spans."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from app.backends.base import UpstreamRequest
    from app.context.call_context import CallContext

_EMPTY: Mapping[str, str] = MappingProxyType({})


class Attempt:
    """One HTTP request to an upstream; `headers` are sent with it and propagate the trace."""

    headers = _EMPTY

    def record_status(self, status: int) -> None:
        """Record the status of the response, before its body is read."""


class Trace:
    """The trace of one client request; `ids` are added to its log lines."""

    ids = _EMPTY

    def identify(self, request_id: str, client: str) -> None:
        """Record the id of the request and the name of its client; the last call counts."""

    def record_parameters(self, body: Mapping[str, Any]) -> None:
        """Record the parameters of a validated body, without its texts."""

    def operation(self, context: "CallContext", backend: str, model: str | None) -> AbstractContextManager[object]:
        """Run the block as the operation of the request; that of a stream lasts until `end_stream`.

        `backend` and `model` name the first target; `model` is None if the backend has no default model.
        """
        return _NO_OPERATION

    def attempt(self, call: "UpstreamRequest[Any]") -> AbstractContextManager[Attempt]:
        """Run the block as one attempt of an upstream call; that of a stream lasts until `end_stream`."""
        return _NO_ATTEMPT

    def part(self) -> "Trace":
        """Return the trace of one of several texts: its attempts belong to the operation of the request."""
        return self

    def end_stream(self, context: "CallContext") -> None:
        """End the operation of a stream and its attempts."""

    def end(self, status: int, error: str | None) -> None:
        """End the request with the status of its response, and the type of its error or None."""


class Tracing:
    """Starts the trace of each request."""

    def begin(self, environ: Mapping[str, Any], route: str) -> Trace:
        """Return the trace of a request, by its WSGI environ and URL rule; it continues the client's trace if any."""
        return NO_TRACE

    def close(self) -> None:
        """Export the remaining spans before the process ends, within a short time limit."""


NO_TRACE = Trace()
_NO_OPERATION = nullcontext()
_NO_ATTEMPT = nullcontext(Attempt())
