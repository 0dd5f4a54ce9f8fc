"""A text as it was sent, and the text itself that models read."""

from functools import cached_property
from typing import cast

from app.texts.formats import Format, detect_format, text_of
from app.texts.languages import detect
from app.texts.mapped_text import MappedText

AUTO = "auto"
FORMATS = (AUTO, "plain", "html", "markdown", "email")


class Document:
    """A text as a client sent it, and the text itself: without markup, boilerplate and quoted mails.

    Nothing is computed before it is asked for.
    """

    def __init__(self, source: str, text_format: str = AUTO, language: str | None = None) -> None:
        """Take the text as sent, its format (one of FORMATS), and its language (BCP 47) if it is known."""
        self.source = source
        self._format = text_format
        self._language = language

    @cached_property
    def format(self) -> Format:
        """The format, found out if it was not given."""
        return detect_format(self.source) if self._format == AUTO else cast(Format, self._format)

    @cached_property
    def text(self) -> str:
        """The text itself. If nothing would remain, as of a mail that only quotes another, it is the source."""
        return self.source if self._mapped is None else self._mapped.text

    @cached_property
    def language(self) -> str | None:
        """The ISO 639-1 code of the language: as given, or else as detected; None if it is unknown."""
        return self._language.partition("-")[0].lower() if self._language else detect(self.text)[0]

    def source_span(self, start: int, end: int) -> tuple[int, int]:
        """Return the offsets in `source` of a part of `text`, in code points.

        A character that stands for several, such as `&` for `&amp;`, has the span of all of them.
        """
        return (start, end) if self._mapped is None else self._mapped.source_span(start, end)

    @cached_property
    def _mapped(self) -> MappedText | None:
        return text_of(self.source, self.format)
