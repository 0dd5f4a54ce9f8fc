"""Summaries of texts that are longer than their model reads: of the summaries of all parts, or of the beginning."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from app.backends.plan import Plan
from app.backends.responses.token_estimate import estimated_tokens
from app.backends.tasks.sentence_ranking import leading_sentences
from app.backends.tasks.text_parts import text_parts
from app.backends.types import ABSTRACTIVE, BULLETS, REJECT, TRUNCATE, Summary, SummaryRequest, Usage
from app.errors import UpstreamRejected


@dataclass
class Reading:
    """The part of a text that a model has read: the number of its chunks, and the characters unless it read all."""

    chunks: int = 1
    characters: int | None = None
    usages: list[Usage] = field(default_factory=list)

    @property
    def usage(self) -> Usage:
        """The tokens of all calls."""
        return Usage(
            sum(usage.prompt_tokens for usage in self.usages),
            sum(usage.completion_tokens or 0 for usage in self.usages),
            estimated=any(usage.estimated for usage in self.usages),
        )


def shortened(
    request: SummaryRequest, limit: int, reading: Reading, summarize_parts: Callable[[Sequence[str]], Plan[list[str]]]
) -> Plan[str]:
    """Return a text of at most `limit` tokens that stands for the request's, and note in `reading` what it was made of.

    It is made of the summaries of all parts, and of the summaries of those if needed; or it is the beginning. Raises
    UpstreamRejected for long texts that the request wants rejected.
    """
    text = request.text
    if request.long == REJECT:
        tokens = estimated_tokens(text)
        raise UpstreamRejected(f"The text has about {tokens} tokens; the model reads {limit}. Send long: map_reduce.")
    if request.long == TRUNCATE:
        head = leading_sentences(text, limit)
        reading.characters = len(head)
        return head
    while estimated_tokens(text) > limit:
        parts = [part for part in text_parts(text, limit, request.language) if part.strip()]
        reading.chunks = max(reading.chunks, len(parts))
        summaries = yield from summarize_parts(parts)
        shorter = "\n\n".join(summaries)
        # a model that does not shorten would be asked for ever
        if estimated_tokens(shorter) > estimated_tokens(text) * 9 // 10:
            shorter = leading_sentences(shorter, limit)
        text = shorter
    return text


def made_summary(text: str, items: Sequence[str], request: SummaryRequest, reading: Reading, model: str) -> Summary:
    """Return the summary of a text or, with the style BULLETS, of its items."""
    style = request.style or ABSTRACTIVE
    if style == BULLETS:
        text = "\n".join(f"- {item}" for item in items)
    made = Summary(text, style, items if style == BULLETS else (), usage=reading.usage, model=model)
    return replace(made, chunks=reading.chunks, characters=reading.characters)
