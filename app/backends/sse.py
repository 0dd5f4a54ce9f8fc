"""Server-sent events, as the WHATWG HTML standard defines the format (section 9.2.6)."""

import re
from collections.abc import Iterator

_LINE_END = re.compile(rb"\r\n|\n|\r")


def event_data(body: bytes) -> Iterator[bytes]:
    """Yield the data of each event of a whole event stream; comments and other fields are left out.

    An event that the end of the stream cuts off is yielded all the same: the servers that send a last event without
    a blank line after it are many, and JSON that is cut off shows itself.
    """
    data: list[bytes] = []
    for line in _LINE_END.split(body):
        if line.startswith(b"data:"):
            data.append(line[5:].removeprefix(b" "))
        elif not line and data:
            yield b"\n".join(data)
            data = []
    if data:
        yield b"\n".join(data)
