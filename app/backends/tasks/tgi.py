"""Requests in the form of text-generation-inference (TGI)."""

from typing import Any

from app.backends.types import TextRequest


def tgi_parameters(request: TextRequest) -> dict[str, Any]:
    """Return the parameters in TGI's form; TGI rejects a temperature of 0 and a top_p of 1."""
    parameters: dict[str, Any] = {
        "max_new_tokens": request.max_tokens,
        "return_full_text": False,
        "details": True,
        "do_sample": request.temperature > 0,
    }
    if request.temperature > 0:
        parameters["temperature"] = request.temperature
    if request.top_p is not None and request.top_p < 1:
        parameters["top_p"] = request.top_p
    if request.stop:
        parameters["stop"] = list(request.stop)
    if request.seed is not None:
        parameters["seed"] = request.seed
    return parameters
