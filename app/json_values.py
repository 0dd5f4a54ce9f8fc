"""Bounds the number of values in JSON before it is parsed."""

import re

# A text of 16 MiB needs 16 MiB, but 5 million empty lists in 16 MiB need 400 MB. OpenAI's embeddings take 300,000 token
# ids in 2,048 lists; both limits together allow about 40 MB of values.
MAX_ITEMS = 400_000
MAX_CONTAINERS = 100_000


def _more_than(limit: int, characters: bytes) -> re.Pattern[bytes]:
    """Return a pattern that matches JSON with more than `limit` of these characters outside of strings."""
    # in one pass and in constant memory: possessive quantifiers never go back
    outside = rb'[^"%b]*+' % characters
    string = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
    skipped = rb"%b(?:%b%b)*+" % (outside, string, outside)
    return re.compile(rb"(?:%b[%b]){%d}" % (skipped, characters, limit + 1), re.DOTALL)


_TOO_MANY_ITEMS = _more_than(MAX_ITEMS, rb",")
_TOO_MANY_CONTAINERS = _more_than(MAX_CONTAINERS, rb"\[{:")


def exceeds_json_values(data: bytes) -> bool:
    """Return whether JSON has more items, or more lists, objects and keys, than the service parses."""
    if len(data) <= MAX_CONTAINERS:
        return False
    # the characters may all be in strings, such as a long text of code
    if data.count(b",") > MAX_ITEMS and _TOO_MANY_ITEMS.match(data):
        return True
    containers = data.count(b"[") + data.count(b"{") + data.count(b":")
    return containers > MAX_CONTAINERS and _TOO_MANY_CONTAINERS.match(data) is not None
