"""The service's own routes, and OpenAI's chat completions, completions and Responses."""

from collections.abc import Callable
from typing import Any

from openai.types import Completion
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter
from support.surfaces.dialect import Answer, Dialect, Event, Json, sse_events

DONE = "[DONE]"
_RESPONSES_EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)


class Native(Dialect):
    """The service's own routes."""

    def text(self, body: Any) -> str:
        return str(body["choices"][0]["text"])

    def error(self, body: Any) -> str:
        assert set(body) - {"debug"} == {"code", "message", "type", "details", "request_id"}
        return str(body["type"])

    def stream(self, body: bytes) -> Answer:
        return _read_choices(sse_events(body), self.error)


class OpenAI(Dialect):
    """OpenAI's chat completions and completions; the errors of all its routes."""

    def check(self, body: Any) -> None:
        kind = ChatCompletion if body["object"] == "chat.completion" else Completion
        kind.model_validate(body)

    def text(self, body: Any) -> str:
        choice = body["choices"][0]
        return str(choice["message"]["content"] or "" if "message" in choice else choice["text"])

    def error(self, body: Any) -> str:
        assert set(body) - {"debug"} == {"error"}
        assert set(body["error"]) == {"message", "type", "param", "code"}
        return str(body["error"]["code"])

    def stream(self, body: bytes) -> Answer:
        events = sse_events(body)
        for event in events:
            if event.data != DONE and "error" not in event.json:
                _check_chunk(event.json)
        return _read_choices(events, self.error)


def _check_chunk(chunk: Json) -> None:
    if chunk["object"] == "chat.completion.chunk":
        # logprobs are passed on as they are; a recorded server leaves some out
        choices = [{**choice, "logprobs": None} for choice in chunk["choices"]]
        ChatCompletionChunk.model_validate({**chunk, "choices": choices})
    else:  # the type is that of complete responses, which have a finish reason
        choices = [{**choice, "finish_reason": choice["finish_reason"] or "stop"} for choice in chunk["choices"]]
        Completion.model_validate({**chunk, "choices": choices})


def _read_choices(events: list[Event], error: Callable[[Any], str]) -> Answer:
    answer = Answer()
    for event in events:
        assert not answer.ended, event
        if event.data == DONE:
            answer.complete = True
        elif "choices" in event.json:
            for choice in event.json["choices"]:
                answer.text += choice.get("delta", choice).get("content") or choice.get("text") or ""
        else:
            answer.error = error(event.json)
    return answer


class Responses(OpenAI):
    """OpenAI's Responses."""

    def check(self, body: Any) -> None:
        response = Response.model_validate(body)
        assert response.status in ("completed", "incomplete")

    def text(self, body: Any) -> str:
        return Response.model_validate(body).output_text

    def stream(self, body: bytes) -> Answer:
        answer, deltas = Answer(), ""
        for number, event in enumerate(sse_events(body)):
            # some clients know `response.failed`, and others the `error` after it
            assert not answer.ended or (answer.error and event.name == "error"), event
            found = event.json
            _RESPONSES_EVENT.validate_python(found)
            assert (event.name, found["sequence_number"]) == (found["type"], number)
            assert (number == 0) == (event.name == "response.created")
            if event.name == "response.output_text.delta":
                deltas += found["delta"]
            elif event.name in ("response.completed", "response.incomplete"):
                answer.complete = True
                self.check(found["response"])
                assert self.text(found["response"]) == deltas
            elif event.name == "error":
                answer.error = found["code"]
            elif event.name == "response.failed":
                Response.model_validate(found["response"])
                assert found["response"]["status"] == "failed"
                answer.error = found["response"]["error"]["code"]
        answer.text = deltas
        return answer
