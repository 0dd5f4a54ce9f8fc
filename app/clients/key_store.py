"""The API keys of the settings, and those of a file that is reloaded when it changes."""

import logging
import time
from pathlib import Path

from app.config.client_keys import ApiKey, ApiKeys, load_key_file

logger = logging.getLogger(__name__)

# the file is checked at most this often, so a key that is removed from it is rejected after this time at the latest
CHECK_SECONDS = 1.0
# a file modified more recently than this may be incomplete and is left for the next check
MIN_AGE_NS = 200_000_000


class ReloadingKeyStore:
    """Finds API keys. While the file is unreadable or invalid, the last valid keys stay in use."""

    def __init__(self, keys: ApiKeys | None, path: str | None) -> None:
        """Load the file at `path`, whose keys are added to `keys`. Raises ValueError if the file is invalid."""
        self._settings_keys = keys or ApiKeys({})
        self._path = path
        self._version: tuple[int, ...] | None = _version(path) if path else None
        self._keys = self._settings_keys | load_key_file(path) if path else self._settings_keys
        self._next_check = time.monotonic() + CHECK_SECONDS

    def find(self, key: str) -> ApiKey | None:
        """Return the entry of a key, or None if the key is unknown."""
        if self._path and time.monotonic() >= self._next_check:
            self._reload_if_changed(self._path)
        return self._keys.find(key)

    def _reload_if_changed(self, path: str) -> None:
        self._next_check = time.monotonic() + CHECK_SECONDS
        version = _version(path)
        if version == self._version or (version and 0 <= time.time_ns() - version[0] < MIN_AGE_NS):
            return
        self._version = version
        try:
            self._keys = self._settings_keys | load_key_file(path)
            logger.info("API_KEYS_FILE was reloaded; %d client keys are valid", len(list(self._keys.clients)))
        except ValueError as error:
            logger.error("API_KEYS_FILE has changed and is not used; it must be %s", error)


def _version(path: str) -> tuple[int, ...] | None:
    """Return values that differ between two versions of a file, also after a replacement; None without a file."""
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
