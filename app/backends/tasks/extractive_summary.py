"""Summaries by a small model, which selects among the text's most central sentences.

A model of 135 million parameters that writes freely invents names and numbers. Here a grammar restricts it to complete
sentences of the text, in their order. It selects sentences and stops; it can neither invent, repeat nor cut a sentence.
"""

from collections.abc import Iterable, Sequence

from app.backends.responses.token_estimate import estimated_tokens
from app.backends.tasks.sentence_ranking import rank, select_central, truncate

# a longer prompt takes too long with four clients at a time (docs/embedded-engine.md)
CANDIDATE_TOKENS = 260
MAX_SUMMARY_TOKENS = 1000


def clamp(min_length: int, max_length: int) -> tuple[int, int]:
    """Return the lengths of a request, in tokens, limited to MAX_SUMMARY_TOKENS."""
    return min(min_length, MAX_SUMMARY_TOKENS), min(max_length, MAX_SUMMARY_TOKENS)


def candidates(text: str, sentences: Sequence[str], min_tokens: int, max_tokens: int) -> list[str]:
    """Return the sentences that the model may select from: longer than the summary, shorter than the text."""
    complete = [sentence for sentence in sentences if not sentence.endswith("…")]
    budget = max(min_tokens, min(2 * max_tokens, estimated_tokens(text) * 6 // 10))
    return select_central(complete, min(CANDIDATE_TOKENS, budget)) or rank(complete)[:1]


def prompt(choices: Sequence[str]) -> str:
    """Return the user message; small models follow an instruction best at the end."""
    return " ".join(choices) + "\n\nSummarize the text above in three sentences."


def grammar(choices: Sequence[str]) -> str:
    """Return llama.cpp's grammar (GBNF) for the most central sentence and, optionally, each of the others, in order.

    The most central sentence is required: without it a model chooses its opening by the first token alone.
    """
    top = rank(choices)[0]
    escaped = ((choice, choice.replace("\\", "\\\\").replace('"', '\\"')) for choice in choices)
    return "root ::= " + " ".join(f'("{text} "){"" if choice == top else "?"}' for choice, text in escaped)


def parse_selection(text: str, choices: Iterable[str]) -> list[str]:
    """Return the choices that the model's text repeats to their end, in order."""
    selected = []
    for choice in choices:
        if f"{text} ".startswith(f"{choice} "):
            selected.append(choice)
            text = text[len(choice) + 1 :]
    return selected


def summary(selected: Sequence[str], sentences: Sequence[str], min_tokens: int, max_tokens: int) -> str:
    """Return the selected sentences, with central ones added up to `min_tokens`; without a selection, the most central.

    If not one sentence fits into `max_tokens`, the summary is cut and ends with an ellipsis.
    """
    picked = set(selected)
    tokens = sum(map(estimated_tokens, selected))
    for sentence in rank(select_central(sentences, 2 * max_tokens)):
        if picked and tokens >= min_tokens:
            break
        cost = estimated_tokens(sentence)
        if sentence not in picked and tokens + cost <= max_tokens:
            picked.add(sentence)
            tokens += cost
    return " ".join(one for one in sentences if one in picked) or truncate(" ".join(sentences), max_tokens)
