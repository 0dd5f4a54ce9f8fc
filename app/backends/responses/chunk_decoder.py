"""Decodes responses as they stream: events of every dialect become chunks of OpenAI's API."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

from app.backends.responses.chunk import CHAT as CHAT
from app.backends.responses.chunk import TEXT as TEXT
from app.backends.responses.chunk import Chunk as Chunk
from app.backends.responses.chunk import ResponseKind as ResponseKind
from app.backends.responses.chunk import first_common_fields
from app.backends.responses.json_text import parse_json, replace_halves
from app.backends.responses.logprobs import as_completions
from app.backends.responses.model_names import UNKNOWN_MODEL, upstream_name
from app.backends.responses.normalize import normalize_choice, normalize_payload, number_choices
from app.backends.responses.split_characters import CharacterJoiner
from app.backends.responses.sse import DONE, MAX_EVENT_BYTES
from app.backends.responses.token_estimate import TokenEstimate, estimated_tokens
from app.backends.responses.tool_call_pieces import normalize_function_call
from app.backends.responses.tool_calls import ToolCalls
from app.backends.responses.usage import extract_usage, openai_usage, resolve_usage
from app.backends.types import Usage
from app.errors import UpstreamError, UpstreamInvalidResponse
from app.pii.restoring import Restorer
from app.pii.streams import ChunkRestorer

# fields that are equal in all chunks of a response
_COMMON_FIELDS = ("id", "created", "object", "model")
# streams may hold as much of their prompt; a longer one is counted even if the upstream sends counts, 1 ms for 64 KiB
MAX_HELD_PROMPT_CHARS = 64 * 1024
_GENERATED_FIELDS = ("content", "text", "reasoning", "reasoning_content")


class ChunkDecoder:
    """Decodes the events of one response; tracks whether it is complete, its finish reasons and its usage.

    `model` is the name that clients see, None for the upstream's name; the attribute holds the name that they saw last.
    `prompt` is for counting tokens if the upstream returns no counts. `headers` are those of the response, in lower
    case. `expected_choices` is how many choices were asked for; an upstream may send fewer.
    """

    max_event_bytes: ClassVar[int] = MAX_EVENT_BYTES

    def __init__(
        self,
        kind: ResponseKind,
        model: str | None,
        prompt: str,
        headers: Mapping[str, str],
        *,
        expected_choices: int = 1,
    ) -> None:
        self.model = model or UNKNOWN_MODEL
        self.ended = False
        self.counts: Mapping[str, Any] = {}  # the last token counts that the upstream sent
        self._headers = headers
        self._expected_choices = expected_choices
        self._takes_upstream_name = not model
        self._kind = kind
        self._prompt = prompt
        self._prompt_tokens: int | None = None
        self._generated = TokenEstimate()
        self._finish_reasons: dict[int, str | None] = {}
        self._text_lengths: defaultdict[int, int] = defaultdict(int)
        self._tool_calls: defaultdict[int, ToolCalls] = defaultdict(ToolCalls)
        self._called: dict[int, str] = {}  # the finish reason of choices with calls
        self._joiners: defaultdict[int, CharacterJoiner] = defaultdict(CharacterJoiner)
        self._common: list[Any] = []
        self._restorer: ChunkRestorer | None = None

    def restore(self, restorer: Restorer) -> None:
        """Restore placeholders in all texts from now on."""
        self._restorer = ChunkRestorer(restorer)

    def decode_event(self, data: bytes) -> Chunk | None:
        """Return the chunk of one event of a stream, None if clients need not see it.

        Events after the terminal event are ignored, and so is invalid data once the response is complete. An error may
        be that of a choice which has not begun, so it is ignored after all expected choices. Raises as `decode` does.
        """
        if self.ended:
            return None
        try:
            return self.decode(data)
        except UpstreamError as error:
            has_all = isinstance(error, UpstreamInvalidResponse) or len(self._finish_reasons) >= self._expected_choices
            if not (self.is_complete and has_all):
                raise
            return None

    def decode(self, data: bytes, *, complete: bool = False) -> Chunk | None:
        """Return the chunk of one event, or of a `complete` response; None if clients need not see it.

        Raises the error that the event carries, or UpstreamInvalidResponse if it cannot be decoded.
        """
        text = data.strip()
        if text == DONE or not text:
            self.ended = self.ended or bool(text)
            return None
        try:
            parsed, exact = parse_json(data)
        except ValueError:
            raise UpstreamInvalidResponse from None
        payload = normalize_payload(parsed)
        if payload is None:
            return None
        self.ended = self.ended or complete
        changed = self._take_usage(payload) or not exact
        # an empty one, which OpenAI's SDKs would raise
        changed |= payload.pop("error", None) is not None
        if changed and not payload["choices"]:
            return None
        changed |= self._decode_choices(payload, exact=exact, complete=complete)
        payload = payload if exact else replace_halves(payload)
        changed |= self._set_common_fields(payload)
        # data of several lines would need `data:` before each line
        return Chunk(payload, None if changed or b"\n" in data else data)

    @property
    def is_complete(self) -> bool:
        """Whether the response has ended: with a terminal event, or with a finish reason for every choice."""
        return bool(self._finish_reasons) and (self.ended or all(self._finish_reasons.values()))

    def require_complete(self) -> None:
        """Raise UpstreamInvalidResponse if the response broke off."""
        if not self.is_complete:
            raise UpstreamInvalidResponse

    @property
    def finish_reason(self) -> str:
        """Why the first choice ended."""
        return self._finish_reasons.get(0) or self._default_finish_reason(0)

    def missing_finish_chunks(self) -> Iterator[Chunk]:
        """Yield a last chunk for each choice without a finish reason."""
        for index, reason in self._finish_reasons.items():
            if reason is None:
                delta: dict[str, Any] = {}
                if index in self._joiners:
                    self._joiners[index].release(delta)
                if self._restorer:
                    self._restorer.restore(index, delta, is_finished=True)
                part = (
                    {"delta": delta} if self._kind is CHAT else {"text": delta.get("content") or delta.get("text", "")}
                )
                yield self.make_chunk([{"index": index, **part, "finish_reason": self._default_finish_reason(index)}])

    def make_chunk(self, choices: list[dict[str, Any]], **fields: Any) -> Chunk:
        """Return a chunk that the upstream did not send, with the common fields of the others."""
        payload = {"choices": choices, **fields}
        self._set_common_fields(payload)
        return Chunk(payload)

    def release_prompt(self) -> None:
        """Replace a long prompt by its estimated tokens, so that it is not held while the rest of a stream arrives."""
        if len(self._prompt) > MAX_HELD_PROMPT_CHARS:
            self._prompt_tokens = self._count_prompt()
            self._prompt = ""

    def _count_prompt(self) -> int:
        return estimated_tokens(self._prompt) if self._prompt_tokens is None else self._prompt_tokens

    @property
    def usage(self) -> Usage:
        """The last counts that the upstream sent, or an estimate."""
        return resolve_usage(self.counts, self._headers, self._count_prompt, self._generated)

    @property
    def openai_usage(self) -> dict[str, Any]:
        """The usage in OpenAI's form, with the upstream's other counts."""
        return openai_usage(self.counts, self.usage)

    def _default_finish_reason(self, index: int) -> str:
        return self._called.get(index, "stop")

    def _take_usage(self, payload: dict[str, Any]) -> bool:
        """Store the counts of a payload and remove OpenAI's field; return whether it was there."""
        if usage := extract_usage(payload):
            known = {name: count for name, count in self.counts.items() if usage.get(name) is None}
            self.counts = {**usage, **known}
        return bool(payload.get("usage")) and payload.pop("usage") is not None

    def _decode_choices(self, payload: dict[str, Any], *, exact: bool, complete: bool) -> bool:
        """Number the choices and bring each into OpenAI's form; return whether one changed."""
        changed = number_choices(payload, complete=complete)
        for choice in payload["choices"]:
            changed |= self._decode_choice(choice, exact=exact, complete=complete)
        return changed

    def _decode_choice(self, choice: dict[str, Any], *, exact: bool, complete: bool) -> bool:
        """Bring a choice into OpenAI's form; return whether it changed."""
        part, changed = normalize_choice(choice)
        if self._kind is CHAT and part is not choice.get("delta"):
            part = choice["delta"] = choice.pop("message", None) or {"content": choice.pop("text", "")}
            changed = True
        index, reason = choice["index"], choice.get("finish_reason")
        if reason is not None or index not in self._finish_reasons:
            self._finish_reasons[index] = reason
        changed |= self._decode_calls(index, part, complete=complete)
        if not exact or self._joiners.get(index):
            changed = True
            self._join_characters(index, part, hold=not complete)
        for name in _GENERATED_FIELDS:
            if isinstance(text := part.get(name), str):
                self._generated.add(text)
        if self._restorer:
            changed |= self._restorer.restore(index, part, is_finished=self._finish_reasons[index] is not None)
            changed |= choice.get("logprobs") is not None
            choice["logprobs"] = None
        return (self._kind is TEXT and self._convert_to_text(choice, part)) or changed

    def _decode_calls(self, index: int, part: dict[str, Any], *, complete: bool) -> bool:
        """Bring the calls of tools or functions into OpenAI's form; return whether a part changed."""
        changed = False
        if part.get("function_call"):
            changed = normalize_function_call(part)
            self._called[index] = "function_call"
        if part.get("tool_calls"):
            changed = True
            self._tool_calls[index].normalize(part, complete=complete)
            self._called[index] = "tool_calls"
        return changed

    def _join_characters(self, index: int, part: dict[str, Any], *, hold: bool) -> None:
        is_finished = self._finish_reasons[index] is not None
        self._joiners[index].join(part, hold=hold and not is_finished)
        if is_finished:
            self._joiners[index].release(part)

    def _convert_to_text(self, choice: dict[str, Any], part: dict[str, Any]) -> bool:
        """Convert a choice to the form of completions; return whether it changed."""
        logprobs, index = choice.get("logprobs"), choice["index"]
        text = choice.get("text") or part.get("content") or ""
        offset = self._text_lengths[index]
        self._text_lengths[index] += len(text)
        if part is choice and "text" in choice and logprobs is None:
            return False
        choice["text"] = text
        choice["logprobs"] = as_completions(logprobs, offset)
        choice.pop("delta", None)
        choice.pop("message", None)
        return True

    def _set_common_fields(self, payload: dict[str, Any]) -> bool:
        """Give a chunk the common fields of the first one; return whether it changed."""
        fields = [payload.get(name) for name in _COMMON_FIELDS]
        if self._takes_upstream_name and (name := upstream_name(fields[-1])):
            self.model, self._takes_upstream_name = name, False
        if not self._common:
            self._common = first_common_fields(self._kind, fields[0], fields[1], self.model)
        self._common[-1] = self.model  # some upstreams leave it out of their first chunk
        if fields == self._common:
            return False
        payload.update(zip(_COMMON_FIELDS, self._common, strict=True))
        return True


# makes the decoder of a response from its headers
MakeDecoder = Callable[[Mapping[str, str]], ChunkDecoder]
