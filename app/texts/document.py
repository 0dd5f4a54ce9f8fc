"""A text as it was sent, and the text itself that models read."""

from functools import cached_property

from app.texts.languages import detect

FORMATS = ("auto", "plain", "html", "markdown", "email")


class Document:
    """A text in a format, whose markup is left out."""

    def __init__(self, source: str, text_format: str = "auto", language: str | None = None) -> None:
        self.source = source
        self._format = text_format
        self._language = language

    @property
    def text(self) -> str:
        """The text itself, without the markup of its format."""
        return self.source

    @cached_property
    def language(self) -> str | None:
        """The ISO 639-1 code of the language: as given, else as found out; None if it is unknown."""
        return self._language.partition("-")[0].lower() if self._language else detect(self.text)[0]

    def source_span(self, start: int, end: int) -> tuple[int, int]:
        """Return the offsets in `source` of a part of `text`, in code points."""
        return start, end
