"""Maps the labels of classifiers to OpenAI's moderation categories; an unknown label is an error."""

import re
from collections.abc import Mapping, Sequence

from app.backends.tasks.moderation_ratings import CATEGORIES, THRESHOLD, Rating
from app.errors import NotSupported

MAX_NAMED_LABELS = 20
_SAFE = frozenset(
    {
        *("ok", "safe", "sfw", "neutral", "normal", "none", "clean", "benign", "acceptable", "appropriate"),
        *("nothate", "not hate", "non hate", "no hate", "not offensive", "non offensive"),
        *("not toxic", "non toxic", "nontoxic", "not nsfw", "not abusive"),
    }
)
_CATEGORY: Mapping[str, str] = {
    **{re.sub(r"[/-]", " ", name): name for name in CATEGORIES},
    # KoalaAI/Text-Moderation
    "s": "sexual",
    "h": "hate",
    "v": "violence",
    "hr": "harassment",
    "sh": "self-harm",
    "s3": "sexual/minors",
    "h2": "hate/threatening",
    "v2": "violence/graphic",
    # unitary/toxic-bert and others of Jigsaw's labels
    **dict.fromkeys(("toxic", "severe toxic", "obscene", "insult"), "harassment"),
    **dict.fromkeys(("toxicity", "severe toxicity"), "harassment"),
    **dict.fromkeys(("threat", "threatening"), "harassment/threatening"),
    **dict.fromkeys(("identity hate", "identity attack"), "hate"),
    "sexual explicit": "sexual",
    # others
    **dict.fromkeys(("hateful", "hate speech", "hatespeech", "racism", "racist", "sexism", "sexist"), "hate"),
    **dict.fromkeys(("offensive", "offensive language", "abusive", "abuse", "bullying", "profanity"), "harassment"),
    **dict.fromkeys(("nsfw", "porn", "explicit", "sexually explicit", "sexual content"), "sexual"),
    **dict.fromkeys(("violent", "graphic violence"), "violence"),
    **dict.fromkeys(("selfharm", "suicide", "suicidal"), "self-harm"),
}
# the groups of people that unitary/unbiased-toxic-roberta finds mentioned
_MENTIONS = frozenset(
    {
        *("male", "female", "homosexual gay or lesbian", "christian", "jewish", "muslim", "black", "white"),
        "psychiatric or mental illness",
    }
)
# the meanings of LABEL_0, LABEL_1 from the cards of models whose labels have no names
_NUMBERED: Mapping[str, Sequence[str]] = {
    "cardiffnlp/twitter-roberta-base-hate": ("not hate", "hate"),
    "cardiffnlp/twitter-roberta-base-offensive": ("not offensive", "offensive"),
    "textdetox/xlmr-large-toxicity-classifier": ("neutral", "toxic"),
    "s-nlp/roberta_toxicity_classifier": ("neutral", "toxic"),
}


def rating_of_labels(labels: Sequence[tuple[str, float]], model: str) -> Rating:
    """Return the rating from a model's labels and their scores.

    A category is flagged above THRESHOLD, and so is the likeliest one if a label for harmless texts is below it.
    Raises NotSupported, with the labels, for a label without a category.
    """
    names = [_name(label, model) for label, _ in labels]
    unknown = [label for (label, _), name in zip(labels, names, strict=True) if not _is_known(name)]
    if unknown:
        raise NotSupported(
            "The labels of this model have no counterpart among OpenAI's moderation categories; use another model.",
            details={"model": model, "labels": [label[:100] for label in unknown[:MAX_NAMED_LABELS]]},
        )
    scores: dict[str, float] = {}
    safe: list[float] = []
    for name, (_, score) in zip(names, labels, strict=True):
        if name in _SAFE:
            safe.append(score)
        elif name in _CATEGORY:
            scores[_CATEGORY[name]] = max(score, scores.get(_CATEGORY[name], 0.0))
    flagged = {category for category, score in scores.items() if score >= THRESHOLD}
    if scores and safe and sum(safe) < THRESHOLD and not flagged:
        flagged = {max(scores, key=scores.__getitem__)}
    return Rating(scores, flagged, bool(flagged))


def _is_known(name: str) -> bool:
    return name in _SAFE or name in _CATEGORY or name in _MENTIONS


def _name(label: str, model: str) -> str:
    name = " ".join(re.sub(r"[_/,-]", " ", label.lower()).split())
    if numbered := re.fullmatch(r"label (\d)", name):
        meanings = _NUMBERED.get(model.lower(), ())
        index = int(numbered[1])
        return meanings[index] if index < len(meanings) else name
    return name
