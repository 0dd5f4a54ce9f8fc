"""Reads the control tokens of a GGUF file, from the metadata at its beginning.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

MAGIC = b"GGUF"
CONTROL = 3  # llama.cpp's LLAMA_TOKEN_TYPE_CONTROL
MAX_TOKENS = 2**21
MAX_STRING_BYTES = 2**26
_STRING, _ARRAY = 8, 9
# bytes of each type of a fixed size
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_TOKENS, _TYPES = "tokenizer.ggml.tokens", "tokenizer.ggml.token_type"


def control_tokens(file: Path) -> frozenset[str]:
    """Return the texts that the model's tokenizer reads as control tokens; empty if the file cannot be read."""
    try:
        with file.open("rb") as stream:
            found = dict(_vocabulary(stream))
    except (OSError, ValueError, KeyError, struct.error):
        return frozenset()
    data = b"".join(found.get(_TYPES, ()))
    types = struct.unpack(f"<{len(data) // 4}i", data)
    pairs = zip(found.get(_TOKENS, ()), types, strict=False)
    return frozenset(token.decode(errors="replace") for token, kind in pairs if kind == CONTROL)


def _vocabulary(stream: BinaryIO) -> Iterator[tuple[str, list[bytes]]]:
    """Yield the two arrays of the vocabulary; the rest of the file is not read."""
    magic, _version, _tensors, entries = struct.unpack("<4sIQQ", stream.read(24))
    if magic != MAGIC:
        raise ValueError
    wanted = {_TOKENS, _TYPES}
    for _ in range(entries):
        name = _string(stream).decode(errors="replace")
        (kind,) = struct.unpack("<I", stream.read(4))
        value = _value(stream, kind)
        if name in wanted:
            wanted.remove(name)
            yield name, value
        if not wanted:
            return


def _value(stream: BinaryIO, kind: int) -> list[bytes]:
    """Read one value; return the strings of an array of strings, the bytes of any other value."""
    if kind == _STRING:
        return [_string(stream)]
    if kind != _ARRAY:
        return [stream.read(_SIZES[kind])]
    item, count = struct.unpack("<IQ", stream.read(12))
    if count > MAX_TOKENS:
        raise ValueError
    if item == _STRING:
        return [_string(stream) for _ in range(count)]
    return [stream.read(_SIZES[item] * count)]


def _string(stream: BinaryIO) -> bytes:
    (length,) = struct.unpack("<Q", stream.read(8))
    if length > MAX_STRING_BYTES:
        raise ValueError
    return stream.read(length)
