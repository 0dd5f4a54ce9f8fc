"""Settings of test apps, URLs of their upstreams, and responses for them."""

import json
from typing import Any

import responses

OPENAI = {
    "OPENAI_BASE_URL": "http://llm.test:8000/v1",
    "OPENAI_API_KEY": "sk-secret-of-ours",
    "OPENAI_DEFAULT_MODEL": "org/small",
    "HUGGINGFACE_RETRY_ATTEMPTS": "0",
}
HUGGINGFACE = {"HUGGINGFACE_API_KEY": "hf_secretofours", "HUGGINGFACE_RETRY_ATTEMPTS": "0"}
EMBEDDED = {"AI_BACKEND": "embedded", "EMBEDDED_PORT": "9", "ENCODER_PORT": "10", "HUGGINGFACE_RETRY_ATTEMPTS": "0"}

CHAT = "http://llm.test:8000/v1/chat/completions"
ROUTER_CHAT = "https://router.huggingface.co/v1/chat/completions"
ROUTER_MODELS = "https://router.huggingface.co/v1/models"
PIPELINE = "https://router.huggingface.co/hf-inference/models/"
HUB = "https://huggingface.co/api/models/"


def chat_response(text: str, **extra: Any) -> dict[str, Any]:
    """Return a response of a chat route."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop", **extra}
    return {"choices": [choice], "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}}


def sent(mock: responses.RequestsMock, index: int = -1) -> Any:
    """Return the JSON body of a call that the app made."""
    return json.loads(mock.calls[index].request.body)


def stream(events: list[Any]) -> str:
    """Return a complete event stream of OpenAI's form."""
    return "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"


def cache_and_attempts(response: Any) -> tuple[str, str]:
    """Return the cache status of a response, and the number of its upstream attempts."""
    return response.headers["X-AI-Cache"], response.headers["X-AI-Attempts"]
