"""A text that must not be printed."""


class Secret:
    """A text that prints as `***`. Only `reveal` returns the text itself."""

    # a dataclass or a `__dict__` would show the text to `asdict` and `vars`
    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def reveal(self) -> str:
        """Return the secret text."""
        return self._text
