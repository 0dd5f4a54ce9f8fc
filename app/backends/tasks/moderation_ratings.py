"""OpenAI's moderation categories, and how a model rates a text in them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

# of omni-moderation-latest: https://platform.openai.com/docs/guides/moderation
CATEGORIES = (
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/intent",
    "self-harm/instructions",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
)
# the categories that may be applied to images in OpenAI's API: its clients take no `image` at others
_OF_IMAGES = frozenset(name for name in CATEGORIES if name.startswith(("self-harm", "violence")) or name == "sexual")
# a category of a higher score is flagged
THRESHOLD = 0.5


@dataclass(frozen=True)
class Rating:
    """The score of each category that the model rates, and the categories that it flags.

    `flagged` may be true without a category, if the model names none.
    """

    scores: Mapping[str, float]
    categories: Collection[str] = field(default_factory=frozenset)
    flagged: bool = False


def worst(ratings: Iterable[Rating]) -> Rating:
    """Return the rating of a text that was rated in parts: the highest score, and every flag."""
    scores: dict[str, float] = {}
    categories: set[str] = set()
    flagged = False
    for rating in ratings:
        scores |= {name: max(score, scores.get(name, 0.0)) for name, score in rating.scores.items()}
        categories |= set(rating.categories)
        flagged = flagged or rating.flagged
    return Rating(scores, categories, flagged)


def openai_result(rating: Rating, input_types: Sequence[str]) -> dict[str, Any]:
    """Return a rating in OpenAI's form.

    Categories of the model that OpenAI lacks follow OpenAI's. One that the model does not rate is applied to no input.
    """
    names = list(dict.fromkeys([*CATEGORIES, *rating.scores]))
    texts = [kind for kind in input_types if kind == "text"]
    applied = {name: input_types if name in _OF_IMAGES or name not in CATEGORIES else texts for name in rating.scores}
    return {
        "flagged": rating.flagged,
        "categories": {name: name in rating.categories for name in names},
        "category_scores": {name: float(rating.scores.get(name, 0.0)) for name in names},
        "category_applied_input_types": {name: list(applied.get(name, ())) for name in names},
    }
