"""Reads what the engine says of its model, in llama.cpp's `/props`."""

from typing import Any

from app.backends.responses.normalize import decode_json, require_success
from app.backends.upstream_response import UpstreamResponse
from app.errors import UpstreamInvalidResponse


def supports_tools(response: UpstreamResponse) -> bool:
    """Return whether the chat template of the model renders tools."""
    capabilities = _properties(response).get("chat_template_caps")
    return isinstance(capabilities, dict) and bool(capabilities.get("supports_tools"))


def context_tokens(response: UpstreamResponse) -> int:
    """Return how many tokens a request may have, with its response."""
    try:
        return int(_properties(response)["default_generation_settings"]["n_ctx"])
    except (KeyError, TypeError, ValueError):
        raise UpstreamInvalidResponse from None


def _properties(response: UpstreamResponse) -> dict[str, Any]:
    require_success(response)
    properties = decode_json(response)
    return properties if isinstance(properties, dict) else {}
