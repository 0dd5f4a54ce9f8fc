"""The common part of Ollama's routes: names of models with a tag, and requests that only load a model."""

from collections.abc import Callable
from typing import Any

from app.config.model_ref import BACKEND_NAMES
from app.operations.endpoint import OperationEndpoint, Translate
from app.operations.translated_chat import translated_chat
from app.schemas.openai_fields import Conversation
from app.translators.ollama.request import is_load
from app.translators.ollama.translators import OllamaTranslator

# Ollama's clients add it to names without a tag
TAG = ":latest"


def untag(endpoint: OperationEndpoint, body: dict[str, Any]) -> dict[str, Any]:
    """Return the body with the model's name in the service's form.

    `:latest` is removed from a name, unless the settings or the client's key know the name with it.
    """
    model = body.get("model") or ""
    bare = model.removesuffix(TAG)
    # `openai:latest` is the model `latest` of a backend
    if bare == model or bare in BACKEND_NAMES or model in endpoint.inference.executor.models.names:
        return body
    return {**body, "model": bare} if endpoint.may_use(bare) else body


def text_route(endpoint: OperationEndpoint, translator: OllamaTranslator) -> Translate:
    """Return the function that translates the requests of a route that generates text."""
    translate = translated_chat(endpoint.inference, translator)

    def translate_or_load(body: dict[str, Any]) -> tuple[dict[str, Any], Callable[..., Any]]:
        body = untag(endpoint, body)
        if not is_load(body):
            return translate(body)
        named = {"model": body["model"]} if "model" in body else {}
        # the embedded engine has its model loaded, and other backends load theirs by themselves
        return {**named, "messages": Conversation()}, lambda _context, _body: translator.load_response(body)

    return translate_or_load
