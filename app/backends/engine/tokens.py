"""The tokens of texts and conversations, as llama.cpp reads them in completions and chats."""

from collections.abc import Mapping
from typing import Any

from app.backends.base import Plan
from app.backends.engine.scoring import Call
from app.backends.responses.tokens import ServerTokens, parse_text, parse_tokens
from app.backends.tokenization import TokenizeRequest, Tokens

# routes of llama.cpp beside those of OpenAI's API
ROOT_ROUTES = ("tokenize", "detokenize", "apply-template")


def tokens(request: TokenizeRequest, conversation: Mapping[str, Any] | None, call: Call) -> Plan[list[Tokens]]:
    """Return the tokens of the conversation, if there is one, and of each text.

    Control tokens count as such only where the model's template writes them.
    """
    found = []
    if conversation is not None:
        prompt = yield call("apply-template", parse_text, dict(conversation))
        body = {"content": prompt, "add_special": True, "parse_special": True}
        found.append((yield from _tokens(body, request, call)))
    for text in request.texts:
        body = {"content": text, "add_special": request.add_special_tokens, "parse_special": False}
        found.append((yield from _tokens(body, request, call)))
    return found


def _tokens(body: dict[str, Any], request: TokenizeRequest, call: Call) -> Plan[Tokens]:
    found: ServerTokens = yield call("tokenize", parse_tokens, {**body, "with_pieces": request.with_pieces})
    return found.tokens
