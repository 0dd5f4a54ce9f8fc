"""Client keys, of which the service knows names and hashes only. `python -m app.keys create NAME` makes one."""

import hashlib
import hmac
import re
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass

# a key is this many random bytes, which no hash needs to slow a guesser down for
KEY_BYTES = 32
KEY_PREFIX = "aihf_"
_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
_PAIR = re.compile(rf"({_NAME}):([0-9a-f]{{64}})")


@dataclass(frozen=True, repr=False)
class ClientKeys:
    """The clients that may call, by the SHA-256 of their keys in hexadecimal."""

    _names: Mapping[str, str]

    def client(self, key: str) -> str | None:
        """Return the name of the client that has a key, None where nobody has it; no time tells how near it is."""
        digest = _digest(key)
        found = [name for known, name in self._names.items() if hmac.compare_digest(known, digest)]
        return found[0] if found else None


def client_keys(value: str) -> ClientKeys:
    """Read `name:hash` pairs, separated by commas; raise ValueError for what is none."""
    names: dict[str, str] = {}
    for pair in value.split(","):
        match = _PAIR.fullmatch(pair.strip())
        if match is None or match[1] in names.values() or match[2] in (*names, _digest("")):
            raise ValueError(
                "name:hash pairs separated by commas, each name and each hash once; make them with "
                "python -m app.keys create NAME"
            )
        names[match[2]] = match[1]
    return ClientKeys(names)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def main(arguments: list[str]) -> str:
    """Make a key for the client named in `create NAME`; return what the operator is told."""
    if len(arguments) != 2 or arguments[0] != "create" or not re.fullmatch(_NAME, arguments[1]):
        return "usage: python -m app.keys create NAME (letters, digits, '.', '_' and '-', at most 64)\n"
    key = KEY_PREFIX + secrets.token_urlsafe(KEY_BYTES)
    return f"The key, shown this once:  {key}\nTo be put into API_KEYS:   {arguments[1]}:{_digest(key)}\n"


if __name__ == "__main__":
    sys.stdout.write(main(sys.argv[1:]))
