"""Sends calls with placeholders in place of personal data, and restores the values in responses."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import orjson

from app.backends.base import Backend, UpstreamRequest, UpstreamResponse
from app.backends.responses.chunk_decoder import ChunkDecoder, MakeDecoder
from app.backends.responses.sse import is_json_document
from app.backends.types import Generation, OpenAIResult, ResponsesResult
from app.context.call_context import CallContext
from app.errors import UpstreamInvalidResponse
from app.fairness import CoopBudget
from app.inference.adaptive_client import AdaptiveClient
from app.inference.redaction.body import BodyRedactor, RedactedBody
from app.inference.redaction.offsets import Spans, with_original_offsets
from app.pii.detector import find_personal_data
from app.pii.restoring import Restorer
from app.pii.streams import restored_value


class RedactingClient:
    """Replaces personal data before caches, retries and logs see a call, so that these hold placeholders only.

    Each call has a mapping of its own. A cached or shared response holds placeholders, and each request restores its
    own values.
    """

    def __init__(self, client: AdaptiveClient, on_redacted: Callable[[str, int], None]) -> None:
        """`on_redacted` is called with a kind and the number of its values in a call."""
        self._client = client
        self._on_redacted = on_redacted

    def send(self, call: UpstreamRequest[Any], backend: Backend, context: CallContext) -> Any:
        """Return the parsed response of a call, or its stream; raise ValidationError for a part that is unscannable.

        Raises the ServiceError of a call without a response.
        """
        if context.request.redact and call.body is not None:
            call = self._redacted(call, call.body, context)
        return self._client.send(call, backend, context)

    def commit(self, context: CallContext) -> None:
        """Cache the responses of a finished operation."""
        self._client.commit(context)

    def _redacted(self, call: UpstreamRequest[Any], body: dict[str, Any], context: CallContext) -> UpstreamRequest[Any]:
        pause = CoopBudget().yield_if_due
        known = _known_values(context, pause)
        redacted = BodyRedactor(context.request.redact, pause, known).redact(body, call.added)
        if not redacted.mapping:
            return call
        counts = Counter(placeholder[1:-1].rpartition("_")[0].lower() for placeholder in redacted.mapping)
        for kind, count in counts.items():
            self._on_redacted(kind, count)
        restorer = Restorer(redacted.mapping)
        restore = _Restore(restorer, body.get("inputs"), redacted)
        return replace(
            call,
            body=redacted.body,
            added=redacted.added,
            parse=partial(restore.parse, call.parse),
            make_decoder=call.make_decoder and partial(_make_restoring, call.make_decoder, restorer),
            restores=True,
        )


def _known_values(context: CallContext, pause: Callable[[], None]) -> Sequence[tuple[str, str]]:
    """Return the kinds and values of the personal data in the text of an operation.

    A part of the text may have lost the word that distinguishes an identifier from other numbers.
    """
    if context.personal_data is None:
        source, kinds = context.source or "", context.request.redact
        found = find_personal_data(source, kinds, pause=pause)
        context.personal_data = tuple({(one.kind, source[one.start : one.end]): None for one in found})
    return context.personal_data


@dataclass(frozen=True, eq=False)
class _Restore:
    """Restores complete responses; `inputs` are those of a pipeline, to which its offsets refer."""

    restorer: Restorer
    inputs: Any
    redacted: RedactedBody

    def parse(self, parse: Callable[[UpstreamResponse], Any], response: UpstreamResponse) -> Any:
        """Return the result of `parse`; errors keep their placeholders, because logs hold them too."""
        if response.status >= 400:
            return parse(response)
        if not is_json_document(response.body):
            return self._restored_result(parse(response))
        document = self._with_offsets(response.body)
        try:
            text = document.decode()
        except UnicodeDecodeError:
            raise UpstreamInvalidResponse from None
        result = parse(replace(response, body=self.restorer.json_document(text).encode()))
        return _without_logprobs(result)

    def _with_offsets(self, body: bytes) -> bytes:
        if self.inputs is None:
            return body
        found = self.redacted.findings
        spans = {text: Spans(text, found[text], self.redacted.placeholders) for text in found if found[text]}
        try:
            payload = orjson.loads(body)
        except orjson.JSONDecodeError:
            return body
        converted = with_original_offsets(payload, self.inputs, spans)
        return body if converted == payload else orjson.dumps(converted)

    def _restored_result(self, result: Any) -> Any:
        """Return the result of a response in events, whose placeholders may be in several of them."""
        if isinstance(result, Generation):
            return replace(result, text=self.restorer.text(result.text))
        if isinstance(result, OpenAIResult | ResponsesResult):
            return replace(result, payload=restored_value(result.payload, self.restorer))
        return result


def _without_logprobs(result: Any) -> Any:
    """Return the result without the log-probabilities that clients see: their tokens are those of placeholders."""
    if isinstance(result, OpenAIResult | ResponsesResult):
        return replace(result, payload=_strip(result.payload))
    return result


def _strip(payload: Mapping[str, Any]) -> dict[str, Any]:
    choices = payload.get("choices")
    if not isinstance(choices, list):
        return dict(payload)
    return {
        **payload,
        "choices": [{**choice, "logprobs": None} if "logprobs" in choice else choice for choice in choices],
    }


def _make_restoring(make_decoder: MakeDecoder, restorer: Restorer, headers: Mapping[str, str]) -> ChunkDecoder:
    decoder = make_decoder(headers)
    decoder.restore(restorer)
    return decoder
