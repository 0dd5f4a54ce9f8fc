"""The text of a mail: its body without headers, decoded, without other mails and signature."""

import re
from collections.abc import Iterator
from email import message_from_string
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message

from app.texts.formats.html import html_text
from app.texts.formats.mail_encodings import decoded
from app.texts.formats.mail_quotes import own_text, quoted_text
from app.texts.mapped_text import MappedText, TextBuilder, identity, joined

# the header fields of RFC 5322 and of MIME that a mail begins with
HEADERS = re.compile(
    r"\s*(?:From .*\r?\n)?(?:Return-Path|Delivered-To|Received|From|To|Subject|Date|Message-ID|MIME-Version|"
    r"X-[\w-]+|DKIM-Signature|ARC-[\w-]+|Authentication-Results|Reply-To|Sender|Cc|Bcc|In-Reply-To|References|List-[\w-]+|"
    r"Content-(?:Type|Transfer-Encoding|Language)|Thread-[\w-]+|Importance)[ \t]*:",
    re.IGNORECASE,
)
_HTML = re.compile(r"<(?:html|body|div|p|table|br)\b[^<>]*>", re.IGNORECASE)
_SUBJECT = re.compile(r"^Subject:[ \t]*(?P<subject>.*(?:\r?\n[ \t]+.*)*)", re.IGNORECASE | re.MULTILINE)
_HEAD_END = re.compile(r"\r?\n\r?\n|\Z")
_CONTAINER = re.compile(r"multipart/|message/", re.IGNORECASE)
# each level costs the parser a frame, and a comparison for each line
_MAX_CONTAINERS = 50


def mail_text(source: str) -> MappedText:
    """Return the text of a mail; its subject if its body has no text of its own."""
    if not HEADERS.match(source) or len(_CONTAINER.findall(source)) > _MAX_CONTAINERS:
        return _own(identity(source), _HTML.search(source) is not None)
    start = len(source) - len(source.lstrip())
    message = message_from_string(source[start:])
    parts: list[MappedText] = []
    for part in _text_parts(message):
        payload = str(part.get_payload())
        found = source.find(payload, start)
        if payload and found >= 0:
            encoding, charset = str(part.get("Content-Transfer-Encoding", "")), part.get_content_charset("utf-8")
            start = found + len(payload)
            parts.append(_own(decoded(source, found, start, encoding, charset), part.get_content_subtype() == "html"))
    written = [part for part in parts if part.text.strip()]
    return joined(source, written or [_subject(source)])


def _own(body: MappedText, is_html: bool) -> MappedText:
    if is_html:
        body = html_text(body.text, mail=True).through(body)
    own = own_text(body.text)
    return (own if own.text.strip() else quoted_text(body.text)).through(body)


def _text_parts(message: Message) -> Iterator[Message]:
    """Yield the parts that a mail program shows as text; the plain one of alternatives."""
    if message.get_content_maintype() == "message" or message.get_content_disposition() == "attachment":
        return
    children = message.get_payload()
    if not isinstance(children, list):
        if message.get_content_maintype() == "text":
            yield message
        return
    found = [list(_text_parts(child)) for child in children if isinstance(child, Message)]
    if message.get_content_subtype() == "alternative":
        plain = [parts for parts in found if any(_has_text(part) for part in parts)]
        found = plain[:1]
    for parts in found:
        yield from parts


def _has_text(part: Message) -> bool:
    return bool(str(part.get_payload()).strip())


def _subject(source: str) -> MappedText:
    end = _HEAD_END.search(source, len(source) - len(source.lstrip()))
    match = _SUBJECT.search(source, 0, end.start() if end else len(source))
    builder = TextBuilder(source)
    if match:
        builder.insert(_decoded_header(match["subject"]), *match.span("subject"))
    return builder.build()


def _decoded_header(value: str) -> str:
    try:
        return str(make_header(decode_header(value)))
    except (HeaderParseError, LookupError, UnicodeError):  # an encoding that nobody knows
        return value
