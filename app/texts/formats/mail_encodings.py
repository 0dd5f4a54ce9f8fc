"""The transfer encodings of mail (RFC 2045), decoded with offsets."""

import codecs
import re
from base64 import b64decode

from app.texts.mapped_text import MappedText, TextBuilder

_PIECES = re.compile(r"(?P<break>=[ \t]*(?:\r\n|\n|\Z))|(?P<byte>=[0-9A-Fa-f]{2})|(?P<literal>[^=]+|=)")
# encodings whose ASCII bytes always are ASCII characters
_ASCII_COMPATIBLE = re.compile(
    r"utf-?8|(?:us-)?ascii|iso-?8859-\d{1,2}|latin-?\d|windows-125\d|cp125\d|koi8-[ru]", re.IGNORECASE
)
_OTHERS = re.compile(r"gb2312|gbk|gb18030|big5|shift_?jis|cp932|euc-(?:jp|kr)|iso-2022-(?:jp|kr)", re.IGNORECASE)
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/]")


def decoded(source: str, start: int, end: int, encoding: str, charset: str) -> MappedText:
    """Return the text of a body from `start` to `end`.

    Offsets are exact, except that each character of base64 stands for the complete body.
    """
    if not (_ASCII_COMPATIBLE.fullmatch(charset) or _OTHERS.fullmatch(charset)):
        charset = "utf-8"
    encoding = encoding.strip().lower()
    builder = TextBuilder(source)
    if encoding == "quoted-printable":
        _add_quoted_printable(builder, source, start, end, charset)
    elif encoding == "base64":
        builder.insert(_base64(source[start:end], charset), start, end)
    else:
        builder.copy(start, end)
    return builder.build()


def _base64(body: str, charset: str) -> str:
    """Return the text of a base64 body as far as it can be read; other characters are skipped (RFC 2045, 6.8)."""
    digits = _NOT_BASE64.sub("", body)
    digits = digits[: len(digits) - (len(digits) % 4 == 1)]
    return b64decode(digits + "=" * (-len(digits) % 4)).decode(charset, "replace")


def _add_quoted_printable(builder: TextBuilder, source: str, start: int, end: int, charset: str) -> None:
    decoder = codecs.getincrementaldecoder(charset)("replace")
    is_ascii = _ASCII_COMPATIBLE.fullmatch(charset) is not None
    first = start  # where the character begins whose bytes are being read
    for match in _PIECES.finditer(source, start, end):
        if match["byte"]:
            character = decoder.decode(bytes.fromhex(match[0][1:]))
            builder.insert(character, first, match.end())
            first = match.end() if character else first
        elif match["literal"] and is_ascii:
            builder.insert(decoder.decode(b"", True), first, match.start())
            decoder.reset()
            builder.copy(*match.span())
            first = match.end()
        elif match["literal"]:
            for offset, character in enumerate(match[0], match.start()):
                part = decoder.decode(character.encode(charset, "replace"))
                builder.insert(part, first, offset + 1)
                first = offset + 1 if part else first
        elif not decoder.getstate()[0]:
            first = match.end()
    builder.insert(decoder.decode(b"", True), first, end)
