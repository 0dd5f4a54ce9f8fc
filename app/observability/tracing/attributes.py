"""The attributes of spans, by OpenTelemetry's conventions for HTTP and GenAI.

No attribute holds a text: prompts, responses, and values that a client or an upstream can choose freely are left out.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from app.backends.base import UpstreamRequest
from app.config.model_ref import is_model_name
from app.errors import ClientDisconnected, InternalError, ServiceError

if TYPE_CHECKING:
    from app.context.call_context import CallContext

Attributes = dict[str, Any]

METHOD = "http.request.method"
ROUTE = "http.route"
STATUS = "http.response.status_code"
RESEND_COUNT = "http.request.resend_count"
ERROR_TYPE = "error.type"
OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
REQUEST_MODEL = "gen_ai.request.model"
REQUEST_ID = "ai_huggingface.request_id"
CLIENT = "ai_huggingface.client"

CANCELLED = "cancelled"
# a span that ends with one of these errors has no error status
NOT_FAILURES = (ClientDisconnected.type, CANCELLED)

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
# the types of an attribute, and those that JSON may have for it
_JSON_TYPES: Mapping[type, tuple[type, ...]] = {int: (int,), float: (int, float), bool: (bool,)}


def error_type(error: BaseException) -> str:
    """Return the type of an error as responses and metrics name it, or `cancelled` for a greenlet that was stopped."""
    if isinstance(error, ServiceError):
        return error.type
    return InternalError.type if isinstance(error, Exception) else CANCELLED


def request_attributes(environ: Mapping[str, Any], route: str) -> Attributes:
    """Return the attributes of a client's request from its WSGI environ, without the query."""
    return _without_none(
        {
            METHOD: environ["REQUEST_METHOD"],
            ROUTE: route,
            # PEP 3333: the path is UTF-8 that was decoded as Latin-1
            "url.path": environ["PATH_INFO"].encode("latin-1").decode(errors="replace"),
            "url.scheme": environ["wsgi.url_scheme"],
            "client.address": environ.get("REMOTE_ADDR"),
            "network.protocol.version": environ["SERVER_PROTOCOL"].partition("/")[2],
            "user_agent.original": environ.get("HTTP_USER_AGENT"),
        }
    )


def attempt_attributes(call: UpstreamRequest[Any]) -> Attributes:
    """Return the attributes of one HTTP request to an upstream."""
    return {METHOD: "GET" if call.body is None else "POST", "url.full": call.url, **server_attributes(call)}


def server_attributes(call: UpstreamRequest[Any]) -> Attributes:
    """Return host and port of the upstream of a call."""
    url = urlsplit(call.url)
    return {"server.address": url.hostname, "server.port": url.port or {"http": 80, "https": 443}[url.scheme]}


def parameter_attributes(body: Mapping[str, Any]) -> Attributes:
    """Return the parameters of a request body, without those of a wrong type: some fields are not validated."""
    parameters = ((*_PARAMETERS[name], value) for name, value in body.items() if name in _PARAMETERS)
    return {name: kind(value) for name, kind, value in parameters if type(value) in _JSON_TYPES[kind]}


def result_attributes(context: "CallContext") -> Attributes:
    """Return the attributes of an operation's result, without estimated token counts."""
    counted = not context.usage_estimated
    finish_reasons = [reason for reason in context.finish_reasons if reason in _FINISH_REASONS]
    return _without_none(
        {
            PROVIDER: context.backend,
            "gen_ai.response.model": context.model if context.model and _may_be_recorded(context.model) else None,
            "gen_ai.response.finish_reasons": finish_reasons or None,
            "gen_ai.response.time_to_first_chunk": context.stream.first_event if context.stream else None,
            "gen_ai.usage.input_tokens": context.prompt_tokens if counted else None,
            "gen_ai.usage.output_tokens": context.completion_tokens if counted else None,
            "ai_huggingface.cache": context.cache,
            "ai_huggingface.fallback": context.fallback,
        }
    )


def _without_none(attributes: Attributes) -> Attributes:
    return {name: value for name, value in attributes.items() if value is not None}


def _may_be_recorded(model: str) -> bool:
    """Return whether the model of a response is a name; with a space it may be a text, which traces never hold."""
    return is_model_name(model) and " " not in model
