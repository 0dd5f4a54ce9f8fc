"""Summaries of whole sentences of the text, in their order: nothing is invented, and no model is asked."""

import re
from collections.abc import Sequence

from app.backends.tasks.sentence_ranking import END, LIST_MARKS, segments, truncate
from app.backends.tasks.summaries.lengths import fair_tokens, joined
from app.backends.tasks.summaries.salience import is_repetition, ratings, words_of
from app.backends.types import BULLETS, EXTRACTIVE, Summary, SummaryRequest, Usage

# each further sentence is compared with all that are chosen
MAX_SENTENCES = 100
# shorter ones, such as "Fig. 3.", are mostly splitting errors
_MIN_WORDS = 4
# a summary in tokens is shorter than its text
_MAX_SHARE = 0.6
# others, such as no-break spaces, stay as they are
_SPACES = re.compile(r"[ \t-\r\x85\u2028\u2029]+")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_TIMESTAMP = re.compile(r"\A[\[(]?\d{1,2}:\d{2}(?::\d{2})?(?:[.,]\d{1,3})?[\])]?\s+(?:[-–]\s+)?(?=\S)")


def sentences_of(text: str, language: str | None) -> list[str]:
    """Return the distinct whole sentences of a text, without headings, list marks and timestamps."""
    parts = (_SPACES.sub(" ", part).strip() for part in segments(_CONTROL.sub(" ", text), language))
    cleaned = [_TIMESTAMP.sub("", LIST_MARKS.sub("", part)) for part in parts]
    whole = list(dict.fromkeys(part for part in cleaned if END.search(part) and words_of(part)))
    return [part for part in whole if len(words_of(part)) >= _MIN_WORDS] or whole


def summarize(request: SummaryRequest, sentences: Sequence[str], similarities: Sequence[float] = ()) -> Summary:
    """Return the summary that the best of the text's sentences make; `similarities` are those to the focus.

    A text without sentences is cut at a word.
    """
    if sentences:
        items = _chosen(request, sentences, ratings(sentences, request.focus, similarities))
    else:
        fits = fair_tokens(request.text) <= request.max_length
        items = [request.text.strip() if fits else truncate(request.text, request.max_length)]
    is_list = request.style == BULLETS
    text = "\n".join(f"- {item}" for item in items) if is_list else joined(items)
    kept = items if is_list else ()
    return Summary(text, request.style or EXTRACTIVE, kept, usage=Usage(0, 0), model="")


def _chosen(request: SummaryRequest, sentences: Sequence[str], rated: Sequence[float]) -> list[str]:
    """Return the best sentences in their order: `length` of them, else those of `min_length` to `max_length` tokens.

    Repetitions are left out, unless too few sentences remain. If no sentence fits, it is the shortest one.
    """
    count, budget = request.length or MAX_SENTENCES, request.max_length
    if request.length is None:
        budget = max(request.min_length, min(budget, int(fair_tokens(request.text) * _MAX_SHARE)))
    chosen: dict[int, set[str]] = {}
    order = sorted(range(len(sentences)), key=lambda index: -rated[index])
    for allows_repetitions in (False, True):
        for index in order:
            words, cost = words_of(sentences[index]), fair_tokens(sentences[index])
            is_full = len(chosen) == count or cost > budget
            if index in chosen or is_full or (not allows_repetitions and is_repetition(words, list(chosen.values()))):
                continue
            chosen[index] = words
            budget -= cost
        if request.length is None:  # tokens are a maximum
            break
    return [sentences[index] for index in sorted(chosen)] or [min(sentences, key=fair_tokens)]
