"""Parses the responses of hf-inference pipelines: text classification and summarization."""

from collections.abc import Mapping
from typing import Any

from app.backends.responses.normalize import decode_json, require_no_error, require_success
from app.backends.responses.sentiment_labels import sentiment_scores
from app.backends.upstream_response import UpstreamResponse
from app.errors import UpstreamInvalidResponse


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
    if not isinstance(entries, list) or not entries or not all(map(_is_scored_label, entries)):
        raise UpstreamInvalidResponse
    return [(entry["label"], entry["score"]) for entry in entries]


def _is_scored_label(entry: Any) -> bool:
    if not isinstance(entry, dict) or not isinstance(entry.get("label"), str):
        return False
    score = entry.get("score")
    return isinstance(score, int | float) and not isinstance(score, bool) and 0 <= score <= 1


def parse_summary(response: UpstreamResponse) -> str:
    """Return the text of `[{summary_text}]`, or of the object without the list."""
    payload = decode_pipeline(response)
    if isinstance(payload, list) and payload:
        payload = payload[0]
    text = payload.get("summary_text") if isinstance(payload, dict) else None
    if not isinstance(text, str) or not text.strip():
        raise UpstreamInvalidResponse
    return text
