"""The sentences of a text, by the library sentencex, which knows the abbreviations of 244 languages.

Lines of lists, tables, headings and chats are sentences of their own; lines that a mail program broke are not.
"""

import re
from collections.abc import Iterator

from sentencex import segment

# sentencex takes quadratic time for some texts, such as opening quotation marks: 39,000 of them took 20 s
WINDOW_CHARS = 1000

_BREAK = re.compile(r"[^\S\n]*\n\s*")
_END = re.compile(r"""[.!?…。！？｡।॥؟۔:：;]["'”’»)\]」』*_]*\s*\Z""")
_LIST_MARK = re.compile(r"(?:[-*•·–—#>|]|\(?\w{1,2}[.)])[ \t]")
_WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
# Lines of prose are broken at 55 to 100 columns; a shorter one, such as "milk", is a line of its own. A line that
# goes on in lower case may be shorter.
_MIN_BROKEN_CHARS, _MIN_WRAPPED_CHARS, _MAX_WRAPPED_CHARS = 40, 55, 100

# abbreviations before a name that sentencex takes for the end of a sentence
_TITLE = re.compile(
    r"(?:\A|[\s(«“\"'])(?:M|MM|Mme|Mlle|Me|C\.-à-d|c\.-à-d|Fa|[тТ]\. ?[екдп]|د|أ|م|ا|डॉ|श्री|प्रो|पं|कु)\.[^\S\n]*\Z"
)
_MAX_TITLE_CHARS = 12
# the number of a list's item
_NUMBER = re.compile(r"\s*\(?(?:\d{1,3}|[a-zA-Z]|[ivx]{1,4})[.)]\s*")
# a quoted question inside a sentence of Chinese or Japanese
_QUOTE_END = re.compile(r"[?!？！。][”」』’]\s*\Z")
_QUOTE_VERB = re.compile(r"と|って|(?:[他她我它你]们?|\w{1,4})?(?:问|說|说|問|道|喊|叫|答|笑)")
# an emoji behind a full stop belongs to the sentence before it
_EMOJI = re.compile(
    r"(?:[\U0001f000-\U0001faff\u2600-\u27bf\u2b50\u2b55\ufe0f\u200d]+|[:;=]['-]?[()DPp/|*]|<3|xD)(?=\s|\Z)\s*"
)


def sentence_spans(text: str, language: str | None = None) -> list[tuple[int, int]]:
    """Return the offsets of the sentences of a text, without the space around them, in linear time.

    The language is an ISO 639-1 code; None stands for English. A sentence of more than WINDOW_CHARS characters may be
    cut.
    """
    spans: list[tuple[int, int]] = []
    start = 0
    for part in segments(text, language):
        if body := part.strip():
            first = start + len(part) - len(part.lstrip())
            spans.append((first, first + len(body)))
        start += len(part)
    return spans


def segments(text: str, language: str | None = None) -> Iterator[str]:
    """Yield the sentences of a text with the space behind them; together they are the text."""
    for block in _blocks(text):
        previous = ""
        for part in _windows(block, language or "en"):
            if _goes_on(previous, part):
                previous += part
                continue
            emoji = _EMOJI.match(part) if previous.strip() else None
            if emoji:
                previous += emoji[0]
                part = part[emoji.end() :]
            if previous:
                yield previous
            previous = part
        if previous:
            yield previous


def _blocks(text: str) -> Iterator[str]:
    """Yield the parts of a text whose line ends are no ends of sentences."""
    start = line_start = 0
    for match in _BREAK.finditer(text):
        line = text[line_start : match.start()]
        if match[0].count("\n") > 1 or not _is_broken(line, text[match.end() : match.end() + 4]):
            yield text[start : match.end()]
            start = match.end()
        line_start = match.end()
    if start < len(text):
        yield text[start:]


def _is_broken(line: str, following: str) -> bool:
    """Return whether a sentence goes on behind a line, of which the next line's first characters are given."""
    if "\t" in line or _END.search(line[-8:]) or _LIST_MARK.match(following):
        return False
    columns = len(line) * 2 if _WIDE.search(line[-4:]) else len(line)
    if following[:1].islower():
        return columns >= _MIN_BROKEN_CHARS
    return _MIN_WRAPPED_CHARS <= columns <= _MAX_WRAPPED_CHARS


def _windows(text: str, language: str) -> Iterator[str]:
    rest = ""
    for start in range(0, len(text), WINDOW_CHARS):
        *complete, rest = segment(language, rest + text[start : start + WINDOW_CHARS])
        yield from complete
        if len(rest) > WINDOW_CHARS:
            yield rest
            rest = ""
    yield rest


def _goes_on(previous: str, part: str) -> bool:
    if _TITLE.search(previous[-_MAX_TITLE_CHARS:]) or _NUMBER.fullmatch(previous):
        return True
    return _QUOTE_END.search(previous[-4:]) is not None and _QUOTE_VERB.match(part) is not None
