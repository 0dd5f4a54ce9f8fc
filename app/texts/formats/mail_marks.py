"""Signs that a text is a mail; a single one that prose may have is not enough."""

import re

from app.texts.formats.lines import Line, lines_of
from app.texts.formats.mail_quotes import QUOTED, attribution_end, headers_end
from app.texts.formats.mail_words import DEVICE, FORWARD, HEADER, RULER

_FIELD = re.compile(r"[!-9;-~]+[ \t]?:")
_KNOWN = re.compile(
    r"(?:from|to|subject|date|cc|received|return-path|delivered-to|message-id|mime-version|"
    r"content-type|reply-to)[ \t]?:",
    re.IGNORECASE,
)
_ENOUGH_HEADERS = 3
_MAX_SIGNATURE_LINES = 12
# a line that one of the marks may begin with
_ANY_MARK = re.compile(
    r" {0,3}>|[-_]{2,}|[ \t]*\*?(?:From|Von|De|Da|Van|Från|Fra|Od|От|发件人|寄件者|差出人|보낸 사람|Gesendet)\*? ?[:：]"
    r"|.{5,300}wrote ?:[ \t]*$",
    re.IGNORECASE,
)
_ADDRESS_OR_TIME = re.compile(r"<[^<>@\s]{1,100}@[^<>\s]{1,100}>|\d{4}.{1,40}\d{1,2}[:.]\d{2}")
# quoted lines between blank lines, with other text before or behind them
_QUOTED_LINES = r"(?:>[ ]?[^\W_].*\r?\n){1,500}"
_QUOTED_PARAGRAPH = re.compile(
    rf"\A{_QUOTED_LINES}[ \t]*\r?\n\s*[^>\s]|\S[ \t]*\r?\n[ \t]*\r?\n{_QUOTED_LINES}[ \t]*\r?\n\s*[^>\s]"
)
# the first line of a mail in a mailbox
_ENVELOPE = re.compile(r"\s*(?:>?From \S+ .*\r?\n)?")
_SUBJECT = re.compile(r"subject|betreff|objet|asunto|oggetto|assunto|onderwerp|ämne|主题|件名|тема", re.IGNORECASE)
# the last line of a text is looked for here
_TAIL_CHARS = 300


def has_headers(text: str) -> bool:
    """Return whether a text begins with the header fields of a mail.

    These are three fields; two with an address, or with a blank line behind them; or a subject with a blank line.
    """
    names: set[str] = set()
    has_address = False
    envelope = _ENVELOPE.match(text)
    for line in lines_of(text, envelope.end() if envelope else 0):
        if _KNOWN.match(line.text) or HEADER.match(line.text):
            names.add(line.text.replace("：", ":").partition(":")[0].strip(" \t*").lower())
        elif not (_FIELD.match(line.text) or line.text.startswith((" ", "\t"))) or line.is_blank:
            followed = line.is_blank and bool({"from", "subject", "mime-version"} & names)
            is_subject = line.is_blank and any(map(_SUBJECT.fullmatch, names))
            return len(names) > 2 or (len(names) == 2 and (has_address or followed)) or is_subject
        has_address |= "@" in line.text
    return len(names) > 2


def has_mail_marks(text: str) -> bool:
    """Return whether a text without header fields has a quoted mail, a signature, or the mark of a device."""
    before, _, last = text[-_TAIL_CHARS:].rstrip().rpartition("\n")
    if before and DEVICE.match(last):
        return True
    if not any(map(_ANY_MARK.match, text.splitlines())):
        return False
    if _QUOTED_PARAGRAPH.search(text):
        return True
    lines = list(lines_of(text))
    return any(_is_mark(lines, index) for index in range(len(lines)))


def _is_mark(lines: list[Line], index: int) -> bool:
    line = lines[index]
    if FORWARD.match(line.text) and line.text.lstrip(" >").startswith(("-", "_", "=")):
        return True
    if line.text in {"-- ", "--\xa0"}:
        return True
    if RULER.match(line.text) or (index and lines[index - 1].is_blank):
        if (end := headers_end(lines, index + bool(RULER.match(line.text)))) and end - index >= _ENOUGH_HEADERS:
            return True
        if line.text == "--" and len(lines) - index <= _MAX_SIGNATURE_LINES:
            return True
    if not (end := attribution_end(lines, index)):
        return False
    following = next((each for each in lines[end : end + 2] if not each.is_blank), None)
    if following is None or QUOTED.match(following.text):
        return following is not None
    return any(_ADDRESS_OR_TIME.search(each.text) for each in lines[index:end])
