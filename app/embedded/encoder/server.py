"""The encoder's HTTP server: GET /health, and POST /OPERATION with {"inputs": [...], ...options}.

An answer is {"outputs": [...], "tokens": [...]} with one entry for each input, an error
{"error": {"message": text, "type": type}}.
"""

import select
from collections.abc import Iterable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson

from app.embedded.encoder.errors import EncoderError, InvalidInput, OutOfMemory, TooLarge, UnknownOperation
from app.embedded.encoder.groups import Grouped, Output, one_by_one
from app.embedded.encoder.models import Models
from app.embedded.encoder.operations import Load
from app.embedded.encoder.turns import Turns

MAX_BODY_BYTES = 64 * 1024**2
# nothing else runs meanwhile
MAX_TEXT_CHARS = 200_000
# a call for one text may send its clauses or labels too
MAX_SINGLE_INPUTS = 8


class EncoderServer(ThreadingHTTPServer):
    """Serves the operations of a table on a loopback port; raises OSError if the port is taken."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, models: Models, operations: Mapping[str, Load]) -> None:
        super().__init__(("127.0.0.1", port), EncoderHandler)
        self._models = models
        self._operations = operations
        self.turns = Turns()

    def run(self, operation: str, body: bytes, handler: "EncoderHandler") -> dict[str, list[Any]]:
        """Return outputs and tokens of each input of a body; raise EncoderError.

        Raises ConnectionAbortedError between two turns once the client has gone.
        """
        if operation not in self._operations:
            raise UnknownOperation(f"There is no operation {operation}.")
        inputs, options = _parse(body)
        loaded = self._models.get(self._operations[operation])
        grouped = loaded if isinstance(loaded, Grouped) else one_by_one(loaded)
        results: list[Output] = []
        single = len(inputs) <= MAX_SINGLE_INPUTS
        for groups in _turns_of(grouped.split(inputs, options), single=single):
            with self.turns.turn(single=single):
                for group in groups:
                    results += grouped.run(group, options)
            handler.require_client()
        return {"outputs": [output for output, _ in results], "tokens": [tokens for _, tokens in results]}


def _turns_of(groups: Iterable[list[Any]], *, single: bool) -> Iterable[Iterable[list[Any]]]:
    """Return the groups of each turn: one of a list, so that others get their turns; all of a single call."""
    return [groups] if single else ([group] for group in groups)


def _parse(body: bytes) -> tuple[list[Any], dict[str, Any]]:
    """Return the inputs and the options of a body."""
    try:
        options = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"The body is not JSON: {error}") from None
    inputs = options.pop("inputs", None) if isinstance(options, dict) else None
    if not isinstance(inputs, list) or not inputs:
        raise InvalidInput("`inputs` must be a list with at least one entry.")
    if any(isinstance(text, str) and len(text) > MAX_TEXT_CHARS for text in inputs):
        raise InvalidInput(f"A text may have at most {MAX_TEXT_CHARS} characters; split it.")
    return inputs, options


class EncoderHandler(BaseHTTPRequestHandler):
    """Reads a request and writes its response; connections stay open."""

    server: EncoderServer
    protocol_version = "HTTP/1.1"
    # head and body leave in one segment
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        if self.path == "/health":
            self._reply(200, {"status": "ok"})
        else:
            self._refuse(UnknownOperation("There is nothing else than /health to get."))

    def do_POST(self) -> None:
        try:
            self._reply(200, self.server.run(self.path.removeprefix("/"), self._read(), self))
        except EncoderError as error:
            self._refuse(error)
        except MemoryError:
            self._refuse(OutOfMemory("The memory for requests is used up."))
        except ConnectionError:
            self.close_connection = True

    def require_client(self) -> None:
        """Raise ConnectionAbortedError if the client has closed the connection."""
        readable, _, _ = select.select([self.connection], [], [], 0)
        if readable:  # the client sends nothing before its response
            raise ConnectionAbortedError

    def _read(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            self.close_connection = True
            raise InvalidInput("A Content-Length is needed.")
        if int(length) > MAX_BODY_BYTES:
            self.close_connection = True
            raise TooLarge(f"The body exceeds {MAX_BODY_BYTES} bytes.")
        return self.rfile.read(int(length))

    def _refuse(self, error: EncoderError) -> None:
        self._reply(error.status, {"error": {"message": str(error), "type": error.type}})

    def _reply(self, status: int, payload: dict[str, Any]) -> None:
        body = orjson.dumps(payload, option=orjson.OPT_SERIALIZE_NUMPY)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Print nothing: the service logs its calls."""
