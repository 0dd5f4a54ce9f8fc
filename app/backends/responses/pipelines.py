"""Parses the responses of hf-inference pipelines."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from app.backends.responses.normalize import decode_json, require_no_error, require_success
from app.backends.responses.sentiment_labels import sentiment_scores
from app.backends.upstream_response import UpstreamResponse
from app.config import hf_tasks as tasks
from app.errors import UpstreamInvalidResponse

# a vector for each token of each text, within one more list
MAX_NESTING = 4


def decode_pipeline(response: UpstreamResponse) -> Any:
    """Return the JSON of a pipeline's response; raise the error of its status or of its payload."""
    require_success(response)
    payload = decode_json(response)
    require_no_error(payload)
    return payload


def parse_classification(response: UpstreamResponse, model: str) -> Mapping[str, float]:
    """Return the sentiment scores of a classification."""
    return sentiment_scores(parse_labels(response), model)


def parse_labels(response: UpstreamResponse) -> list[tuple[str, float]]:
    """Return the labels and scores of `[{label, score}]`, which may be nested in one more list."""
    entries = decode_pipeline(response)
    if isinstance(entries, list) and entries and isinstance(entries[0], list):
        entries = entries[0]
    return _scored_labels(entries)


def parse_label_lists(response: UpstreamResponse, count: int) -> list[list[tuple[str, float]]]:
    """Return the labels and scores of each of `count` inputs; a single input may lack the outer list."""
    lists = decode_pipeline(response)
    if count == 1 and isinstance(lists, list) and lists and not isinstance(lists[0], list):
        lists = [lists]
    if not isinstance(lists, list) or len(lists) != count:
        raise UpstreamInvalidResponse
    return [_scored_labels(entries) for entries in lists]


def parse_zero_shot(response: UpstreamResponse, labels: Sequence[str]) -> list[float]:
    """Return the score of each label, in the order of `labels`.

    Servers send `[{label, score}]`, until 2025 `{sequence, labels, scores}`, and either in one more list.
    """
    payload = decode_pipeline(response)
    if isinstance(payload, list) and len(payload) == 1 and not _is_scored_label(payload[0]):
        payload = payload[0]
    if isinstance(payload, dict):
        names, scores = payload.get("labels"), payload.get("scores")
        if not isinstance(names, list) or not isinstance(scores, list) or len(names) != len(scores):
            raise UpstreamInvalidResponse
        payload = [{"label": name, "score": score} for name, score in zip(names, scores, strict=True)]
    rated = dict(_scored_labels(payload))
    if rated.keys() != set(labels):
        raise UpstreamInvalidResponse
    return [rated[label] for label in labels]


def _scored_labels(entries: Any) -> list[tuple[str, float]]:
    if not isinstance(entries, list) or not entries or not all(map(_is_scored_label, entries)):
        raise UpstreamInvalidResponse
    return [(entry["label"], entry["score"]) for entry in entries]


def _is_scored_label(entry: Any) -> bool:
    if not isinstance(entry, dict) or not isinstance(entry.get("label"), str):
        return False
    score = entry.get("score")
    return isinstance(score, int | float) and not isinstance(score, bool) and 0 <= score <= 1


def parse_task(response: UpstreamResponse, task: str | None) -> Any:
    """Return the JSON of a task's response; raise UpstreamInvalidResponse if it is not of the task's kind.

    Some pipelines nest their results in one or two more lists. None stands for any task.
    """
    payload = decode_pipeline(response)
    if not _are_all(payload, _KINDS[task] if task else _is_result, MAX_NESTING):
        raise UpstreamInvalidResponse
    return payload


def _are_all(value: Any, is_kind: Callable[[Any], bool], depth: int) -> bool:
    """Return whether a value is of a kind, or a list of such values."""
    if isinstance(value, list):
        return depth > 0 and all(_are_all(item, is_kind, depth - 1) for item in value)
    return is_kind(value)


def _has_text(name: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, dict) and isinstance(value.get(name), str)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_scored(value: Any) -> bool:
    return isinstance(value, dict) and _is_number(value.get("score"))


def _is_zero_shot(value: Any) -> bool:
    """Return whether a value is a scored label, or the object with two lists that servers sent until 2025."""
    if _is_scored(value):
        return isinstance(value.get("label"), str)
    return isinstance(value, dict) and all(isinstance(value.get(name), list) for name in ("labels", "scores"))


def _is_vector(value: Any) -> bool:
    """Return whether a value is a number or base64, or an object of newer servers with the vectors or similarities."""
    if isinstance(value, dict):
        return isinstance(value.get("embeddings") or value.get("similarities"), list)
    return _is_number(value) or isinstance(value, str)


def _is_result(value: Any) -> bool:
    return isinstance(value, dict) or _is_number(value)


_KINDS: Mapping[str, Callable[[Any], bool]] = {
    tasks.TEXT_GENERATION: _has_text("generated_text"),
    tasks.TEXT_CLASSIFICATION: lambda value: _is_scored(value) and isinstance(value.get("label"), str),
    tasks.SUMMARIZATION: _has_text("summary_text"),
    tasks.TRANSLATION: _has_text("translation_text"),
    tasks.ZERO_SHOT_CLASSIFICATION: _is_zero_shot,
    tasks.TOKEN_CLASSIFICATION: lambda value: _is_scored(value) and isinstance(value.get("word"), str),
    tasks.QUESTION_ANSWERING: lambda value: _is_scored(value) and isinstance(value.get("answer"), str),
    tasks.TABLE_QUESTION_ANSWERING: _has_text("answer"),
    tasks.FILL_MASK: lambda value: _is_scored(value) and isinstance(value.get("sequence"), str),
    tasks.FEATURE_EXTRACTION: _is_vector,
    tasks.SENTENCE_SIMILARITY: _is_vector,
    tasks.TEXT_RANKING: _is_scored,
}


def parse_summaries(response: UpstreamResponse, count: int) -> list[str]:
    """Return the texts of `[{summary_text}]`, one for each input."""
    return _generated(response, "summary_text", count)


def parse_translations(response: UpstreamResponse, count: int) -> list[str]:
    """Return the texts of `[{translation_text}]`, one for each input."""
    return _generated(response, "translation_text", count)


def _generated(response: UpstreamResponse, name: str, count: int) -> list[str]:
    """Return the text of each item; some servers nest the items, or leave out the list of one."""
    payload = decode_pipeline(response)
    items = payload if isinstance(payload, list) else [payload]
    flat = [item[0] if isinstance(item, list) and len(item) == 1 else item for item in items]
    texts = [item.get(name) if isinstance(item, dict) else None for item in flat]
    found = [text.strip() for text in texts if isinstance(text, str) and text.strip()]
    if len(texts) != count or len(found) != count:
        raise UpstreamInvalidResponse
    return found
