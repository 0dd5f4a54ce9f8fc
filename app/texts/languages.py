"""The language of a text, by the library eldc, which knows 60 languages and keeps its table in its own code.

Languages are ISO 639-1 codes. A language that eldc lacks and that is alone in its script is known by the script.
Indonesian and Malay, one language to eldc, are distinguished by words that one of them has.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import exp, log

import eldc

# eldc reads the first 1,000 bytes, which are at least this number of characters
WINDOW_CHARS = 250
# windows of a long text, evenly spread, so that its beginning weighs no more than its end
MAX_WINDOWS = 16
MAX_CANDIDATES = 5
# below this confidence a language is a guess, and stays unnamed
MIN_CONFIDENCE = 0.5
# parts of a mixed text: a sentence with fewer bytes of letters in UTF-8, or a lower confidence, joins the one before it
PART_CONFIDENCE = 0.8
PART_BYTES = 12
# A logistic regression of "the language is right" on 1,680 excerpts of 1 to 20 words in 28 languages: a constant, the
# distance of the two best scores up to 0.5, and the logarithm of the number of letters up to 100.
_CONSTANT, _PER_DISTANCE, _PER_LETTERS = -2.37, 9.73, 1.69
_MAX_DISTANCE, _MAX_LETTERS = 0.5, 100

# first words of the names of characters, in scripts of one language; eldc knows some of these from longer texts only
_SCRIPTS = {
    "ARMENIAN": "hy",
    "CJK": "zh",
    "ETHIOPIC": "am",
    "GEORGIAN": "ka",
    "GREEK": "el",
    "GUJARATI": "gu",
    "HANGUL": "ko",
    "HEBREW": "he",
    "HIRAGANA": "ja",
    "KANNADA": "kn",
    "KATAKANA": "ja",
    "KHMER": "km",
    "LAO": "lo",
    "MALAYALAM": "ml",
    "MYANMAR": "my",
    "SINHALA": "si",
    "TAMIL": "ta",
    "TELUGU": "te",
    "THAANA": "dv",
    "THAI": "th",
    "TIBETAN": "bo",
}
_SCRIPT_CONFIDENCE = 0.95
_INDONESIAN = re.compile(r"\b(?:adalah|karena|bisa|kamu|uang|mobil|kantor|kalau|bahwa|ingin|sampai|besok)\b", re.I)
_MALAY = re.compile(r"\b(?:ialah|kerana|boleh|awak|wang|kereta|pejabat|sahaja|bahawa|tiada|hujung|hendak|esok)\b", re.I)

# addresses, names of users, numbers of orders, control characters and halves of surrogate pairs are of no language
_NOISE = re.compile(r"https?://\S+|www\.\S+|\S+@\S+|[@#]\w+|[A-Za-z]+-?\d[\w-]*|[\x00-\x1f\ud800-\udfff]")
# to the end of a sentence or line; approximate, since a cut in a wrong place only splits a part of one language
_SENTENCE = re.compile(r"[^.!?。！？।\n]*(?:[.!?。！？।\n]+[\s\"'”’)]*|\Z)")

eldc.init()
_detector = eldc.instance()
_detector.set_scores(MAX_CANDIDATES)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A language that a text may be in, and the probability of it."""

    language: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a text in one language; `start` and `end` are offsets in code points."""

    start: int
    end: int
    language: str
    confidence: float


def detect(text: str) -> tuple[str | None, float]:
    """Return the language of a text and the probability that it is right.

    The language is None for a text without words, and where no language reaches MIN_CONFIDENCE.
    """
    found = candidates(text)
    if not found:
        return None, 0.0
    best = found[0]
    return (best.language if best.confidence >= MIN_CONFIDENCE else None), best.confidence


def candidates(text: str) -> list[Candidate]:
    """Return the languages that a text may be in, the likeliest first; their probabilities sum up to 1 at most.

    In a long text of several languages the probability of one is about its share of the text.
    """
    weights: dict[str, float] = {}
    total = 0
    for window in _windows(text):
        letters = sum(map(str.isalpha, window))
        total += letters
        for found in _candidates_of_window(window, letters):
            weights[found.language] = weights.get(found.language, 0) + found.confidence * letters
    best = sorted(weights.items(), key=lambda item: item[1], reverse=True)
    return [Candidate(language, weight / total) for language, weight in best[:MAX_CANDIDATES]]


def parts(text: str) -> list[Part]:
    """Return the parts of a text that are in different languages, in order; none for a text without words."""
    found: list[Part] = []
    for match in _SENTENCE.finditer(text):
        best = _sure(match[0])
        if found and (best is None or best.language == found[-1].language):
            confidence = max(found[-1].confidence, best.confidence if best else 0)
            found[-1] = replace(found[-1], end=match.end(), confidence=confidence)
        elif best is not None:  # short sentences at the beginning belong to the first part
            found.append(Part(match.start() if found else 0, match.end(), best.language, best.confidence))
    if len(found) > 1:
        return found
    return [Part(0, len(text), best.language, best.confidence) for best in candidates(text)[:1]]


def _sure(sentence: str) -> Candidate | None:
    """Return the language of a sentence, None if the sentence is short or its language uncertain."""
    letters = "".join(filter(str.isalpha, sentence))
    best = next(iter(candidates(sentence)), None) if len(letters.encode(errors="replace")) >= PART_BYTES else None
    return best if best and best.confidence >= PART_CONFIDENCE else None


def _windows(text: str) -> Iterable[str]:
    """Return the text without noise, in windows; of a long text, a sample of windows from its beginning to its end."""
    step = max(WINDOW_CHARS, len(text) // MAX_WINDOWS)
    starts = range(0, len(text), step) if len(text) > WINDOW_CHARS else range(min(len(text), 1))
    return (_NOISE.sub(" ", text[start : start + WINDOW_CHARS]) for start in starts)


def _candidates_of_window(text: str, letters: int) -> list[Candidate]:
    if letters == 0:
        return []
    scores = _detector.detect_details(text).scores
    if not scores:
        return _by_script(text)
    best, *others = scores.items()
    distance = best[1] - (others[0][1] if others else 0)
    confidence = _probability(min(distance, _MAX_DISTANCE), min(letters, _MAX_LETTERS))
    # the distance of two scores is one of probabilities, in the same measure
    shares = [(language, exp(-_PER_DISTANCE * (best[1] - score))) for language, score in others]
    total = sum(share for _, share in shares) or 1
    rest = [Candidate(_written(language, text), (1 - confidence) * share / total) for language, share in shares]
    return [Candidate(_written(best[0], text), confidence), *rest]


def _probability(distance: float, letters: int) -> float:
    return 1 / (1 + exp(-(_CONSTANT + _PER_DISTANCE * distance + _PER_LETTERS * log(1 + letters))))


def _by_script(text: str) -> list[Candidate]:
    """Return the only language of the script that most letters are of."""
    names = Counter(unicodedata.name(char, "").partition(" ")[0] for char in text if char.isalpha())
    script, _ = names.most_common(1)[0]
    return [Candidate(_SCRIPTS[script], _SCRIPT_CONFIDENCE)] if script in _SCRIPTS else []


def _written(language: str, text: str) -> str:
    """Return Indonesian in place of Malay, unless words of Malay are in the majority."""
    if language != "ms":
        return language
    return "ms" if len(_MALAY.findall(text)) > len(_INDONESIAN.findall(text)) else "id"
