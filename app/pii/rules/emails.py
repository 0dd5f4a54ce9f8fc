"""E-mail addresses (RFC 5321, 4.1.2), also of other scripts (RFC 6531) and with `(at)`."""

import re
from collections.abc import Iterator

from app.pii.findings import Finding

MAX_LOCAL_CHARS = 64
_TOP_LEVEL = r"(?:xn--[a-z0-9-]{2,59}|[a-z]{2,24})(?![a-z0-9_-])|[^\W\d_a-z]{2,24}(?![\w-])"
_DOMAIN = rf"(?:[\w-]{{1,63}}\.){{1,8}}(?:{_TOP_LEVEL})|\[[0-9A-Fa-f:.]{{7,45}}\]"
# scripts without spaces between words: a word before an address is no part of it
_UNSPACED = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
# an address is looked for from its @, so a text without one costs one search
_AT = re.compile(rf"(?P<at>@|\s?[\[({{<]\s?at\s?[\])}}>]\s?)(?P<domain>{_DOMAIN})", re.IGNORECASE)
_HIDDEN_DOT = re.compile(
    r"(?P<at>\s?[\[({<]\s?at\s?[\])}>]\s?)(?P<domain>[\w-]{1,63}(?:\s?[\[({<]\s?dot\s?[\])}>]\s?[\w-]{1,63}){1,6})",
    re.IGNORECASE,
)
_LOCAL = re.compile(rf"(?:\"[^\"\r\n]{{1,62}}\"|(?:[^\W{_UNSPACED}]|[.+'-])+|[{_UNSPACED}]+)\Z")
# names of files such as logo@2x.png
_FILE_NAMES = re.compile(r"\.(?:png|jpe?g|gif|svg|webp|avif|bmp|ico|pdf|css|js|mjs|ts|html?)\Z", re.IGNORECASE)
_ACCOUNT_OF_GIT = "git"


def find_emails(text: str) -> Iterator[Finding]:
    """Yield the addresses."""
    for pattern in (_AT, _HIDDEN_DOT):
        for match in pattern.finditer(text):
            before = text[max(0, match.start() - MAX_LOCAL_CHARS) : match.start()]
            local = _LOCAL.search(before)
            if local is None:
                continue
            name = local[0].lstrip(".'-")
            is_account = name == _ACCOUNT_OF_GIT and text[match.end() : match.end() + 1] in (":", "/")
            if name and not is_account and not _FILE_NAMES.search(match["domain"]):
                yield Finding("email", match.start() - len(name), match.end(), checked=False)
