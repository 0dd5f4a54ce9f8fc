"""Finds the sentences of a text and the most central among them, in any script and in linear time."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import chain
from math import log, sqrt
from textwrap import wrap

from sentencex import segment

from app.backends.responses.token_estimate import estimated_tokens

_END = re.compile(r"""[.!?…。！？｡।॥؟۔]["'”’»)\]」』*_]*$""")  # several scripts' full stops
# Chinese and Japanese write no spaces, so there each character counts as a word
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|\w+")
_CONTROL = re.compile(r"[\x01-\x08\x0e-\x1f\x7f]")
_LIST_MARKS = "#*•>|=~- "
# fewer words, such as "Fig. 3.", are noise of the splitting beside real sentences
_FEWEST_WORDS = 4


def sentences(text: str, limit: int) -> list[str]:
    """Return the distinct sentences of at most `limit` tokens; lines or pieces where the text has no sentences."""
    spaced = (" ".join(part.split()) for part in segment("en", _CONTROL.sub(" ", text)))
    parts = list(dict.fromkeys(filter(None, (part.lstrip(_LIST_MARKS) for part in spaced))))
    ended = [part for part in parts if _END.search(part)]
    if 2 * sum(map(len, ended)) >= sum(map(len, parts)):
        fit = [part for part in ended if estimated_tokens(part) <= limit]
        if found := [part for part in fit if len(_WORD.findall(part)) >= _FEWEST_WORDS] or fit:
            return found
    return list(dict.fromkeys(chain.from_iterable(_pieces(part, limit) for part in parts)))


def ranked(found: Sequence[str]) -> list[str]:
    """Return the sentences, the most central first: by the summed cosine to all others, weighted by rarity of words.

    This is LexRank's degree centrality (Erkan and Radev, 2004) without a threshold, which makes it linear.
    """
    bags = [_words(sentence) for sentence in found]
    spread = Counter(chain.from_iterable(bags))
    rarity = {word: log(len(bags) / count) for word, count in spread.items()}
    norms = [sqrt(sum(rarity[word] ** 2 for word in bag)) or 1.0 for bag in bags]
    centre: defaultdict[str, float] = defaultdict(float)
    for bag, norm in zip(bags, norms, strict=True):
        for word in bag:
            centre[word] += rarity[word] / norm
    scores = [
        (1 + 1 / place) * sum(rarity[word] * centre[word] for word in bag) / norm  # texts open with their topic
        for place, (bag, norm) in enumerate(zip(bags, norms, strict=True), 1)
    ]
    return [found[index] for index in sorted(range(len(found)), key=lambda index: -scores[index])]


def select_central(found: Sequence[str], budget: int) -> list[str]:
    """Return the most central sentences, none nearly equal to another, of at most `budget` tokens, in their order."""
    kept: dict[str, set[str]] = {}
    for sentence in ranked(found):
        cost, bag = estimated_tokens(sentence), _words(sentence)
        if cost <= budget and all(2 * len(bag & other) <= len(bag | other) for other in kept.values()):
            kept[sentence] = bag
            budget -= cost
    return [sentence for sentence in found if sentence in kept]


def whole_sentences(text: str) -> str:
    """Return a generated text without a last sentence that was cut off; a cut is shown where it is all there is."""
    text = text.strip()
    if not text or _END.search(text):
        return text
    parts = [part for part in segment("en", text) if part.strip()]
    whole = "".join(parts[:-1]).strip()
    return whole if _END.search(whole) else f"{text}…"


def truncate(text: str, limit: int) -> str:
    """Return the first words of a text and an ellipsis, never above `limit` tokens: a token is at least one byte."""
    kept = _CONTROL.sub(" ", text).encode()[: max(1, limit - len("…".encode()))]
    words = kept.decode(errors="ignore").split()
    return " ".join(words[:-1] or words) + "…"


def _words(sentence: str) -> set[str]:
    return set(_WORD.findall(sentence.lower()))


def _pieces(part: str, limit: int) -> list[str]:
    """Return a part made to end whole, or broken at words into pieces of at most `limit` tokens."""
    closed = part if _END.search(part) else part.rstrip(",;:") + "."
    if estimated_tokens(closed) <= limit:
        return [closed]
    width = max(1, (limit - 3) * len(part) // estimated_tokens(part))
    return [f"{piece}…" for piece in wrap(part, width, break_on_hyphens=False)]
