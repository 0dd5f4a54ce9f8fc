"""The calls of the encoder, which runs beside the embedded engine (app/embedded/encoder/server.py)."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import orjson

from app.backends.engine.errors import require_usable
from app.backends.join import Join
from app.backends.plan import UpstreamRequest
from app.backends.responses.embeddings import MAX_VECTORS_BYTES
from app.backends.responses.normalize import decode_json, require_success
from app.backends.upstream_response import UpstreamResponse
from app.errors import NotSupported, UpstreamInvalidResponse

T = TypeVar("T")

# the greenlets of joined calls run in one row when their response arrives, and single calls wait for them
MAX_JOINED = 16


class EncoderCalls:
    """Makes the calls of the encoder on a port of this machine; without a port, each raises NotSupported."""

    def __init__(self, backend: str, port: int | None) -> None:
        self._backend = backend
        self._port = port

    def call(
        self,
        operation: str,
        input: Any,  # noqa: A002 - the name of the field
        options: Mapping[str, Any],
        parse: Callable[[Any, int], T],
    ) -> UpstreamRequest[T]:
        """Return the call of an operation for one input; `parse` takes its output and the number of its tokens."""

        def parse_first(outputs: list[Any], tokens: list[int]) -> T:
            return parse(outputs[0], tokens[0])

        return self.call_all(operation, [input], options, parse_first)

    def call_all(
        self,
        operation: str,
        inputs: Sequence[Any],
        options: Mapping[str, Any],
        parse: Callable[[list[Any], list[int]], T],
    ) -> UpstreamRequest[T]:
        """Return the call of an operation for several inputs; `parse` takes the output and the tokens of each."""
        return UpstreamRequest(
            self._backend,
            f"encoder/{operation}",
            f"{self.root_url}/{operation}",
            partial(_parse, parse, len(inputs)),
            {"inputs": list(inputs), **options},
            deterministic=True,
            timeout_is_failure=False,  # a list takes as long as it is
            max_response_bytes=MAX_VECTORS_BYTES,
            join=Join("inputs", _split, MAX_JOINED),
        )

    @property
    def runs(self) -> bool:
        """Whether an encoder runs beside the engine."""
        return self._port is not None

    @property
    def root_url(self) -> str:
        """The address of the encoder."""
        if self._port is None:
            raise NotSupported("The encoder does not run beside this engine; start it, and set ENCODER_PORT.")
        return f"http://127.0.0.1:{self._port}"


def _parse(parse: Callable[[list[Any], list[int]], T], count: int, response: UpstreamResponse) -> T:
    require_usable(response)
    require_success(response)
    outputs, tokens = _lists(decode_json(response), count)
    return parse(outputs, tokens)


def _lists(payload: Any, count: int) -> tuple[list[Any], list[int]]:
    """Return outputs and tokens; raise UpstreamInvalidResponse if there is not one of each for each input."""
    outputs, tokens = (payload.get(name) for name in ("outputs", "tokens")) if isinstance(payload, dict) else (0, 0)
    if not isinstance(outputs, list) or not isinstance(tokens, list) or {len(outputs), len(tokens)} != {count}:
        raise UpstreamInvalidResponse
    return outputs, tokens


def _split(response: UpstreamResponse, counts: Sequence[int]) -> list[UpstreamResponse]:
    """Return a response for each of the joined calls."""
    payload = orjson.loads(response.body)
    outputs, tokens = (iter(items) for items in _lists(payload, sum(counts)))
    return [
        response.with_payload({"outputs": _take(outputs, count), "tokens": _take(tokens, count)}) for count in counts
    ]


def _take(items: Any, count: int) -> list[Any]:
    return [next(items) for _ in range(count)]
