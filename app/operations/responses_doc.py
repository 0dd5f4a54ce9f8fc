"""The documentation of POST /v1/responses."""

from typing import Any

import orjson

from app.openapi.route_doc import EVENTS, JSON, STREAM, Example, RouteDoc, RouteResponse
from app.schemas.responses_api import ResponsesResponseSchema

_INCOMPLETE = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
_PLACE = {"item_id": "msg_0ab50f9be48795f8920ae18a30d525d7", "output_index": 0, "content_index": 0}


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}


def _message(status: str, *content: dict[str, Any]) -> dict[str, Any]:
    own = {"id": _PLACE["item_id"], "type": "message", "role": "assistant"}
    return {**own, "content": list(content), "status": status}


def _usage(input_tokens: int, output_tokens: int) -> dict[str, Any]:
    return {
        "input_tokens": input_tokens,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": output_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": input_tokens + output_tokens,
    }


def _response(limit: int, **fields: Any) -> dict[str, Any]:
    return {
        "id": "resp_123c00e6ced52797a72a42468887b57f",
        "object": "response",
        "created_at": 1795847557,
        "status": "in_progress",
        "background": False,
        "completed_at": None,
        "error": None,
        "incomplete_details": None,
        "model": "SmolLM2-135M-Instruct",
        "output": [],
        "previous_response_id": None,
        "store": False,
        "usage": None,
        "instructions": None,
        "max_output_tokens": limit,
        "max_tool_calls": None,
        "metadata": {},
        "parallel_tool_calls": True,
        "prompt_cache_key": None,
        "safety_identifier": None,
        "service_tier": None,
        "temperature": 0.0,
        "tool_choice": "auto",
        "top_logprobs": 0,
        "top_p": None,
        "truncation": "disabled",
        "user": None,
        "tools": [],
        "text": {"format": {"type": "text"}},
        "reasoning": {"effort": None, "summary": None},
        **fields,
    }


def _events(*events: tuple[str, dict[str, Any]]) -> str:
    lines = []
    for number, (kind, fields) in enumerate(events):
        data = orjson.dumps({"type": f"response.{kind}", **fields, "sequence_number": number}).decode()
        lines.append(f"event: response.{kind}\ndata: {data}\n\n")
    return "".join(lines)


_LIGHTHOUSE = "A lighthouse is a beacon that serves as a symbol of the power of light and the resilience of the"
_HELLO = _message("incomplete", _part("Hello"))

RESPONSES_DOC = RouteDoc(
    tag="OpenAI",
    summary="Respond to an input",
    description="Compatible with OpenAI's Responses API, without its state: `input` is the complete conversation, and "
    "`store` is answered with false. A backend that has the route itself gets the request as it is. Any other backend "
    "is asked for a chat completion. Unknown fields are passed through. With `stream` the response is a stream of "
    "events; one that fails ends with the events `response.failed` and `error`.",
    responses=(
        RouteResponse("The response, complete or as a stream.", {JSON: ResponsesResponseSchema, EVENTS: STREAM}),
    ),
    examples={
        "complete": Example(
            request={"input": "What is a lighthouse?", "max_output_tokens": 20, "temperature": 0},
            response=_response(
                20, **_INCOMPLETE, output=[_message("incomplete", _part(_LIGHTHOUSE))], usage=_usage(35, 20)
            ),
        ),
        "streamed": Example(
            request={"input": "Say hello.", "max_output_tokens": 1, "temperature": 0, "stream": True},
            media_type=EVENTS,
            response=_events(
                ("created", {"response": _response(1)}),
                ("in_progress", {"response": _response(1)}),
                ("output_item.added", {"output_index": 0, "item": _message("in_progress")}),
                ("content_part.added", {**_PLACE, "part": _part("")}),
                ("output_text.delta", {**_PLACE, "logprobs": [], "delta": "Hello"}),
                ("output_text.done", {**_PLACE, "text": "Hello", "logprobs": []}),
                ("content_part.done", {**_PLACE, "part": _part("Hello")}),
                ("output_item.done", {"output_index": 0, "item": _HELLO}),
                ("incomplete", {"response": _response(1, **_INCOMPLETE, output=[_HELLO], usage=_usage(33, 1))}),
            ),
        ),
    },
)
