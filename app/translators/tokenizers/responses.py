"""Writes tokens in the shapes of vLLM, TGI, TEI and llama.cpp."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.backends.tokenization import Tokenization, Tokens

# how the vocabularies of GPT-2 and SentencePiece spell a space
_SPACES = {"\u0120": " ", "\u2581": " ", "\u010a": "\n"}


def tokenize_response(body: Mapping[str, Any], result: Tokenization) -> Any:
    """Return the response to a validated body, in the shape of the server that has its kind of input."""
    [first, *_] = result.texts
    if "prompt" in body or "messages" in body:
        return _vllm(result, first, wants_pieces=bool(body.get("return_token_strs")))
    if "inputs" not in body:
        return {"tokens": _llama_cpp(first) if body.get("with_pieces") else first.ids}
    if isinstance(body["inputs"], str) and "add_special_tokens" not in body:
        return _simple_tokens(body["inputs"], first)
    texts = body["inputs"] if isinstance(body["inputs"], list) else [body["inputs"]]
    return [
        [{**token, "special": token["start"] == token["stop"]} for token in _simple_tokens(text, tokens)]
        for text, tokens in zip(texts, result.texts, strict=True)
    ]


def _vllm(result: Tokenization, tokens: Tokens, *, wants_pieces: bool) -> dict[str, Any]:
    pieces = [piece.decode(errors="replace") for piece in tokens.pieces or ()] if wants_pieces else None
    head = {"count": len(tokens.ids), "max_model_len": result.max_model_len, "tokens": tokens.ids}
    return {**head, "token_strs": pieces}


def _llama_cpp(tokens: Tokens) -> list[dict[str, Any]]:
    pieces = tokens.pieces or [b""] * len(tokens.ids)
    return [{"id": token, "piece": _text_or_bytes(piece)} for token, piece in zip(tokens.ids, pieces, strict=True)]


def _text_or_bytes(piece: bytes) -> Any:
    try:
        return piece.decode()
    except UnicodeDecodeError:
        return list(piece)


def _simple_tokens(text: str, tokens: Tokens) -> list[dict[str, Any]]:
    """Return the tokens with their place in the text, in characters; one that the text does not have is empty there."""
    data, at, found = text.encode(), 0, []
    for token, piece in zip(tokens.ids, _plain(tokens), strict=True):
        # a tokenizer may put a space before the first word
        part = piece if data.startswith(piece, at) else piece.lstrip(b" ")
        start, at = at, at + len(part) if data.startswith(part, at) else at
        spelt = piece if start == at else part
        places = {"start": _characters(data[:start]), "stop": _characters(data[:at])}
        found.append({"id": token, "text": spelt.decode(errors="replace"), **places})
    return found


def _plain(tokens: Tokens) -> Sequence[bytes]:
    """Return the pieces with plain spaces."""
    if tokens.pieces is None:
        return [b""] * len(tokens.ids)
    plain = list(tokens.pieces)
    for mark, space in _SPACES.items():
        plain = [piece.replace(mark.encode(), space.encode()) for piece in plain]
    return plain


def _characters(data: bytes) -> int:
    """Return the number of complete characters."""
    return len(data.decode(errors="ignore"))
