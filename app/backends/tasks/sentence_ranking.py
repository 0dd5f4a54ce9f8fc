"""Splits a text into sentences and ranks them by centrality, in any script and in linear time."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import chain
from math import log, sqrt
from textwrap import wrap

from sentencex import segment

from app.backends.responses.token_estimate import estimated_tokens

_END = re.compile(r"""[.!?…。！？｡।॥؟۔]["'”’»)\]」』*_]*$""")  # full stops of several scripts
# Chinese and Japanese write no spaces, so each character counts as a word
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|\w+")
_CONTROL = re.compile(r"[\x01-\x08\x0e-\x1f\x7f]")
_LIST_MARKS = "#*•>|=~- "
# shorter ones, such as "Fig. 3.", are mostly splitting errors
_MIN_WORDS = 4


def split_sentences(text: str, limit: int) -> list[str]:
    """Return the distinct sentences of at most `limit` tokens; for a text without sentences, its lines or their chunks.

    A text has sentences if at least half of it ends in a full stop.
    """
    spaced = (" ".join(part.split()) for part in segment("en", _CONTROL.sub(" ", text)))
    parts = list(dict.fromkeys(filter(None, (part.lstrip(_LIST_MARKS) for part in spaced))))
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
    parts = [part for part in segment("en", text) if part.strip()]
    complete = "".join(parts[:-1]).strip()
    return complete if _END.search(complete) else f"{text}…"


def truncate(text: str, limit: int) -> str:
    """Return the first words of a text and an ellipsis, in at most `limit` bytes: a token has at least one."""
    head = _CONTROL.sub(" ", text).encode()[: max(1, limit - len("…".encode()))]
    words = head.decode(errors="ignore").split()
    return " ".join(words[:-1] or words) + "…"


def _words(sentence: str) -> set[str]:
    return set(_WORD.findall(sentence.lower()))


def _chunks(part: str, limit: int) -> list[str]:
    """Return a part that ends in a full stop, or its chunks of at most `limit` tokens, broken at words."""
    closed = part if _END.search(part) else part.rstrip(",;:") + "."
    if estimated_tokens(closed) <= limit:
        return [closed]
    width = max(1, (limit - 3) * len(part) // estimated_tokens(part))
    return [f"{chunk}…" for chunk in wrap(part, width, break_on_hyphens=False)]
