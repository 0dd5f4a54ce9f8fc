"""Secrets: keys of well-known services, tokens, private keys, and passwords in URLs."""

import re
from collections.abc import Iterator

from app.pii.findings import Finding

_PREFIXED = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"sk-(?:[a-z]{2,8}-)*[A-Za-z0-9_-]{20,200}"  # OpenAI, Anthropic
    r"|(?:sk|pk|rk)_(?:live|test)_[A-Za-z0-9]{16,120}"  # Stripe
    r"|hf_[A-Za-z0-9]{20,60}"
    r"|gh[pousr]_[A-Za-z0-9]{30,255}|github_pat_[A-Za-z0-9_]{30,120}"
    r"|glpat-[A-Za-z0-9_-]{20,60}"
    r"|(?:AKIA|ASIA)[0-9A-Z]{16}"  # AWS
    r"|AIza[0-9A-Za-z_-]{35}"  # Google
    r"|xox[abeoprs]-[A-Za-z0-9-]{10,200}"  # Slack
    r"|SG\.[A-Za-z0-9_-]{16,40}\.[A-Za-z0-9_-]{16,60}"
    r"|npm_[A-Za-z0-9]{36}|pypi-[A-Za-z0-9_-]{50,250}"
    r"|aihf_[A-Za-z0-9_-]{43}"
    r"|eyJ[A-Za-z0-9_-]{8,500}\.eyJ[A-Za-z0-9_-]{8,2500}\.[A-Za-z0-9_-]{8,800}"  # JSON Web Tokens
    r")"
)
_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----[A-Za-z0-9+/=\s:,-]{1,4000}?-----END [A-Z ]{0,20}PRIVATE KEY-----"
)
_URL_PASSWORD = re.compile(r"(?<=://)[^\s/:@?#]{1,128}:[^\s/@?#]{1,128}(?=@)")
_ASSIGNED = re.compile(
    r"(?<![A-Za-z0-9])(?:password|passwort|passwd|pwd|api[_ -]?key|secret[_ -]?key|access[_ -]?token|auth[_ -]?token|"
    r"client[_ -]?secret|mot de passe|contraseña)[\"']?\s{0,3}(?:[:=]|\bis\b)\s{0,3}"
    r"[\"']?(?P<value>[^\s\"',;<>]{6,200})",
    re.IGNORECASE,
)
_IS_SECRET = re.compile(r"(?=.*\d)(?=.*[^\W\d_])|(?=.*[^\w.])(?=.*\w)")


def find_secrets(text: str) -> Iterator[Finding]:
    """Yield keys by their prefixes, private keys, passwords in URLs, and values that a word before them names."""
    for pattern in (_PREFIXED, _PRIVATE_KEY, _URL_PASSWORD):
        for match in pattern.finditer(text):
            yield Finding("secret", match.start(), match.end(), checked=False)
    for match in _ASSIGNED.finditer(text):
        value = match["value"].rstrip(".)]}")
        if _IS_SECRET.search(value):
            yield Finding("secret", match.start("value"), match.start("value") + len(value), checked=False)
