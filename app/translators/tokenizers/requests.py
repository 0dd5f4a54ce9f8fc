"""Reads requests of tokenizers in the shapes of vLLM, TGI, TEI and llama.cpp."""

from collections.abc import Mapping
from typing import Any

from app.backends.tokenization import TokenizeRequest

_OF_CONVERSATIONS = (
    "messages",
    "tools",
    "chat_template_kwargs",
    "add_generation_prompt",
    "continue_final_message",
)


def tokenize_request(body: Mapping[str, Any]) -> TokenizeRequest:
    """Return the request of a validated body: of its `prompt`, `messages`, `inputs` or `content`, in this order."""
    add_special = body.get("add_special_tokens", True)
    if "prompt" in body:
        return TokenizeRequest((body["prompt"],), None, add_special, body.get("return_token_strs", False))
    if "messages" in body:
        conversation = {name: body[name] for name in _OF_CONVERSATIONS if name in body}
        return TokenizeRequest((), conversation, with_pieces=body.get("return_token_strs", False))
    if "inputs" in body:
        inputs = body["inputs"]
        texts = tuple(inputs) if isinstance(inputs, list) else (inputs,)
        return TokenizeRequest(texts, None, add_special, with_pieces=True)
    add_special = body.get("add_special", False)
    return TokenizeRequest((body["content"],), None, add_special, body.get("with_pieces", False))
