"""The text of chats and transcripts: messages without the names and times before them.

It reads WhatsApp, Telegram, Signal, Slack, Teams, Discord and IRC, and transcripts of Zoom, Otter and YouTube.
"""

import re
from itertools import islice

from app.texts.formats.chat_patterns import ANY_BEGINNING, MEDIA, NO_NAME, NOTICE, RUNNING, STAMP, STYLES, Style
from app.texts.formats.lines import Line, lines_of
from app.texts.mapped_text import LINE, PARAGRAPH, SPACE, MappedText, TextBuilder

# the form of a chat shows in its first lines
_MAX_LINES = 200
# the share of messages with another name than all before
_MAX_NAMES_SHARE = 0.67


def is_chat(text: str) -> bool:
    """Return whether a text is a chat or a transcript."""
    if not any(map(ANY_BEGINNING.match, text.splitlines())):
        return False
    return _style(list(islice(lines_of(text), _MAX_LINES))) is not None


def chat_text(source: str) -> MappedText:
    """Return the messages of a chat, each in a line of its own; the parts of a transcript as one text."""
    lines = list(lines_of(source))
    style = _style(lines[:_MAX_LINES])
    separators = (SPACE, SPACE) if style is not None and style.pattern in (STAMP, RUNNING) else (LINE, PARAGRAPH)
    builder = TextBuilder(source)
    for line in lines:
        builder.separate(separators[line.is_blank])
        start = match.end() if style and (match := style.pattern.match(line.text)) else 0
        if not (NOTICE.match(line.text) or MEDIA.match(line.text, start)):
            builder.copy(line.start + start, line.end)
    return builder.build()


def _style(lines: list[Line]) -> Style | None:
    texts = [line.text for line in lines if not line.is_blank]
    for style in STYLES:
        found = [match for text in texts if (match := style.pattern.match(text))]
        least, most = (share * len(texts) for share in style.shares)
        if found and not style.first.match(found[0][0]):
            continue
        if max(least, style.min_messages) <= len(found) <= most and (not style.repeats_names or _talk(found, style)):
            return style
    return None


def _talk(found: list[re.Match[str]], style: Style) -> bool:
    """Return whether names come again before messages, unlike the keys of logs and of lists of values."""
    names = {next(filter(None, match.groups()), "") for match in found}
    size = sum(len(match.string[match.end() :].encode()) for match in found)
    repeated = 1 < len(names) <= _MAX_NAMES_SHARE * len(found)
    return repeated and size >= style.min_bytes * len(found) and not any(map(NO_NAME.match, names))
