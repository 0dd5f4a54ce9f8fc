"""The calls of the tokenizers of OpenAI-compatible servers: vLLM, SGLang, llama.cpp, TGI and TEI.

One body has the fields of all of them, and the form of the response shows which server it is.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from app.backends.base import Plan, UpstreamRequest
from app.backends.openai_bodies import with_model
from app.backends.optional_routes import OptionalRoutes
from app.backends.responses.tokens import ServerTokens, parse_text, parse_tokens
from app.backends.tokenization import Detokenization, Tokenization, TokenizeRequest, detokenization, tokenization
from app.backends.upstream_response import UpstreamResponse
from app.errors import NotSupported, UpstreamRejected, UpstreamReport

T = TypeVar("T")

LACKING = "The server of this backend has no route of a tokenizer; vLLM, SGLang, llama.cpp, TGI and TEI have one."
NO_CONVERSATIONS = "The tokenizer of this server reads texts only; send the text as `prompt`."

# makes a call of the server's root: its route, the parser of its response, its body
Call = Callable[[str, Callable[[UpstreamResponse], Any], dict[str, Any]], UpstreamRequest[Any]]


class Tokenizer:
    """The tokenizer of one server and model."""

    def __init__(self, call: Call, routes: OptionalRoutes, model: str | None) -> None:
        self._call = call
        self._routes = routes
        self._model = model

    def tokenize(self, request: TokenizeRequest) -> Plan[Tokenization]:
        """Return the tokens of a request. Raises NotSupported if the server has no tokenizer for it."""
        found: list[ServerTokens] = []
        if request.conversation is not None:
            found.append((yield from self._conversation(request)))
        for text in request.texts:
            found.append((yield from self._require("tokenize", parse_tokens, _text_body(text, request))))
        lengths = [one.max_model_len for one in found if one.max_model_len is not None]
        return tokenization([one.tokens for one in found], next(iter(lengths), None), self._model)

    def detokenize(self, tokens: Sequence[int]) -> Plan[Detokenization]:
        """Return the text of tokens. Raises NotSupported if the server has no such route."""
        text = yield from self._ask("detokenize", parse_text, {"tokens": tokens})
        if text is None:
            text = yield from self._require("decode", parse_text, {"ids": tokens, "skip_special_tokens": False})
        return detokenization(text, self._model)

    def _conversation(self, request: TokenizeRequest) -> Plan[ServerTokens]:
        conversation = dict(request.conversation or {})
        body = {**conversation, "add_special_tokens": False, "return_token_strs": request.with_pieces}
        try:
            found: ServerTokens = yield from self._require("tokenize", parse_tokens, body)
        except UpstreamRejected as error:
            if not _asks_for_text(error):
                raise
            return (yield from self._require("chat_tokenize", parse_tokens, conversation, NO_CONVERSATIONS))
        if found.tokens.ids:
            return found
        # llama.cpp has read no text, and applies its template in another route
        prompt = yield from self._require("apply-template", parse_text, conversation, NO_CONVERSATIONS)
        body = {"content": prompt, "add_special": True, "parse_special": True, "with_pieces": request.with_pieces}
        return (yield from self._require("tokenize", parse_tokens, body))

    def _require(
        self, route: str, parse: Callable[[UpstreamResponse], T], body: dict[str, Any], lacking: str = LACKING
    ) -> Plan[T]:
        found = yield from self._ask(route, parse, body)
        if found is None:
            raise NotSupported(lacking)
        return found

    def _ask(self, route: str, parse: Callable[[UpstreamResponse], T], body: dict[str, Any]) -> Plan[T | None]:
        return self._routes.call(self._call(route, parse, with_model(self._model, body)))


def _asks_for_text(error: UpstreamRejected) -> bool:
    """Return whether a server has missed the text in a conversation: TGI and TEI in `inputs`, SGLang in `prompt`."""
    report = error.report or UpstreamReport(error.status)
    return "missing field `inputs`" in report.reason or "body.prompt" in report.refused_fields


def _text_body(text: str, request: TokenizeRequest) -> dict[str, Any]:
    """Return the fields of vLLM and SGLang (`prompt`), of llama.cpp (`content`), and of TGI and TEI (`inputs`)."""
    return {
        **dict.fromkeys(("prompt", "content", "inputs"), text),
        **dict.fromkeys(("add_special_tokens", "add_special"), request.add_special_tokens),
        **dict.fromkeys(("return_token_strs", "with_pieces"), request.with_pieces),
    }
