"""Offsets in a text, in the units of other languages: Java and JavaScript count UTF-16 units, Go and Rust bytes."""

from collections.abc import Iterable, Mapping

CODE_POINTS, UTF16, BYTES = "code_points", "utf16", "bytes"
UNITS = (CODE_POINTS, UTF16, BYTES)

# without the mark of byte order; halves of surrogate pairs, which JSON can carry, count as one unit
_CODECS = {UTF16: ("utf-16-le", 2), BYTES: ("utf-8", 1)}


def converted(text: str, offsets: Iterable[int], unit: str) -> Mapping[int, int]:
    """Return each offset in code points with its offset in `unit`, which is one of UNITS.

    Offsets are from 0 to the length of the text. The time is linear in the length of the text.
    """
    ordered = sorted(set(offsets))
    if unit == CODE_POINTS or text.isascii():
        return {offset: offset for offset in ordered}
    codec, size = _CODECS[unit]
    found: dict[int, int] = {}
    start = position = 0
    for offset in ordered:
        position += len(text[start:offset].encode(codec, "surrogatepass")) // size
        start = offset
        found[offset] = position
    return found
