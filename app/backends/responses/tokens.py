"""Parses the responses of tokenizers, each in the form of its server."""

from dataclasses import dataclass
from typing import Any

from app.backends.responses.optional_route import OtherRouteResponse, decode_optional
from app.backends.tokenization import Tokens
from app.backends.upstream_response import UpstreamResponse
from app.errors import UpstreamInvalidResponse

# the token ids and pieces of a body of MAX_BODY_BYTES
MAX_TOKENS_BYTES = 64 * 1024**2


@dataclass(frozen=True)
class ServerTokens:
    """The response of one call of a tokenizer; llama.cpp returns no token at all for a body of another dialect."""

    tokens: Tokens
    max_model_len: int | None = None


def parse_tokens(response: UpstreamResponse) -> ServerTokens:
    """Return the tokens of any server.

    vLLM and SGLang have `tokens` and `token_strs`, llama.cpp `tokens` of ids or of objects with `id` and `piece`. TGI
    has a list of objects with `id` and `text`, its chat the same in `tokenize_response`, and TEI one list for each
    text.
    """
    payload = decode_optional(response)
    head: dict[str, Any] = payload if isinstance(payload, dict) else {"tokens": payload}
    entries = head.get("tokenize_response", head.get("tokens"))
    if isinstance(entries, list) and entries and isinstance(entries[0], list):
        entries = entries[0]
    if entries is None:
        raise OtherRouteResponse
    if not isinstance(entries, list):
        raise UpstreamInvalidResponse
    length = head.get("max_model_len")
    return ServerTokens(_tokens(entries, head.get("token_strs")), length if type(length) is int else None)


def _tokens(entries: list[Any], pieces: Any) -> Tokens:
    if entries and isinstance(entries[0], dict):
        objects = [entry if isinstance(entry, dict) else {} for entry in entries]
        pieces = [entry.get("piece", entry.get("text")) for entry in objects]
        entries = [entry.get("id") for entry in objects]
    if any(type(entry) is not int for entry in entries):
        raise UpstreamInvalidResponse
    has_pieces = isinstance(pieces, list) and len(pieces) == len(entries)
    return Tokens(entries, [_piece(piece) for piece in pieces] if has_pieces else None)


def _piece(piece: Any) -> bytes:
    """Return a token's text; llama.cpp sends the bytes of a part of a character as numbers."""
    if isinstance(piece, list) and all(type(byte) is int and 0 <= byte < 256 for byte in piece):
        return bytes(piece)
    return piece.encode() if isinstance(piece, str) else b""


def parse_text(response: UpstreamResponse) -> str:
    """Return the text of tokens: vLLM's `prompt`, llama.cpp's `content`, SGLang's `text`, or TEI's list of one text."""
    payload = decode_optional(response)
    is_list = isinstance(payload, list)
    values = payload[:1] if is_list else [payload.get(name) for name in ("prompt", "content", "text")]
    text = next((value for value in values if isinstance(value, str)), None)
    if text is None:
        raise OtherRouteResponse
    return text
