"""The names of OpenTelemetry's conventions for HTTP and generative AI, and what is told by them.

Texts never are: neither prompts nor answers, nor what else a caller or an upstream could write them into.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from flask import Request

from app.backends.base import UpstreamRequest
from app.config.model_ref import is_model_id
from app.errors import ClientDisconnected, InternalError, ServiceError

if TYPE_CHECKING:
    from app.context.call_context import CallContext

Attributes = dict[str, Any]

METHOD = "http.request.method"
STATUS = "http.response.status_code"
RESEND_COUNT = "http.request.resend_count"
ERROR_TYPE = "error.type"
OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
REQUEST_MODEL = "gen_ai.request.model"

CANCELLED = "cancelled"
# ends that are no fault of anybody
NO_FAULT = (ClientDisconnected.type, CANCELLED)

_PARAMETERS: Mapping[str, tuple[str, type]] = {
    "max_tokens": ("gen_ai.request.max_tokens", int),
    "max_completion_tokens": ("gen_ai.request.max_tokens", int),
    "temperature": ("gen_ai.request.temperature", float),
    "top_p": ("gen_ai.request.top_p", float),
    "top_k": ("gen_ai.request.top_k", float),
    "frequency_penalty": ("gen_ai.request.frequency_penalty", float),
    "presence_penalty": ("gen_ai.request.presence_penalty", float),
    "seed": ("gen_ai.request.seed", int),
    "n": ("gen_ai.request.choice.count", int),
    "stream": ("gen_ai.request.stream", bool),
}
_FINISH_REASONS = frozenset(("stop", "length", "tool_calls", "function_call", "content_filter"))
# as what JSON may give them
_GIVEN: Mapping[type, tuple[type, ...]] = {int: (int,), float: (int, float), bool: (bool,)}


def error_type(error: BaseException) -> str:
    """Return the type that callers and metrics are told; what is no Exception ends an attempt from outside."""
    if isinstance(error, ServiceError):
        return error.type
    return InternalError.type if isinstance(error, Exception) else CANCELLED


def of_request(request: Request) -> Attributes:
    """Describe a caller's request, which matched a route; its query may hold anything and is left out."""
    return _known(
        {
            METHOD: request.method,
            "http.route": str(request.url_rule),
            "url.path": request.path,
            "url.scheme": request.scheme,
            "client.address": request.remote_addr,
            "network.protocol.version": request.environ["SERVER_PROTOCOL"].partition("/")[2],
            "user_agent.original": request.headers.get("User-Agent"),
        }
    )


def of_call(call: UpstreamRequest[Any]) -> Attributes:
    """Describe a call to an upstream."""
    return {METHOD: "GET" if call.body is None else "POST", "url.full": call.url, **server(call)}


def server(call: UpstreamRequest[Any]) -> Attributes:
    """Name the upstream of a call."""
    url = urlsplit(call.url)
    return {"server.address": url.hostname, "server.port": url.port or {"http": 80, "https": 443}[url.scheme]}


def of_body(body: Mapping[str, Any]) -> Attributes:
    """Describe how a model is asked; of fields that are only passed on, what is a number as it should be."""
    found = ((*_PARAMETERS[name], value) for name, value in body.items() if name in _PARAMETERS)
    return {name: kind(value) for name, kind, value in found if type(value) in _GIVEN[kind]}


def of_answer(context: "CallContext") -> Attributes:
    """Describe who answered, with what, and how soon; counts of tokens that are only estimated are left out."""
    counted = not context.usage_estimated
    return _known(
        {
            PROVIDER: context.backend,
            "gen_ai.response.model": context.model if context.model and is_model_id(context.model) else None,
            "gen_ai.response.finish_reasons": [one for one in context.finish_reasons if one in _FINISH_REASONS] or None,
            "gen_ai.response.time_to_first_chunk": context.stream.first_event if context.stream else None,
            "gen_ai.usage.input_tokens": context.prompt_tokens if counted else None,
            "gen_ai.usage.output_tokens": context.completion_tokens if counted else None,
            "ai_huggingface.cache": context.cache,
            "ai_huggingface.fallback": context.fallback,
        }
    )


def _known(attributes: Attributes) -> Attributes:
    return {name: value for name, value in attributes.items() if value is not None}
