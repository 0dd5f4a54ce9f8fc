"""Splits a text into sentences and ranks them by centrality, in any script and in linear time."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import accumulate, chain
from math import log, sqrt
from textwrap import wrap

from app.backends.responses.token_estimate import estimated_tokens
from app.texts.sentences import segments as segments

_END = re.compile(r"""[.!?…。！？｡।॥؟۔]["'”’»)\]」』*_]*$""")  # full stops of several scripts
# Chinese and Japanese write no spaces, so each character counts as a word
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|\w+")
_PIECES = re.compile(r"\s*\S{1,20}")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_SPACES = re.compile(r"[ \t-\r\x85\u2028\u2029]+")
# before a number such a character is a sign or a comparison: "- 40 degrees", "> 5 %"
_LIST_MARKS = re.compile(r"\A(?:[#*•>|=~-]+(?: |\Z))+(?![\d.,+$€£¥-])")
# shorter ones, such as "Fig. 3.", are mostly splitting errors
_MIN_WORDS = 4


def split_sentences(text: str, limit: int) -> list[str]:
    """Return the distinct sentences of at most `limit` tokens; for a text without sentences, its lines or their chunks.

    A text has sentences if at least half of it ends in a full stop.
    """
    spaced = (_SPACES.sub(" ", part).strip() for part in segments(_CONTROL.sub(" ", text)))
    parts = list(dict.fromkeys(filter(None, (_LIST_MARKS.sub("", part) for part in spaced))))
    ended = [part for part in parts if _END.search(part)]
    if 2 * sum(map(len, ended)) >= sum(map(len, parts)):
        fitting = [part for part in ended if estimated_tokens(part) <= limit]
        if sentences := [part for part in fitting if len(_WORD.findall(part)) >= _MIN_WORDS] or fitting:
            return sentences
    return list(dict.fromkeys(chain.from_iterable(_chunks(part, limit) for part in parts)))


def rank(sentences: Sequence[str]) -> list[str]:
    """Return the sentences, the most central first: by their summed cosine similarity to all others.

    Words are weighted by inverse document frequency. This is LexRank's degree centrality (Erkan and Radev, 2004)
    without a threshold, which makes it linear.
    """
    bags = [_words(sentence) for sentence in sentences]
    frequency = Counter(chain.from_iterable(bags))
    idf = {word: log(len(bags) / count) for word, count in frequency.items()}
    norms = [sqrt(sum(idf[word] ** 2 for word in bag)) or 1.0 for bag in bags]
    centroid: defaultdict[str, float] = defaultdict(float)
    for bag, norm in zip(bags, norms, strict=True):
        for word in bag:
            centroid[word] += idf[word] / norm
    scores = [
        (1 + 1 / position) * sum(idf[word] * centroid[word] for word in bag) / norm  # texts open with their topic
        for position, (bag, norm) in enumerate(zip(bags, norms, strict=True), 1)
    ]
    return [sentences[index] for index in sorted(range(len(sentences)), key=lambda index: -scores[index])]


def select_central(sentences: Sequence[str], budget: int) -> list[str]:
    """Return the most central sentences without near-duplicates, of at most `budget` tokens, in text order."""
    selected: dict[str, set[str]] = {}
    for sentence in rank(sentences):
        cost, bag = estimated_tokens(sentence), _words(sentence)
        if cost <= budget and all(2 * len(bag & other) <= len(bag | other) for other in selected.values()):
            selected[sentence] = bag
            budget -= cost
    return [sentence for sentence in sentences if sentence in selected]


def complete_sentences(text: str) -> str:
    """Return a generated text without its last sentence if that is cut off; a single cut sentence gets an ellipsis."""
    text = text.strip()
    if not text or _END.search(text):
        return text
    *_, last = filter(str.strip, segments(text))
    complete = text.removesuffix(last).strip()
    return complete if _END.search(complete) else f"{text}…"


def leading_sentences(text: str, limit: int) -> str:
    """Return the first sentences of a text, of at most `limit` tokens together.

    If that is less than half of `limit`, as in a text without full stops, return the first words instead.
    """
    sentences = _leading(list(segments(text)), limit)
    enough = _END.search(sentences) and 2 * estimated_tokens(sentences) >= limit
    return sentences if enough else _leading(_PIECES.findall(text), limit)


def truncate(text: str, limit: int) -> str:
    """Return the first words of a text and an ellipsis, in at most `limit` bytes: a token has at least one."""
    head = _CONTROL.sub(" ", text).encode()[: max(1, limit - len("…".encode()))]
    words = head.decode(errors="ignore").split()
    return " ".join(words[:-1] or words) + "…"


def _leading(parts: Sequence[str], limit: int) -> str:
    totals = accumulate(map(estimated_tokens, parts))
    return "".join(part for part, total in zip(parts, totals, strict=True) if total <= limit).strip()


def _words(sentence: str) -> set[str]:
    return set(_WORD.findall(sentence.lower()))


def _chunks(part: str, limit: int) -> list[str]:
    """Return a part that ends in a full stop, or its chunks of at most `limit` tokens, broken at words."""
    closed = part if _END.search(part) else part.rstrip(",;:") + "."
    if estimated_tokens(closed) <= limit:
        return [closed]
    width = max(1, (limit - 3) * len(part) // estimated_tokens(part))
    return [f"{chunk}…" for chunk in wrap(part, width, break_on_hyphens=False)]
