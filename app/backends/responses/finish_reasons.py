"""Finish reasons in OpenAI's spelling."""

from typing import Any

# spellings of text-generation-inference, Anthropic, Cohere, Gemini, Mistral and older routers
_SPELLINGS = {
    "eos": "stop",
    "eos_token": "stop",
    "stop_sequence": "stop",
    "complete": "stop",
    "end_turn": "stop",
    "max_tokens": "length",
    "model_length": "length",
    "error_limit": "length",
    "tool_call": "tool_calls",
    "tool_use": "tool_calls",
    "safety": "content_filter",
    "recitation": "content_filter",
    "blocklist": "content_filter",
    "prohibited_content": "content_filter",
    "spii": "content_filter",
    "refusal": "content_filter",
    "error_toxic": "content_filter",
}


def normalize_finish_reason(reason: Any) -> str | None:
    """Return a finish reason in OpenAI's spelling, None if it is empty.

    Reasons of OpenAI stay what they are, and so do those that nobody has heard of.
    """
    if not isinstance(reason, str) or not reason:
        return None
    name = reason.lower()
    return _SPELLINGS.get(name, name)
