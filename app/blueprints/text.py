"""What generate and complete share: the same request, the same answer."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from app.backends.base import Generation, TextRequest
from app.blueprints.scope import Operation
from app.config import Config
from app.context import RequestContext
from app.errors import NotSupported
from app.schemas.text import TextResponseSchema

_RESPONSE = TextResponseSchema()


def text_operation(
    config: Config, generation: Callable[[RequestContext, TextRequest, str | None], Generation]
) -> Operation:
    """Make an operation that takes a prompt and gives text."""

    def answer(context: RequestContext, body: dict[str, Any]) -> dict[str, Any]:
        if body.pop("stream", False):
            raise NotSupported("This route does not stream yet; send the request without stream.")
        started = time.perf_counter()
        model = body.pop("model", None)
        result = generation(context, _request(body, config), model)
        return _dumped(result, time.perf_counter() - started)

    return answer


def _request(body: dict[str, Any], config: Config) -> TextRequest:
    defaults = {"max_tokens": config.huggingface_max_tokens, "temperature": config.huggingface_temperature}
    return TextRequest(**{**defaults, **body})


def _dumped(result: Generation, seconds: float) -> dict[str, Any]:
    usage = {name: getattr(result.usage, name) for name in ("prompt_tokens", "completion_tokens", "total_tokens")}
    answer: dict[str, Any] = _RESPONSE.dump(
        {
            "id": f"gen-{uuid4().hex}",
            "model": result.model,
            "choices": [{"index": 0, "text": result.text, "finish_reason": result.finish_reason}],
            "usage": {**usage, **({"estimated": True} if result.usage.estimated else {})},
            "generated_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "processing_ms": round(seconds * 1000, 1),
        }
    )
    return answer
