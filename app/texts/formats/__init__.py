"""The formats that texts are written in, and the texts themselves."""

from app.texts.formats.chat import chat_text
from app.texts.formats.detection import Format, detect_format
from app.texts.formats.html import html_text
from app.texts.formats.mail import mail_text
from app.texts.formats.markdown import markdown_text
from app.texts.formats.subtitles import subtitles_text
from app.texts.formats.whitespace import tidied
from app.texts.mapped_text import MappedText

__all__ = ["Format", "detect_format", "text_of"]

_READERS = {
    "html": html_text,
    "markdown": markdown_text,
    "email": mail_text,
    "chat": chat_text,
    "subtitles": subtitles_text,
}


def text_of(source: str, format_: Format) -> MappedText | None:
    """Return the text itself; None if it is the source as it is, as in a plain one, or if nothing would remain."""
    reader = _READERS.get(format_)
    if reader is None:
        return None
    text = tidied(reader(source))
    return text if text.text else None
