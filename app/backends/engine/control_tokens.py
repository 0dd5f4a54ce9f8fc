"""Makes control tokens in callers' text harmless: llama.cpp reads them in a prompt wherever they stand.

A zero-width space after the first character keeps a token readable for people and models, and makes it text.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

import orjson

ZERO_WIDTH_SPACE = "\u200b"

# Every control token of the common families has one of these forms. Bounded, so that the search stays linear.
_CANDIDATE = re.compile(r"[<\[][^<>\[\]\n]{1,80}[>\]]")
# <|im_end|>, <|user|>, <|START_OF_TURN_TOKEN|>, <｜User｜>, <|turn>, <turn|>
_BARRED = re.compile(r"<(?:[|｜].*|.*[|｜])>")
# Llama 2, Mistral, Gemma, BERT, GLM, Baichuan, Seed, CodeLlama
_NAMED = re.compile(
    r"</?(?:s|SYS|unk|pad|bos|eos|eod|eop|sop|eot|mask|cls|sep|(?:start|end)_of_(?:turn|image|text|audio)"
    r"|(?:unused|reserved_|extra_id_)\d+|seed:\w+|(?:fim|file|repo)_\w+)>"
    r"|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_\w+|MODEL_SETTINGS|PREFIX|MIDDLE|SUFFIX|THINK|ARGS|CALL_ID"
    r"|CONTENT|IMG\w*|AUDIO|g?MASK|sMASK|PAD|CLS|SEP|UNK|BOS|EOS)\]",
    re.IGNORECASE,
)


class ControlTokens:
    """Neutralizes the control tokens of the loaded model and of the common families.

    `load` returns the model's own ones; it is called once, with the first text that may have one.
    """

    def __init__(self, load: Callable[[], Iterable[str]]) -> None:
        self._load = load
        self._own: frozenset[str] | None = None
        self._others: re.Pattern[str] | None = None

    def neutralize(self, text: str) -> str:
        """Return the text; each control token in it gets a zero-width space after its first character."""
        if self._own is None:
            self._read_own()
        text = _CANDIDATE.sub(self._replacement, text)
        return self._others.sub(lambda match: _split(match.group()), text) if self._others else text

    def neutralize_all(self, value: Any) -> Any:
        """Return a JSON value with all of its strings neutralized, the names in objects too.

        A string of JSON with escapes is neutralized inside, because chat templates may decode it (tool arguments).
        """
        if isinstance(value, str):
            return self.neutralize(_without_escapes(value))
        if isinstance(value, list):
            return [self.neutralize_all(item) for item in value]
        if isinstance(value, dict):
            return {self.neutralize(name): self.neutralize_all(item) for name, item in value.items()}
        return value

    def _read_own(self) -> None:
        self._own = frozenset(token for token in self._load() if len(token) > 1)
        others = sorted((token for token in self._own if not _CANDIDATE.fullmatch(token)), key=len, reverse=True)
        self._others = re.compile("|".join(map(re.escape, others))) if others else None

    def _replacement(self, match: re.Match[str]) -> str:
        token = match.group()
        is_control = token in (self._own or ()) or _BARRED.fullmatch(token) or _NAMED.fullmatch(token)
        return _split(token) if is_control else token


def _split(token: str) -> str:
    return token[0] + ZERO_WIDTH_SPACE + token[1:]


def _without_escapes(text: str) -> str:
    """Return a string of a JSON object or array without escapes such as \\u003c; any other text unchanged."""
    if "\\u" not in text or text.lstrip()[:1] not in ("{", "["):
        return text
    try:
        return orjson.dumps(orjson.loads(text)).decode()
    except ValueError:
        return text
