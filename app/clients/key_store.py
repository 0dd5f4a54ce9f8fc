"""The client keys of the settings, and those of a file that is read again whenever it changes."""

import logging
import time
from pathlib import Path

from app.config.client_keys import ApiKey, ApiKeys, load_key_file

logger = logging.getLogger(__name__)

# a key that was taken out of the file is refused after so many seconds at most
LOOK_SECONDS = 1.0
# a file that was written so shortly ago may be half written
SETTLED_NS = 200_000_000


class ReloadingKeyStore:
    """Finds keys. A file that cannot be read any more, or has faults, leaves the keys as they were, and a log line."""

    def __init__(self, keys: ApiKeys | None, path: str | None) -> None:
        self._fixed = keys or ApiKeys({})
        self._path = path
        self._version: tuple[int, ...] | None = _version(path) if path else None
        self._keys = self._fixed | load_key_file(path) if path else self._fixed
        self._next_look = time.monotonic() + LOOK_SECONDS

    def find(self, key: str) -> ApiKey | None:
        """Return what is known of a key, None where it is none of ours."""
        if self._path and time.monotonic() >= self._next_look:
            self._look(self._path)
        return self._keys.find(key)

    def _look(self, path: str) -> None:
        self._next_look = time.monotonic() + LOOK_SECONDS
        version = _version(path)
        if version == self._version or (version and 0 <= time.time_ns() - version[0] < SETTLED_NS):
            return
        self._version = version
        try:
            self._keys = self._fixed | load_key_file(path)
            logger.info("API_KEYS_FILE has changed; %d client keys are known now", len(list(self._keys.clients)))
        except ValueError as error:
            logger.error("API_KEYS_FILE has changed and is not used; it must be %s", error)


def _version(path: str) -> tuple[int, ...] | None:
    """Return what differs between two versions of a file, also where it was replaced; None where there is none."""
    try:
        facts = Path(path).stat()
    except OSError:
        return None
    return facts.st_mtime_ns, facts.st_size, facts.st_ino
