"""Hugging Face's task calls, and the routes of its servers for texts and embeddings."""

from typing import Any

from huggingface_hub import TextGenerationOutput, TextGenerationStreamOutput
from support.surfaces.dialect import Answer, Dialect, sse_events

# huggingface_hub has an exception for each of these words
_OVERLOADED = ("circuit_open", "overloaded", "draining", "model_loading", "rate_limit_exceeded")
_WORDS = {
    **dict.fromkeys((*_OVERLOADED, "upstream_quota_exhausted", "upstream_rate_limited"), "overloaded"),
    **dict.fromkeys(("upstream_invalid_response", "upstream_timeout"), "incomplete_generation"),
    **dict.fromkeys(("upstream_unavailable", "upstream_authentication_error"), "generation"),
    **dict.fromkeys(("model_not_found", "not_supported"), "generation"),
}


class TaskErrors(Dialect):
    """The errors of Hugging Face's servers. Responses of tasks are read as they are."""

    def text(self, body: Any) -> str:
        return str(body)

    def error(self, body: Any) -> str:
        assert set(body) - {"debug", "estimated_time"} == {"error", "error_type", "type"}
        assert isinstance(body["error"], str)
        return str(body["error_type"])

    def word(self, kind: str) -> str:
        return _WORDS.get(kind, "validation")


class TextGeneration(TaskErrors):
    """Text generation in the form of text-generation-inference."""

    def check(self, body: Any) -> None:
        assert isinstance(self.text(body), str)

    def text(self, body: Any) -> str:
        [found] = TextGenerationOutput.parse_obj_as_list(body if isinstance(body, list) else [body])
        assert isinstance(found.generated_text, str)
        return found.generated_text

    def stream(self, body: bytes) -> Answer:
        answer = Answer()
        for event in sse_events(body):
            assert not answer.ended, event
            if "error" in event.json:
                answer.error = self.error(event.json)
                continue
            found = TextGenerationStreamOutput.parse_obj_as_instance(event.json)
            assert isinstance(found.token.text, str)
            assert isinstance(found.token.id, int)
            answer.text += "" if found.token.special else found.token.text
            if found.generated_text is not None:
                assert found.details is None or found.details.finish_reason
                answer.complete = True
                assert found.generated_text == answer.text
        return answer
