"""Guard models: chat models that answer a conversation with a verdict on its safety."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from app.backends.tasks.moderation_ratings import CATEGORIES, Rating
from app.errors import UpstreamInvalidResponse

# enough for every category by name
VERDICT_TOKENS = 128
CONTROVERSIAL_SCORE = 0.5
UNREADABLE = "The guard model gave no verdict in its documented form; use another model."

# the hazards of MLCommons: https://www.llama.com/docs/model-cards-and-prompt-formats/llama-guard-4/
_LLAMA_GUARD: Mapping[str, str] = {
    "S1": "violence",
    "S2": "illicit",
    "S3": "sexual",
    "S4": "sexual/minors",
    "S5": "harassment",
    "S6": "specialized-advice",
    "S7": "privacy",
    "S8": "intellectual-property",
    "S9": "illicit/violent",
    "S10": "hate",
    "S11": "self-harm",
    "S12": "sexual",
    "S13": "elections",
    "S14": "illicit",
}
_LLAMA_GUARD_VERDICT = re.compile(r"\s*(?:(safe)|unsafe((?:[\s,]+S\d{1,2})*))\s*", re.IGNORECASE)
# https://huggingface.co/Qwen/Qwen3Guard-Gen-8B
_QWEN3_GUARD: Mapping[str, str] = {
    "violent": "violence",
    "non-violent illegal acts": "illicit",
    "sexual content or sexual acts": "sexual",
    "pii": "privacy",
    "suicide & self-harm": "self-harm",
    "unethical acts": "harassment",
    "politically sensitive topics": "politically-sensitive",
    "copyright violation": "intellectual-property",
    "jailbreak": "jailbreak",
}
_QWEN3_SAFETY = re.compile(r"^\s*Safety:\s*(Safe|Unsafe|Controversial)\s*$", re.IGNORECASE | re.MULTILINE)
_QWEN3_CATEGORIES = re.compile(r"^\s*Categories:\s*(.+?)\s*$", re.IGNORECASE | re.MULTILINE)
# IBM's Granite Guardian 3: Yes, No, or in its later versions <score> yes </score>
_GRANITE_VERDICT = re.compile(r"\s*(?:<score>)?\s*(yes|no)\b", re.IGNORECASE)
GRANITE_CATEGORY = "harm"


@dataclass(frozen=True)
class Guard:
    """A family of guard models: the parser of its verdicts, and whether it reads images."""

    parse: Callable[[str], Rating]
    reads_images: bool = False


def guard_of(model: str) -> Guard | None:
    """Return the guard family that the name of a model shows, None for another model."""
    name = model.rpartition("/")[2].lower()
    return next((guard for pattern, guard in _GUARDS if pattern.search(name)), None)


def _rating(categories: Mapping[str, str], named: list[str], score: float) -> Rating:
    """Return a rating in which the named categories have the score, and others of the family 0."""
    found = [categories.get(name, name.lower()) for name in named]
    # categories that OpenAI lacks appear only if the guard names them
    rated = dict.fromkeys((name for name in categories.values() if name in CATEGORIES), 0.0)
    return Rating({**rated, **dict.fromkeys(found, score)}, frozenset(found), flagged=score > 0)


def parse_llama_guard(text: str) -> Rating:
    """Parse `safe`, or `unsafe` and the codes of hazards. Raises UpstreamInvalidResponse for other texts."""
    verdict = _LLAMA_GUARD_VERDICT.fullmatch(text)
    if verdict is None:
        raise UpstreamInvalidResponse(UNREADABLE)
    codes = [code.upper() for code in re.findall(r"S\d{1,2}", verdict[2] or "", re.IGNORECASE)]
    return _rating(_LLAMA_GUARD, codes, 0.0 if verdict[1] else 1.0)


def parse_qwen3_guard(text: str) -> Rating:
    """Parse the lines `Safety:` and `Categories:`. Raises UpstreamInvalidResponse for other texts."""
    safety, categories = _QWEN3_SAFETY.search(text), _QWEN3_CATEGORIES.search(text)
    if safety is None:
        raise UpstreamInvalidResponse(UNREADABLE)
    word = safety[1].lower()
    if word == "safe":
        return _rating(_QWEN3_GUARD, [], 0.0)
    named = re.split(r"\s*,\s*", categories[1].lower()) if categories else []
    score = 1.0 if word == "unsafe" else CONTROVERSIAL_SCORE
    return _rating(_QWEN3_GUARD, [name for name in named if name != "none"], score)


def parse_granite_guardian(text: str) -> Rating:
    """Parse `Yes` or `No`: whether a text is harmful. Raises UpstreamInvalidResponse for other texts."""
    verdict = _GRANITE_VERDICT.match(text)
    if verdict is None:
        raise UpstreamInvalidResponse(UNREADABLE)
    is_harmful = verdict[1].lower() == "yes"
    return Rating({GRANITE_CATEGORY: float(is_harmful)}, {GRANITE_CATEGORY} if is_harmful else set(), is_harmful)


# the first match decides
_GUARDS: tuple[tuple[re.Pattern[str], Guard], ...] = (
    (re.compile(r"llama[-_]?guard[-_]?(4|3[-_]?11b[-_]?vision)"), Guard(parse_llama_guard, reads_images=True)),
    (re.compile(r"llama[-_]?guard[-_]?3"), Guard(parse_llama_guard)),
    (re.compile(r"qwen3[-_]?guard[-_]?(gen|:|\d|$)"), Guard(parse_qwen3_guard)),
    (re.compile(r"granite[-_]?3?[-_.\d]*guardian"), Guard(parse_granite_guardian)),
)
