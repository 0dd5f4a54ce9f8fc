"""The file of client keys: read with bounds, each fault with its line, and its last valid text for new workers."""

import hashlib
import mmap
import os
import stat

from app.config.client_keys import ApiKeys, parse_api_key_lines

# tens of thousands of keys; a file without an end must not take the memory
MAX_KEY_FILE_BYTES = 4 * 1024**2
_DIGEST_BYTES = hashlib.sha256().digest_size
_LENGTH_BYTES = 8


def load_key_file(path: str) -> ApiKeys:
    """Read a file with one key a line and comments after `#`; raise ValueError, with the line, if it is invalid."""
    return parse_api_key_lines(read_key_file(path))


def read_key_file(path: str) -> str:
    """Return the text of a key file; raise ValueError if it is no readable, regular file of a sensible size."""
    try:
        # without O_NONBLOCK the opening of a named pipe waits for a writer
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            is_regular = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
            data = file.read(MAX_KEY_FILE_BYTES + 1) if is_regular else b""
        text = data.decode()
    except (OSError, UnicodeDecodeError, ValueError):  # a path with a null byte is a ValueError
        is_regular = False
    if not is_regular or len(data) > MAX_KEY_FILE_BYTES:
        raise ValueError("a file that can be read, a regular one of at most 4 MiB in UTF-8")
    if not text.strip():
        raise ValueError("a file that can be read and is not empty; a comment alone means that no key is valid")
    return text


def validate_key_file(value: str) -> str:
    """Return the path of a key file; raise ValueError if the file cannot be read or has a malformed line."""
    load_key_file(value)
    return value


class SharedText:
    """A text in memory that a process shares with the processes it forks. A torn write is read as no text."""

    def __init__(self, max_bytes: int) -> None:
        self._memory = mmap.mmap(-1, _LENGTH_BYTES + _DIGEST_BYTES + max_bytes)

    def write(self, text: str) -> None:
        """Replace the text."""
        data = text.encode()
        head = len(data).to_bytes(_LENGTH_BYTES, "big") + hashlib.sha256(data).digest()
        self._memory[: len(head) + len(data)] = head + data

    def read(self) -> str | None:
        """Return the text, None before the first complete write."""
        length = int.from_bytes(self._memory[:_LENGTH_BYTES], "big")
        start = _LENGTH_BYTES + _DIGEST_BYTES
        data = self._memory[start : start + length]
        return data.decode() if hashlib.sha256(data).digest() == self._memory[_LENGTH_BYTES:start] else None
