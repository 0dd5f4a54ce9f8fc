"""Requests of Hugging Face's task calls, checked for their task and turned into those of the backends."""

from collections.abc import Mapping
from typing import Any

from app.backends.pipeline_types import GenerationRequest, PipelineRequest
from app.config import hf_tasks as tasks
from app.errors import ValidationError
from app.schemas.fields import MAX_TOKENS
from app.schemas.huggingface import nested_texts
from app.schemas.summarize import DEFAULT_MAX_LENGTH

_NOT_PASSED_ON = ("model", "task", "stream", "options", "max_new_tokens", "max_length")


def require_inputs(task: str | None, body: Mapping[str, Any]) -> None:
    """Raise ValidationError if the inputs, or the parameters that a task needs, are not in its form."""
    if check := _CHECKS.get(task or ""):
        inputs = body["inputs"]
        items = inputs if isinstance(inputs, list) else [inputs]
        if problem := next(filter(None, map(check, items)), None):
            raise ValidationError(details={"inputs": [problem]})
    if task == tasks.ZERO_SHOT_CLASSIFICATION:
        _require_labels((body.get("parameters") or {}).get("candidate_labels"))


def generation_request(body: Mapping[str, Any], parameters: Mapping[str, Any]) -> GenerationRequest:
    """Return a request for text. `body` has its `max_new_tokens`; raise ValidationError for conflicting parameters."""
    inputs, stream = body["inputs"], bool(body.get("stream"))
    problem = None
    if parameters.get("best_of", 1) > 1 and stream:
        problem = ("best_of", "A stream has one text; leave best_of out.")
    elif parameters.get("decoder_input_details") and stream:
        problem = ("decoder_input_details", "A stream does not have the tokens of the input.")
    elif stream and isinstance(inputs, list):
        problem = ("inputs", "A stream has one input.")
    if problem:
        raise ValidationError(details={problem[0]: [problem[1]]})
    others = {name: value for name, value in parameters.items() if name != "max_new_tokens"}
    limit_added = "max_new_tokens" not in parameters
    return GenerationRequest(inputs, others, body["max_new_tokens"], stream, limit_added)


def pipeline_request(
    task: str | None, body: Mapping[str, Any], generation: GenerationRequest | None
) -> PipelineRequest:
    """Return a request for a pipeline."""
    text = "\n".join(nested_texts(body["inputs"]))
    passed_on = {name: value for name, value in body.items() if name not in _NOT_PASSED_ON}
    return PipelineRequest(task, passed_on, text, generation, summary_lengths(body))


def summary_lengths(body: Mapping[str, Any]) -> tuple[int, int]:
    """Return the maximum and the minimum of a summary in tokens; raise ValidationError for invalid ones."""
    parameters = body.get("parameters") or {}
    inner = [parameters.get(name) for name in ("generate_parameters", "generation_parameters", "generate_kwargs")]
    given = {
        key: value for options in (*inner, parameters) if isinstance(options, dict) for key, value in options.items()
    }
    maximum = given.get("max_length") or given.get("max_new_tokens") or body.get("max_length") or DEFAULT_MAX_LENGTH
    minimum = given.get("min_length") or given.get("min_new_tokens") or 0
    for name, value in (("max_length", maximum), ("min_length", minimum)):
        if type(value) is not int or not 0 <= value <= MAX_TOKENS:
            raise ValidationError(details={name: [f"This must be an integer from 0 to {MAX_TOKENS}."]})
    if minimum > maximum:
        raise ValidationError(details={"min_length": ["min_length must not exceed max_length."]})
    return maximum, minimum


def _require_labels(labels: Any) -> None:
    if isinstance(labels, str) and labels.strip():
        return
    if not isinstance(labels, list) or not labels or not all(isinstance(item, str) and item for item in labels):
        raise ValidationError(details={"parameters.candidate_labels": ["This must be a list of at least one label."]})


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, str) and item.strip() for item in value)


def _text_problem(item: Any) -> str | None:
    return None if isinstance(item, str) else "This must be a text, or a list of texts."


def _pair_problem(item: Any) -> str | None:
    is_pair = isinstance(item, dict) and isinstance(item.get("text"), str)
    is_pair = is_pair or (isinstance(item, list) and _is_texts(item))
    return None if isinstance(item, str) or is_pair else "This must be a text, a pair of texts, or a list of these."


def _question_problem(item: Any) -> str | None:
    names = ("question", "context")
    has_both = isinstance(item, dict) and all(isinstance(item.get(name), str) and item[name].strip() for name in names)
    return None if has_both else "This must be an object with a question and a context, each a text."


def _similarity_problem(item: Any) -> str | None:
    if isinstance(item, dict) and isinstance(item.get("source_sentence"), str) and _is_texts(item.get("sentences")):
        return None
    return "This must be an object with a source_sentence and a list of sentences."


def _table_problem(item: Any) -> str | None:
    if isinstance(item, dict) and isinstance(item.get("table"), dict | list):
        query = item.get("query", item.get("question"))
        if isinstance(query, str) and query.strip():
            return None
    return "This must be an object with a table and a query."


_CHECKS = {
    **dict.fromkeys(
        (
            tasks.TEXT_GENERATION,
            tasks.SUMMARIZATION,
            tasks.TRANSLATION,
            tasks.FEATURE_EXTRACTION,
            tasks.ZERO_SHOT_CLASSIFICATION,
            tasks.TOKEN_CLASSIFICATION,
            tasks.FILL_MASK,
        ),
        _text_problem,
    ),
    tasks.TEXT_CLASSIFICATION: _pair_problem,
    tasks.QUESTION_ANSWERING: _question_problem,
    tasks.SENTENCE_SIMILARITY: _similarity_problem,
    tasks.TABLE_QUESTION_ANSWERING: _table_problem,
}
