"""Finds the task of a call that names none, from the form of its body."""

from collections.abc import Mapping
from typing import Any

from app.config import hf_tasks as tasks

# parameters that one task has alone, each set with its task; the first set with a match decides
_BY_PARAMETER: tuple[tuple[frozenset[str], str], ...] = (
    (frozenset(("candidate_labels", "hypothesis_template", "multi_label")), tasks.ZERO_SHOT_CLASSIFICATION),
    (
        frozenset(
            (
                *("max_new_tokens", "details", "decoder_input_details", "return_full_text", "best_of", "top_n_tokens"),
                *("grammar", "adapter_id", "watermark", "typical_p", "stop", "seed", "truncate", "frequency_penalty"),
            )
        ),
        tasks.TEXT_GENERATION,
    ),
    (frozenset(("src_lang", "tgt_lang")), tasks.TRANSLATION),
    (frozenset(("aggregation_strategy", "ignore_labels", "stride")), tasks.TOKEN_CLASSIFICATION),
    (frozenset(("function_to_apply",)), tasks.TEXT_CLASSIFICATION),
    (frozenset(("targets",)), tasks.FILL_MASK),
    (
        frozenset(("min_length", "max_length", "generate_parameters", "clean_up_tokenization_spaces", "truncation")),
        tasks.SUMMARIZATION,
    ),
    (frozenset(("do_sample", "temperature", "top_p", "repetition_penalty")), tasks.TEXT_GENERATION),
)
_BY_INPUTS: tuple[tuple[frozenset[str], str], ...] = (
    (frozenset(("table",)), tasks.TABLE_QUESTION_ANSWERING),
    (frozenset(("question", "context")), tasks.QUESTION_ANSWERING),
    (frozenset(("source_sentence", "sentences")), tasks.SENTENCE_SIMILARITY),
    (frozenset(("text", "text_pair")), tasks.TEXT_CLASSIFICATION),
)
# options that feature-extraction has at the root of its body
_ROOT_OPTIONS = frozenset(
    ("normalize", "prompt_name", "truncate", "truncation_direction", "dimensions", "encoding_format")
)
_MASKS = ("[MASK]", "<mask>")


def task_of_form(body: Mapping[str, Any]) -> str | None:
    """Return the task that the form of a validated body shows, None if several tasks have this form."""
    inputs, parameters = body["inputs"], body.get("parameters") or {}
    first = inputs[0] if isinstance(inputs, list) else inputs
    if isinstance(first, dict):
        return next((task for names, task in _BY_INPUTS if first.keys() >= names), None)
    given = {name for name, value in parameters.items() if value is not None}
    if found := next((task for names, task in _BY_PARAMETER if not given.isdisjoint(names)), None):
        return found
    if body.get("stream"):
        return tasks.TEXT_GENERATION
    if "parameters" not in body and not _ROOT_OPTIONS.isdisjoint(body):
        return tasks.FEATURE_EXTRACTION
    if isinstance(first, str) and any(mask in first for mask in _MASKS):
        return tasks.FILL_MASK
    return None


def task_of_client(body: Mapping[str, Any], user_agent: str) -> str | None:
    """Return the task of a body without options, as Hugging Face's libraries send it; None for other bodies.

    huggingface_hub leaves `parameters` out for feature-extraction only, and text-generation takes no list.
    """
    if "parameters" in body:
        return None
    return tasks.FEATURE_EXTRACTION if isinstance(body["inputs"], list) or "hf_hub/" in user_agent else None
