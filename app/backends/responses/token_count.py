"""The tokens of a conversation before it is sent: those that a backend counts, or an estimate."""

from typing import Any

import orjson

from app.backends.responses.normalize import decode_json, require_success
from app.backends.responses.token_estimate import estimated_tokens
from app.backends.types import OpenAIRequest, TokenCount, Usage
from app.backends.upstream_response import UpstreamResponse
from app.errors import UpstreamInvalidResponse

# role and separators of a message in the templates of models
_MESSAGE_TOKENS = 4
# an image of about one megapixel: https://docs.claude.com/en/docs/build-with-claude/vision
_IMAGE_TOKENS = 1600


def token_count(tokens: int, model: str | None) -> TokenCount:
    """Return the count, which used no tokens itself."""
    return TokenCount(tokens, usage=Usage(0, None), model=model or "")


def estimated_tokens_of_chat(request: OpenAIRequest) -> int:
    """Return the estimated tokens of a chat request: its texts, calls, images and tools."""
    messages = request.body["messages"]
    described = [request.body.get("tools"), *(message.get("tool_calls") for message in messages)]
    texts = [request.prompt, *(orjson.dumps(value).decode() for value in described if value)]
    images = sum(_images(message.get("content")) for message in messages)
    return sum(map(estimated_tokens, texts)) + _MESSAGE_TOKENS * len(messages) + _IMAGE_TOKENS * images


def parse_input_tokens(response: UpstreamResponse) -> int:
    """Return the count of llama.cpp's route for it; raise UpstreamInvalidResponse if there is none."""
    require_success(response)
    payload = decode_json(response)
    tokens = payload.get("input_tokens") if isinstance(payload, dict) else None
    if type(tokens) is not int:
        raise UpstreamInvalidResponse
    return tokens


def _images(content: Any) -> int:
    parts = content if isinstance(content, list) else ()
    return sum(part["type"] == "image_url" for part in parts)
