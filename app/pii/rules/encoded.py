"""Words in base64 that hold personal data."""

import base64
import binascii
import re
from collections.abc import Callable, Iterator

from app.pii.findings import Finding

MAX_CHARS = 8 * 1024
# upper case, lower case or digits alone are names and numbers
_WORD = re.compile(
    r"(?<![A-Za-z0-9+/_-])(?=[A-Z0-9+/_-]{0,24}[a-z])(?=[a-z0-9+/_-]{0,24}[A-Z])[A-Za-z0-9+/_-]{12,}={0,2}"
)
_TEXT = re.compile(r"[^\x00-\x08\x0e-\x1f\x7f]*")


def find_encoded(text: str, find: Callable[[str], list[Finding]]) -> Iterator[Finding]:
    """Yield each word whose decoded text has a finding, with the kind of the first one."""
    for match in _WORD.finditer(text):
        decoded = _decoded(match[0])
        if decoded and (found := find(decoded)):
            yield Finding(found[0].kind, match.start(), match.end(), checked=found[0].checked)


def _decoded(word: str) -> str:
    """Return the text of a word in base64 or base64url (RFC 4648); none if it is no text."""
    plain = word[:MAX_CHARS].rstrip("=").replace("-", "+").replace("_", "/")
    try:
        text = base64.b64decode(plain + "=" * (-len(plain) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return text if _TEXT.fullmatch(text) else ""
