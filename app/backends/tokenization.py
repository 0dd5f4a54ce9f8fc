"""Requests and results of tokenizers, as backends take and return them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.backends.types import Result, Usage

# tokenizers run no model, so they use nothing of a quota
_NO_TOKENS = Usage(0, None)


@dataclass(frozen=True)
class TokenizeRequest:
    """Texts to turn into tokens, or else a conversation.

    `conversation` has the fields of a chat completion that its template reads: `messages`, `tools`,
    `chat_template_kwargs`; and `add_generation_prompt` (default true) and `continue_final_message` as in vLLM's API.
    `add_special_tokens` is about texts, since templates write their own. `with_pieces` asks for the text of each token.
    """

    texts: tuple[str, ...] = ()
    conversation: Mapping[str, Any] | None = None
    add_special_tokens: bool = True
    with_pieces: bool = False


@dataclass(frozen=True)
class Tokens:
    """The tokens of one text.

    `pieces` are their texts as the server spells them, in UTF-8; None if unknown. A piece may be a part of a character.
    """

    ids: Sequence[int]
    pieces: Sequence[bytes] | None = None


@dataclass(frozen=True)
class Tokenization(Result):
    """The tokens of each text, or of the conversation; `max_model_len` is the context in tokens, None if unknown."""

    texts: tuple[Tokens, ...]
    max_model_len: int | None = None


@dataclass(frozen=True)
class Detokenization(Result):
    """The text of tokens."""

    text: str


def tokenization(texts: Sequence[Tokens], max_model_len: int | None, model: str | None) -> Tokenization:
    """Return the result of a tokenizer's calls."""
    return Tokenization(texts=tuple(texts), max_model_len=max_model_len, model=model or "", usage=_NO_TOKENS)


def detokenization(text: str, model: str | None) -> Detokenization:
    """Return the result of a call for the text of tokens."""
    return Detokenization(text=text, model=model or "", usage=_NO_TOKENS)
