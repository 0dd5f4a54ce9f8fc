"""How messages begin in the exports and the copied text of chat programs, and in transcripts."""

import re
from typing import NamedTuple

_DATE = (
    r"(?:\d{1,4}[./-]\d{1,2}[./-]\d{2,4}|(?:today|yesterday|heute|gestern|aujourd'hui|hier|hoy|ayer)(?: at| um| à)?"
    r"|\w{3,9}\.? \d{1,2}(?:, \d{4})?)"
)
_CLOCK = r"\d{1,2}[:.]\d{2}(?:[:.]\d{2}(?:[.,]\d{1,3})?)?(?:[\s\u202f]?[ap]\.?m\b\.?|[\s\u202f]?Uhr)?"
_TIME = rf"(?:{_DATE},?[\sT\u202f]{{1,2}})?{_CLOCK}"
_SPAN = rf"{_TIME}(?:[ \t]*(?:-{{1,2}}>|[-–—])[ \t]*{_CLOCK})?"
_NAME = r"[^\s:\[\]<>|][^:\n\[\]<>|]{0,59}?"
# WhatsApp puts marks of direction before some lines
_MARK = r"[\u200e\u200f\u202a\u202c\s]*"
_WORD = r"(?-i:[^\W\d_a-z][\w.'’-]{0,30})"
_WORDS = rf"{_WORD},?(?:[ \t](?:{_WORD}|\d{{1,2}})){{0,4}}"

_STRONG = re.compile(
    rf"{_MARK}(?:[\[(]{_SPAN}[\])][ \t]*(?:-[ \t]*)?(?:<[^<>\n]{{1,40}}>|{_NAME}[:：])"
    rf"|{_DATE},?[\s\u202f]{{1,2}}{_CLOCK}[ \t][-–][ \t]{_NAME}:"
    rf"|{_CLOCK}[ \t]+<[^<>\n]{{1,40}}>)(?:[ \t]+|$|(?<=：)){_MARK}",
    re.IGNORECASE,
)
_WEAK = re.compile(
    rf"{_MARK}(?:{_TIME}[ \t]+(?:[-–—][ \t]+)?({_NAME}):|({_NAME})[ \t][\[(]?{_CLOCK}[\])]?:)(?:[ \t]+|$)",
    re.IGNORECASE,
)
_BRACKETS = re.compile(rf"{_MARK}[\[(]{_TIME}[\])][ \t]*{_WORDS}[ \t]*$", re.IGNORECASE)
_HEADING = re.compile(
    rf"{_MARK}(?:({_WORDS})(?:[ \t]+|[ \t]*[,|–—-][ \t]*)[\[(]?{_TIME}[\])]?|(\S{{1,30}})[ \t]+\[{_TIME}\])[ \t]*$",
    re.IGNORECASE,
)
_NICK = re.compile(r"<[@+%~&]?([^\s<>/]{1,30})>[ \t]+")
_SPEAKER = re.compile(
    r"[ \t]*(?:\*\*)?([^\W\d_a-z][\w.'’-]{0,20}(?: [\w.'’-]{1,20}){0,2})[ \t]?"
    r"(?:[:：]\*\*|\*\*:|:(?=[ \t])|：)[ \t]*(?=\S)"
)
_PLAIN_CLOCK = r"(?:\d{1,2}:)?\d{1,3}:\d{2}(?:[.,]\d{1,3})?"
STAMP = re.compile(
    rf"\s*(?:[\[(]{_PLAIN_CLOCK}(?:[ \t]*(?:-{{1,2}}>|[-–—])[ \t]*{_PLAIN_CLOCK})?[\])][ \t]*|{_PLAIN_CLOCK}[ \t]*$)"
)
RUNNING = re.compile(r"\s*(?:\d{1,2}:)?\d{1,2}:\d{2}[ \t]+(?=\S)")


class Style(NamedTuple):
    """A form of message, and what makes a text a chat.

    These are the share of lines that have it, their number, whether names come again, and the mean length of messages.
    """

    pattern: re.Pattern[str]
    shares: tuple[float, float]
    min_messages: int
    repeats_names: bool = False
    min_bytes: int = 0
    first: re.Pattern[str] = re.compile("")


# prose, logs and timetables share some of these forms, hence the conditions
STYLES = (
    Style(_STRONG, (0.2, 1), 1),
    Style(_BRACKETS, (0.2, 0.6), 2),
    Style(_HEADING, (0.2, 0.6), 3, True),
    Style(_WEAK, (0.25, 1), 3, True),
    Style(_NICK, (0.6, 1), 2, True),
    Style(_SPEAKER, (0.6, 1), 3, True, min_bytes=10),
    Style(STAMP, (0.3, 1), 3),
    Style(RUNNING, (0.6, 1), 3, first=re.compile(r"\s*(?:00:)?0?0:0\d")),
)
# the keys of logs and of lists of values
NO_NAME = re.compile(
    r"\W*(?:trace|debug|info|notice|note|warn|warning|error|critical|fatal|todo|fixme|tip|step|example|pros?|cons?|date|"
    r"time|name|title|rating|price|total|place|address|tel|phone|e?-?mail|subject)\W*$",
    re.IGNORECASE,
)

# no line of a chat begins in another way
ANY_BEGINNING = re.compile(r"[^:：\n]{0,66}(?:[:：]|\d\.\d\d)|<")

# reports of the program: somebody came, or the topic was changed
NOTICE = re.compile(
    rf"{_MARK}(?:{_DATE},?[\s\u202f]{{1,2}}{_CLOCK}[ \t]-[ \t][^:\n]*$"
    rf"|[\[(]{_TIME}[\])][ \t]*(?:\*|-!-|-->|<--|==).*|(?:{_CLOCK}[ \t]+)?(?:\*{{3}}|-!-|-->|<--|==)[ \t].*)$",
    re.IGNORECASE,
)
MEDIA = re.compile(
    rf"{_MARK}<?(?:(?:media|image|video|audio|sticker|gif|document) omitted|attached: [^<>\n]*"
    r"|(?:medien|bild|video|audio|sticker) (?:ausgeschlossen|weggelassen)"
    r"|(?:image|vidéo|audio|médias?) (?:absente?|omis)|(?:multimedia|imagen|video|audio) omitid[oa]"
    r"|messages and calls are end-to-end encrypted.*|nachrichten und anrufe sind ende-zu-ende-verschlüsselt.*"
    r"|this message was deleted|you deleted this message)\.?>?[ \t]*$",
    re.IGNORECASE,
)
