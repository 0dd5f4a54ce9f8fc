"""Adds what servers leave out of the Responses API, and its client libraries need. Present values stay."""

import time
from collections.abc import Mapping
from typing import Any

from app.backends.types import Usage

# the fields that a response always has; source: openai.types.responses.Response
_DEFAULTS: Mapping[str, Any] = {
    "error": None,
    "incomplete_details": None,
    "instructions": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "temperature": None,
    "tool_choice": "auto",
    "tools": [],
    "top_p": None,
}
_OUTPUT_EVENTS = (
    "response.output_",
    "response.content_part.",
    "response.refusal.",
    "response.function_call_arguments.",
    "response.custom_tool_call_input.",
    "response.reasoning_",
)


class EventForm:
    """Fills the events of one stream: their numbers, and the place of each in the output.

    `number` is that of the next event, and `response` the response in its last state.
    """

    def __init__(self) -> None:
        self.number = 0
        self.response: dict[str, Any] = {}
        self._places: dict[Any, int] = {}

    def fill(self, event: dict[str, Any]) -> bool:
        """Add the missing fields to an event; return whether there were any."""
        added = self._missing(event)
        event |= added
        self.number = event["sequence_number"] + 1
        if isinstance(response := event.get("response"), dict):
            self.response = event["response"] = {
                "object": "response",
                "created_at": self.response.get("created_at", int(time.time())),
                "output": [],
                **_DEFAULTS,
                **response,
            }
        return bool(added)

    def _missing(self, event: Mapping[str, Any]) -> dict[str, Any]:
        added: dict[str, Any] = {}
        kind = event["type"]
        if type(event.get("sequence_number")) is not int:
            added["sequence_number"] = self.number
        if kind.startswith(_OUTPUT_EVENTS) and type(event.get("output_index")) is not int:
            added["output_index"] = self._place(event)
        if kind.startswith(("response.content_part.", "response.output_text.")):
            added |= {} if "content_index" in event else {"content_index": 0}
        if kind in ("response.output_text.delta", "response.output_text.done"):
            added |= {} if "logprobs" in event else {"logprobs": []}
        part = event.get("part")
        if isinstance(part, dict) and part.get("type") == "output_text" and "annotations" not in part:
            added["part"] = {**part, "annotations": []}
        return added

    def _place(self, event: Mapping[str, Any]) -> int:
        """Return the place of an event's item: items count in the order in which they appear."""
        item = event.get("item")
        name = item.get("id") if isinstance(item, dict) else event.get("item_id")
        return self._places.setdefault(name, len(self._places))


def complete_response(response: Mapping[str, Any], status: str, usage: Usage) -> dict[str, Any]:
    """Return a response that has ended with all fields, and with the usage in the form of this API."""
    counts = response.get("usage")
    return {
        "object": "response",
        "created_at": int(time.time()),
        **_DEFAULTS,
        **response,
        "status": status,
        "usage": _usage(counts if isinstance(counts, dict) else {}, usage),
    }


def _usage(counts: Mapping[str, Any], usage: Usage) -> dict[str, Any]:
    """Return the upstream's counts with those that are missing, which are estimates or follow from the others."""
    return {
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens_details": {"reasoning_tokens": 0},
        **{name: value for name, value in counts.items() if value is not None},
        "input_tokens": usage.prompt_tokens,
        "output_tokens": usage.output_tokens or 0,
        "total_tokens": usage.total_tokens,
        **({"estimated": True} if usage.estimated else {}),
    }
