"""The texts for pipelines of Hugging Face, whose models read a bounded number of tokens."""

from collections.abc import Callable
from typing import TypeVar

from app.backends.base import Plan, UpstreamRequest
from app.backends.responses.token_estimate import estimated_tokens
from app.backends.tasks.sentence_ranking import leading_sentences
from app.errors import UpstreamRejected

T = TypeVar("T")
Inputs = TypeVar("Inputs", str, list[str])

# BERT's descendants have 512 positions: a classifier refuses a longer text with an error about tensor sizes
ENCODER_MAX_TOKENS = 500


def leading(text: str, limit: int) -> str:
    """Return the text if it has at most `limit` tokens, else its first sentences."""
    return text if estimated_tokens(text) <= limit else leading_sentences(text, limit)


def leading_of_each(texts: list[str], limit: int) -> list[str]:
    """Return each text as `leading` does."""
    return [leading(text, limit) for text in texts]


def read_inputs(
    ask: Callable[[Inputs], UpstreamRequest[T]], inputs: Inputs, shorter: Callable[[], Inputs]
) -> Plan[tuple[T, Inputs]]:
    """Return the response, and the inputs that the model has read.

    Rejected inputs are sent once more, shorter ones: tokens are estimates, and some models read fewer. Raises
    UpstreamRejected if the model takes neither, and for a moderated text: its half is another text.
    """
    try:
        return (yield ask(inputs)), inputs
    except UpstreamRejected as error:
        is_moderated = error.report is not None and error.report.status == 403
        rest = shorter()
        if is_moderated or rest == inputs:
            raise
    return (yield ask(rest)), rest
