"""Ollama's chat and generate, which stream lines of JSON."""

import json
from typing import Any

from ollama import ChatResponse, EmbedResponse, GenerateResponse
from support.surfaces.dialect import Answer, Dialect


class Ollama(Dialect):
    """Ollama's routes. Their errors have a message only, so the word for each is `error`."""

    mimetype = "application/x-ndjson"
    heartbeat = b" {"

    def check(self, body: Any) -> None:
        _response(body)
        assert body["done"] is True
        assert body["done_reason"]

    def text(self, body: Any) -> str:
        found = _response(body)
        return (found.message.content if isinstance(found, ChatResponse) else found.response) or ""

    def error(self, body: Any) -> str:
        assert set(body) - {"debug"} == {"error"}
        assert isinstance(body["error"], str)
        return "error"

    def word(self, kind: str) -> str:
        return "error"

    def stream(self, body: bytes) -> Answer:
        assert body.endswith(b"\n")
        answer = Answer()
        for line in filter(None, body.split(b"\n")):
            assert not answer.ended, line
            found = json.loads(line)
            if "error" in found:
                answer.error = self.error(found)
            else:
                answer.text += self.text(found)
                answer.complete = found["done"]
                if answer.complete:
                    self.check(found)
        return answer


def _response(body: Any) -> ChatResponse | GenerateResponse:
    return (ChatResponse if "message" in body else GenerateResponse).model_validate(body)


class OllamaEmbed(Ollama):
    """Ollama's embeddings."""

    def check(self, body: Any) -> None:
        EmbedResponse.model_validate(body)

    def text(self, body: Any) -> str:
        return str(EmbedResponse.model_validate(body).embeddings)
