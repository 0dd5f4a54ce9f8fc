"""The sentiment of several texts by a text-classification pipeline."""

from collections.abc import Callable, Sequence
from functools import partial

from app.backends.join import MAX_JOINED
from app.backends.plan import Plan, UpstreamRequest
from app.backends.responses.pipelines import parse_label_lists
from app.backends.responses.sentiment_labels import sentiment_scores
from app.backends.responses.token_estimate import estimated_tokens
from app.backends.tasks.pipeline_inputs import ENCODER_MAX_TOKENS, leading_of_each
from app.backends.tasks.sentiment_parts import Ratings, Scores
from app.backends.types import Usage
from app.backends.upstream_response import UpstreamResponse

Labels = list[list[tuple[str, float]]]
# makes the call of the pipeline for a list of texts
MakeCall = Callable[[Callable[[UpstreamResponse], Labels], list[str]], UpstreamRequest[Labels]]


def rate_by_pipeline(make_call: MakeCall, model: str, texts: Sequence[str]) -> Plan[Ratings]:
    """Rate each text, a list of texts at a time; a sentence that is longer than the model reads is cut."""
    scores: list[Scores] = []
    read = leading_of_each(list(texts), ENCODER_MAX_TOKENS)
    for start in range(0, len(read), MAX_JOINED):
        part = read[start : start + MAX_JOINED]
        found = yield make_call(partial(parse_label_lists, count=len(part)), part)
        scores += [sentiment_scores(labels, model) for labels in found]
    usage = Usage(sum(map(estimated_tokens, read)), 0, estimated=True)
    return Ratings(scores, usage, model, truncated=read != list(texts))
