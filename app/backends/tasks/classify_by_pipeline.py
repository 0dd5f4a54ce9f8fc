"""Classification by a zero-shot pipeline of Hugging Face, whose model compares the text with a sentence per label."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from app.backends.plan import Plan, UpstreamRequest
from app.backends.responses.pipelines import parse_zero_shot
from app.backends.responses.token_estimate import estimated_tokens
from app.backends.tasks.pipeline_inputs import ENCODER_MAX_TOKENS, leading, read_inputs
from app.backends.text_types import LabelScores, LabelsRequest
from app.backends.types import Usage
from app.backends.upstream_response import UpstreamResponse

SOURCE = "zero_shot_pipeline"

# makes the call of the pipeline from its options, its parser and the text
MakeCall = Callable[[dict[str, Any], Callable[[UpstreamResponse], Any], str], UpstreamRequest[Sequence[float]]]


def classify_by_pipeline(make_call: MakeCall, request: LabelsRequest, model: str) -> Plan[LabelScores]:
    """Return the score of each label. A text that is longer than the model reads is cut."""
    phrases = [label.phrase for label in request.labels]
    options = {"parameters": {"candidate_labels": phrases, "multi_label": request.multi_label}}
    ask = partial(make_call, options, partial(parse_zero_shot, labels=phrases))
    shorter = partial(leading, request.text, ENCODER_MAX_TOKENS // 2)
    scores, read = yield from read_inputs(ask, leading(request.text, ENCODER_MAX_TOKENS), shorter)
    rated = {label.name: score for label, score in zip(request.labels, scores, strict=True)}
    # the model reads the text once for each label
    usage = Usage(estimated_tokens(read) * len(phrases), 0, estimated=True)
    return LabelScores(rated, source=SOURCE, usage=usage, model=model, truncated=read != request.text)
