"""Text in the form of text-generation-inference (TGI), by the routes of OpenAI's API."""

from collections.abc import Mapping
from typing import Any

from app.backends.base import Backend, Plan
from app.backends.pipeline_types import GenerationRequest, PipelineResult
from app.backends.responses.tgi import finish_reason, tokens_of
from app.backends.responses.token_estimate import estimated_tokens
from app.backends.types import OpenAIRequest
from app.errors import NotSupported

# parameters that servers of OpenAI's routes take under TGI's name, as far as they know them
_SAME_NAMES = (
    "temperature",
    "top_p",
    "top_k",
    "typical_p",
    "seed",
    "repetition_penalty",
    "frequency_penalty",
)
# TGI takes the most likely token unless one of these is given
_SAMPLING = ("temperature", "top_p", "top_k", "typical_p")
_TGI_ONLY = ("truncate", "watermark", "adapter_id", "decoder_input_details")


def generate(backend: Backend, request: GenerationRequest, model: str | None) -> Plan[PipelineResult]:
    """Continue the inputs by the completions route, or with a grammar by chat completions.

    Raises NotSupported for parameters that OpenAI's API cannot express.
    """
    operation = backend.chat if "grammar" in request.parameters else backend.completions
    result = yield from operation(_openai_request(request), model)
    if request.stream:
        return result  # type: ignore[return-value]  # an UpstreamStream in place of the result
    choices = [_generated(choice, request) for choice in result.payload["choices"]]
    payload = choices[:1] if isinstance(request.inputs, str) else [[choice] for choice in choices]
    if request.parameters.get("details") and len(choices) == 1 and result.usage.completion_tokens is not None:
        choices[0]["details"]["generated_tokens"] = result.usage.completion_tokens
    reason = result.finish_reasons[0] if choices else None
    return PipelineResult(payload, reason, model=result.model, usage=result.usage)


def is_deterministic(parameters: Mapping[str, Any]) -> bool:
    """Return whether equal requests get the same text: without sampling, or with a seed."""
    return _temperature(parameters) == 0 or "seed" in parameters


def full_text(request: GenerationRequest, text: str, inputs: str) -> str:
    """Return a generated text, behind its input if the client wants both."""
    return inputs + text if request.parameters.get("return_full_text") else text


def joined_inputs(request: GenerationRequest) -> str:
    """Return all inputs as one text."""
    return request.inputs if isinstance(request.inputs, str) else "\n".join(request.inputs)


def _temperature(parameters: Mapping[str, Any]) -> float:
    """Return the temperature; TGI's is 1 if the client asks for sampling without one."""
    is_sampled = parameters.get("do_sample") or any(name in parameters for name in _SAMPLING)
    given: float = parameters.get("temperature", 1.0 if is_sampled else 0)
    return given


def _openai_request(request: GenerationRequest) -> OpenAIRequest:
    parameters = request.parameters
    if refused := [name for name in _TGI_ONLY if parameters.get(name)]:
        raise NotSupported(f"This backend does not take {', '.join(refused)}; leave out what you do not need.")
    body: dict[str, Any] = {"max_tokens": request.max_tokens, "temperature": _temperature(parameters)}
    body |= {name: parameters[name] for name in _SAME_NAMES if name in parameters}
    if stops := parameters.get("stop"):
        body["stop"] = list(stops)
    if parameters.get("best_of", 1) > 1:
        body["best_of"] = parameters["best_of"]
    optional = ["temperature"] if "temperature" not in parameters else []
    if grammar := parameters.get("grammar"):
        body |= _grammar_request(request, grammar)
    else:
        body["prompt"] = request.inputs
        top = parameters.get("top_n_tokens") or 0
        if parameters.get("details") or top:
            body["logprobs"] = max(top, 1)
            optional += [] if top else ["logprobs"]
    return OpenAIRequest(body, joined_inputs(request), request.stream, limit_added=True, may_drop=tuple(optional))


def _grammar_request(request: GenerationRequest, grammar: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of chat completions for a generation whose text has a JSON Schema."""
    if grammar["type"] == "regex":
        raise NotSupported("This backend does not take a grammar of the type regex; use the type json.")
    if not isinstance(request.inputs, str) or request.parameters.get("top_n_tokens"):
        raise NotSupported("This backend takes a grammar with one input, and without top_n_tokens.")
    schema = {"name": "grammar", "schema": grammar["value"]}
    messages = [{"role": "user", "content": request.inputs}]
    return {"messages": messages, "response_format": {"type": "json_schema", "json_schema": schema}}


def _generated(choice: Mapping[str, Any], request: GenerationRequest) -> dict[str, Any]:
    """Return one choice in TGI's form."""
    parameters, index = request.parameters, choice["index"]
    text = choice.get("text") or (choice.get("message") or {}).get("content") or ""
    inputs = request.inputs if isinstance(request.inputs, str) else request.inputs[index]
    generated: dict[str, Any] = {"generated_text": full_text(request, text, inputs)}
    if parameters.get("details"):
        tokens, tops = tokens_of(choice.get("logprobs"))
        details = {
            "finish_reason": finish_reason(choice.get("finish_reason"), has_stops=bool(parameters.get("stop"))),
            "generated_tokens": len(tokens) or estimated_tokens(text),
            "seed": parameters.get("seed"),
            "prefill": [],
            "tokens": tokens,
        }
        top = parameters.get("top_n_tokens")
        generated["details"] = {**details, "top_tokens": tops} if top else details
    return generated
