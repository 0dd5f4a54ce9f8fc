"""Summaries by a summarization pipeline of Hugging Face, whose models read about a thousand tokens."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from app.backends.plan import Plan, UpstreamRequest
from app.backends.responses.pipelines import parse_summaries
from app.backends.responses.token_estimate import estimated_tokens
from app.backends.tasks.sentence_ranking import complete_sentences, spaced_sentences
from app.backends.tasks.summaries.long import Reading, made_summary, shortened
from app.backends.types import Summary, SummaryRequest, Usage
from app.backends.upstream_response import UpstreamResponse
from app.errors import UpstreamRejected

# takes further fields of the body, the parser and the inputs
MakeCall = Callable[
    [dict[str, Any], Callable[[UpstreamResponse], list[str]], str | list[str]], UpstreamRequest[list[str]]
]

SUMMARIZATION_MODEL = "facebook/bart-large-cnn"
# bart-large-cnn reads 1024 tokens and drops the rest
MAX_TOKENS = 900
# of one call, whose parts a server summarizes one after the other
MAX_PARTS = 4
# of the summary of one part
PART_TOKENS = 130


def knows(model: str, language: str | None) -> bool:
    """Return whether a configured model may know a language: the default one knows English only."""
    return model != SUMMARIZATION_MODEL or language in (None, "en")


def summarize(make_call: MakeCall, request: SummaryRequest, model: str) -> Plan[Summary]:
    """Return the summary of the complete text, by its parts if it has more than MAX_TOKENS tokens.

    Parts that are rejected are sent once more, shorter ones: tokens are estimates, and some models read fewer.
    """
    try:
        return (yield from _summarize(make_call, request, model, MAX_TOKENS))
    except UpstreamRejected as error:
        is_moderated = error.report is None or error.report.status == 403
        if is_moderated or estimated_tokens(request.text) <= MAX_TOKENS // 2:
            raise
    return (yield from _summarize(make_call, request, model, MAX_TOKENS // 2))


def _summarize(make_call: MakeCall, request: SummaryRequest, model: str, limit: int) -> Plan[Summary]:
    reading, text = Reading(), request.text
    if estimated_tokens(text) > limit:
        text = yield from shortened(request, limit, reading, partial(_summarize_parts, make_call, reading))
    lengths = {"max_length": request.max_length, "min_length": request.min_length}
    [summary] = yield from _ask(make_call, reading, lengths, text)
    parts = spaced_sentences(complete_sentences(summary, request.language), request.language)[: request.length]
    return made_summary("".join(parts).strip(), [part.strip() for part in parts], request, reading, model)


def _summarize_parts(make_call: MakeCall, reading: Reading, parts: Sequence[str]) -> Plan[list[str]]:
    summaries: list[str] = []
    lengths = {"max_length": PART_TOKENS, "min_length": 0}
    for start in range(0, len(parts), MAX_PARTS):
        inputs = list(parts[start : start + MAX_PARTS])
        summaries += yield from _ask(make_call, reading, lengths, inputs[0] if len(inputs) == 1 else inputs)
    return summaries


def _ask(make_call: MakeCall, reading: Reading, lengths: dict[str, int], inputs: str | list[str]) -> Plan[list[str]]:
    texts = [inputs] if isinstance(inputs, str) else inputs
    parse = partial(parse_summaries, count=len(texts))
    summaries: list[str] = yield make_call({"parameters": lengths}, parse, inputs)
    read, written = (sum(map(estimated_tokens, part)) for part in (texts, summaries))
    reading.usages.append(Usage(read, written, estimated=True))
    return summaries
