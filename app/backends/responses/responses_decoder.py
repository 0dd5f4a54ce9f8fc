"""Decodes responses of OpenAI's Responses API, whole and streamed.

Source of the forms: openai.types.responses. Servers leave parts out that its client libraries need, so these are added.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from app.backends.responses.chunk import CHAT
from app.backends.responses.chunk_decoder import Chunk, ChunkDecoder
from app.backends.responses.error_mapping import error_from_payload
from app.backends.responses.error_payload import has_error
from app.backends.responses.json_text import parse_json, replace_halves
from app.backends.responses.model_names import upstream_name
from app.backends.responses.normalize import require_success
from app.backends.responses.optional_route import OtherRouteResponse, decode_optional
from app.backends.responses.responses_form import EventForm, complete_response
from app.backends.responses.sse import DONE, is_json_document, iter_event_data
from app.backends.types import ResponsesResult
from app.backends.upstream_response import UpstreamResponse
from app.errors import UpstreamInvalidResponse
from app.pii.restoring import Restorer
from app.pii.streams import EventRestorer

# a server's first events, before it has read the input; an error may still follow at once
_PRELUDE = frozenset({"response.created", "response.queued", "response.in_progress"})
_TERMINAL = frozenset({"response.completed", "response.incomplete"})
_FAILED = frozenset({"response.failed", "response.cancelled"})
_EVENT_NAME = re.compile(r"response\.[\w.]+")
_FINISH_REASONS = {"max_output_tokens": "length", "content_filter": "content_filter"}
# the first and the last event repeat the request's instructions and tools
MAX_EVENT_BYTES = 8 * 1024**2
_CALLS = frozenset({"function_call", "custom_tool_call"})
# llama.cpp's route ignores `text.format` and `tool_choice`, and never says that a response is incomplete
_IMITATION = re.compile(r"llama\.cpp", re.IGNORECASE)


class ResponsesDecoder(ChunkDecoder):
    """Decodes the events of one response; each chunk holds server-sent events as the client gets them.

    The events before the first output are held back until it arrives: until then another model can respond.
    `form` knows the number of the next event, and the response so far. Without `accepts_imitations` a server whose
    route lacks much of the API counts as one without the route.
    """

    max_event_bytes = MAX_EVENT_BYTES

    def __init__(
        self, model: str | None, prompt: str, headers: Mapping[str, str], *, accepts_imitations: bool = False
    ) -> None:
        super().__init__(CHAT, model, prompt, headers)
        self.form = EventForm()
        self._is_refused = not accepts_imitations and _IMITATION.search(headers.get("server", "")) is not None
        self._held: list[bytes] = []
        self._events: EventRestorer | None = None

    def restore(self, restorer: Restorer) -> None:
        self._events = EventRestorer(restorer)

    def decode(self, data: bytes, *, complete: bool = False) -> Chunk | None:
        """Return the events of one event of the upstream; None if they are held back, or clients need not see them.

        Raises OtherRouteResponse if the server answers with another kind of response, which a `complete` one is.
        """
        text = data.strip()
        if text == DONE or not text:
            self.ended = self.ended or bool(text)
            return None
        try:
            parsed, exact = parse_json(data)
        except ValueError:
            raise UpstreamInvalidResponse from None
        if complete:
            raise OtherRouteResponse
        event = parsed if exact else replace_halves(parsed)
        if not isinstance(event, dict) or not self._is_of_response(event):
            return None
        return self._decode_response_event(event, data if exact and b"\n" not in data else None)

    def read(self, response: Any) -> dict[str, Any]:
        """Return a response that has ended, in complete form; take over its usage, model and finish reason.

        Raises the error of one that failed, and OtherRouteResponse for a value of another kind.
        """
        if self._is_refused or not isinstance(response, dict) or not isinstance(response.get("output"), list):
            raise OtherRouteResponse
        status = response.get("status", "completed")
        if status == "failed" or has_error(response):
            raise error_from_payload({"error": response.get("error") or "The response failed."})
        if status not in ("completed", "incomplete"):
            raise UpstreamInvalidResponse
        if isinstance(counts := response.get("usage"), dict):
            self.counts = counts
        self._finish_reasons[0] = _finish_reason(response, status)
        self.ended = True
        return complete_response(self._with_model(response), status, self.usage)

    def _is_of_response(self, event: dict[str, Any]) -> bool:
        """Return whether an event belongs to the response; raise the error that it carries.

        Pings and other events do not. Raises OtherRouteResponse if the first event with contents does not.
        """
        kind = event.get("type")
        if kind == "error" or has_error(event):
            raise error_from_payload({"error": event.get("error") or event})
        if isinstance(kind, str) and _EVENT_NAME.fullmatch(kind) and not self._is_refused:
            return True
        if self._is_refused or ("choices" in event and not self.form.number):
            raise OtherRouteResponse
        return False

    def _decode_response_event(self, event: dict[str, Any], raw: bytes | None) -> Chunk | None:
        kind, response = event["type"], event.get("response")
        if kind in _FAILED:
            error = response.get("error") if isinstance(response, dict) else None
            raise error_from_payload({"error": error or "The response failed."})
        if kind in _TERMINAL:
            event["response"], raw = self.read(response), None
        elif isinstance(response, dict):
            event["response"], raw = self._with_model(response), None
        if kind.endswith(".delta") and isinstance(delta := event.get("delta"), str):
            self._generated.add(delta)
        for part in [event] if self._events is None else self._restored(event, self._events):
            unchanged = None if self.form.fill(part) or part is not event else raw
            self._held.append(b"event: %b\ndata: %b\n\n" % (part["type"].encode(), unchanged or orjson.dumps(part)))
        if kind in _PRELUDE:
            return None
        data = b"".join(self._held)
        self._held.clear()
        return Chunk(event, data)

    def _restored(self, event: dict[str, Any], restorer: EventRestorer) -> list[dict[str, Any]]:
        """Return the restored events, which are numbered anew."""
        event.pop("sequence_number", None)
        return restorer.restore(event)

    def _with_model(self, response: Mapping[str, Any]) -> dict[str, Any]:
        """Return a response with the name of the model that clients see."""
        if self._takes_upstream_name and (name := upstream_name(response.get("model"))):
            self.model, self._takes_upstream_name = name, False
        return {**response, "model": self.model}


def parse_response(
    response: UpstreamResponse, make_decoder: Callable[[Mapping[str, str]], ResponsesDecoder]
) -> ResponsesResult:
    """Return a response, also one that was streamed unasked. Raises as `ResponsesDecoder` does."""
    require_success(response)
    decoder = make_decoder(response.headers)
    if is_json_document(response.body) or b"data:" not in response.body:
        payload = decoder.read(decode_optional(response))
    else:
        for data in iter_event_data(response.body, MAX_EVENT_BYTES):
            decoder.decode_event(data)
        decoder.require_complete()
        payload = decoder.form.response
    return ResponsesResult(payload, decoder.finish_reason, usage=decoder.usage, model=decoder.model)


def _finish_reason(response: Mapping[str, Any], status: str) -> str:
    """Return the finish reason that a chat completion would have."""
    if status == "incomplete":
        details = response.get("incomplete_details")
        reason = details.get("reason") if isinstance(details, dict) else None
        return _FINISH_REASONS.get(str(reason), "length")
    calls = any(isinstance(item, dict) and item.get("type") in _CALLS for item in response["output"])
    return "tool_calls" if calls else "stop"
