"""Puts the values of placeholders back into texts, also where a model has changed the form of a placeholder."""

import re
from collections.abc import Iterable, Mapping
from functools import cached_property

import orjson

from app.pii.placeholders import LABELS

# the longest placeholder that a model could write, with escapes and spaces
MAX_PLACEHOLDER_CHARS = 40
_NUMBER = r"[0-9]{1,9}"
_CANONICAL = re.compile(rf"\[([A-Z_]+)_({_NUMBER})\]")
_JSON_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
# an object, or a list of something else than a placeholder
_JSON_TEXT = re.compile(r'\s*(?:\{|\[\s*(?:["\[{\]\d-]|true|false|null))')


class Restorer:
    """Restores the placeholders of one mapping; texts in brackets that it does not have stay.

    Taken for a placeholder are `[EMAIL_1]` in any case, with a space or dash in place of `_`, with Markdown's escapes,
    and `EMAIL_1` as a word of its own.
    """

    def __init__(self, mapping: Mapping[str, str]) -> None:
        self._values: dict[tuple[str, int], str] = {}
        self._others: dict[str, str] = {}
        for placeholder, value in mapping.items():
            if match := _CANONICAL.fullmatch(placeholder):
                self._values[match[1], int(match[2])] = value
            else:
                self._others[placeholder] = value
        self._labels = sorted({label for label, _ in self._values}, key=len, reverse=True)
        self._words = {*(label.partition("_")[0] for label in self._labels), *map(str.upper, self._others)}

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        """The pattern of all forms; a label's own `_` may be any of its separators."""
        if not self._labels:
            alternatives = []
        else:
            loose = "|".join(label.replace("_", r"\\{0,2}[_ -]?") for label in self._labels)
            exact = "|".join(label.replace("_", r"\\{0,2}_") for label in self._labels)
            alternatives = [
                rf"\\{{0,2}}[\[［]\s?(?P<loose>(?i:{loose}))\\{{0,2}}[_ -]?(?P<number>{_NUMBER})\s?\\{{0,2}}[\]］]",
                rf"(?<![A-Za-z0-9_])(?P<exact>{exact})\\{{0,2}}_(?P<count>{_NUMBER})(?![A-Za-z0-9_])",
            ]
        alternatives += [f"(?P<other>{'|'.join(map(re.escape, self._others))})"] if self._others else []
        return re.compile("|".join(alternatives))

    def text(self, text: str, *, start: int = 0, is_json: bool = False) -> str:
        """Return a text from `start` on with the values; with `is_json`, as the JSON strings in it need them."""
        if not self._values and not self._others:
            return text[start:]
        parts: list[str] = []
        for match in self._pattern.finditer(text, start):
            value = self._value(match)
            if value is not None:
                parts += (text[start : match.start()], escaped(value) if is_json else value)
                start = match.end()
        return "".join((*parts, text[start:]))

    def _value(self, match: re.Match[str]) -> str | None:
        groups = match.groupdict()
        if (other := groups.get("other")) is not None:
            return self._others[other]
        label = groups["loose"] or groups["exact"]
        number = groups["number"] or groups["count"]
        name = re.sub(r"[^A-Z]+", "_", label.upper())
        return self._values.get((self._spelling(name), int(number)))

    def _spelling(self, name: str) -> str:
        """Return the label of a name whose separators a model has left out."""
        plain = name.replace("_", "")
        return next((label for label in self._labels if label.replace("_", "") == plain), name)

    def json_document(self, document: str) -> str:
        """Return a JSON document with the values in its strings, of which some are JSON themselves; numbers stay."""
        return _JSON_STRING.sub(self._json_string, document)

    def _json_string(self, match: re.Match[str]) -> str:
        token = match[0]
        upper = token.upper()
        if not any(word in upper for word in self._words):
            return token
        try:
            text = orjson.loads(token)
        except orjson.JSONDecodeError:
            return token
        restored = self.text(text, is_json=looks_like_json(text))
        return token if restored == text else orjson.dumps(restored).decode()


def looks_like_json(text: str) -> bool:
    """Return whether a text is an object or a list of JSON, or the beginning of one."""
    return _JSON_TEXT.match(text) is not None


def escaped(text: str) -> str:
    """Return a text as a JSON string has it between its quotes."""
    return orjson.dumps(text).decode()[1:-1]


class StreamRestorer:
    """Restores a text that arrives in fragments; holds back an end that may be the beginning of a placeholder."""

    def __init__(self, restorer: Restorer, *, is_json: bool = False) -> None:
        """With `is_json` the text is JSON; otherwise its first characters decide."""
        self._restorer = restorer
        self._is_json = is_json
        self._has_begun = is_json
        self._before = ""  # the character before the text that is held back: a word may have begun with it
        self._held = ""

    def feed(self, fragment: str) -> str:
        """Return the text that is certain."""
        text = self._before + self._held + fragment
        if not self._has_begun and text.strip():
            self._has_begun, self._is_json = True, text.lstrip().startswith("{")
        return self._restored(text, partial_start(text, len(self._before)))

    def finish(self) -> str:
        """Return the text that was held back."""
        text = self._before + self._held
        return self._restored(text, len(text))

    def _restored(self, text: str, cut: int) -> str:
        restored = self._restorer.text(text[:cut], start=len(self._before), is_json=self._is_json)
        self._held = text[cut:]
        self._before = text[max(0, cut - 1) : cut]
        return restored


def _prefixes(word: str, rest: str) -> str:
    """Return the pattern of all beginnings of a word that are not empty, the complete one followed by `rest`."""
    pattern = rest
    for character in reversed(word):
        one = r"\\{0,2}[_ -]?" if character == "_" else character
        pattern = f"{one}(?:{pattern})?"
    return pattern


def _partial(labels: Iterable[str]) -> re.Pattern[str]:
    end = r"\\{0,2}(?:[_ -](?:[0-9]{0,9}(?:\s?\\{0,2})?)?)?|[0-9]{1,9}\s?\\{0,2}"
    loose = "|".join(_prefixes(label, end) for label in labels)
    exact = "|".join(_prefixes(label, r"\\{0,2}(?:_[0-9]{0,9})?") for label in labels)
    return re.compile(
        rf"(?:\\{{1,2}}|\\{{0,2}}[\[［]\s?(?i:{loose})?|(?<![A-Za-z0-9_])(?:{exact}))\Z",
    )


_PARTIAL = _partial(LABELS.values())


def partial_start(text: str, start: int = 0) -> int:
    """Return the offset from `start` on at which an incomplete placeholder may begin; the length without one."""
    match = _PARTIAL.search(text, max(start, len(text) - MAX_PLACEHOLDER_CHARS))
    return match.start() if match else len(text)
