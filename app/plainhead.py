"""Heads of requests as almost all are, read in one go; gunicorn's parser, for all others, takes each apart by lines."""

import re

_HEAD = re.compile(
    rb"(GET|POST) (/[A-Za-z0-9._~/-]{0,500}) HTTP/1\.1\r\n"
    rb"((?:[A-Za-z0-9-]{1,100}: [\x20-\x7e]{1,4000}\r\n){1,50})\r\n"
)
# what has to be agreed on, or may not be there twice, is looked at more closely
_DECISIVE = frozenset(("EXPECT", "TRANSFER-ENCODING", "UPGRADE"))

Head = tuple[str, str, list[tuple[str, str]], bytes]


def plain_head(data: bytes) -> Head | None:
    """Return method, path, headers with their names in capitals, and what follows; None where it is not plain."""
    head = _HEAD.match(data)
    if head is None:
        return None
    method, path, block = head[0].decode("ascii").split(" ", 2)
    lines = [line.partition(": ") for line in block.split("\r\n")[1:-2]]
    headers = {name.upper(): value.strip(" ") for name, _, value in lines}
    if len(headers) < len(lines) or not _DECISIVE.isdisjoint(headers):
        return None
    return method, path, list(headers.items()), data[head.end() :]
