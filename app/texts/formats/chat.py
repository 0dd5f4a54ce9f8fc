"""The text of chats and transcripts: messages without the names and times before them.

It reads WhatsApp, Telegram, Signal, Slack, Teams, Discord and IRC, and transcripts of Zoom, Otter and YouTube.
"""

import re
from collections import Counter
from itertools import islice

from app.texts.formats.chat_patterns import ANY_BEGINNING, LOG_LEVEL, MEDIA, NOTICE, RUNNING, STAMP, STYLES, Style
from app.texts.formats.lines import Line, lines_of
from app.texts.mapped_text import LINE, PARAGRAPH, SPACE, MappedText, TextBuilder

# the form of a chat shows in its first lines
_MAX_LINES = 200


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
        if max(least, style.min_messages) <= len(found) <= most and (not style.repeats_names or _has_names(found)):
            return style
    return None


def _has_names(found: list[re.Match[str]]) -> bool:
    names = Counter(next(filter(None, match.groups()), "") for match in found)
    # in a conversation names come again; the keys of a list of values mostly do not
    return 3 * len(names) <= 2 * len(found) and not any(map(LOG_LEVEL.match, names))
