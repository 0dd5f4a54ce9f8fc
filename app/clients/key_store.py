"""The API keys of the settings, and those of a file that is reloaded when it changes."""

import logging
import time
from pathlib import Path

from app.config.client_keys import ApiKey, ApiKeys, parse_api_key_lines
from app.config.key_file import MAX_KEY_FILE_BYTES, SharedText, read_key_file

logger = logging.getLogger(__name__)

# the file is checked at most this often, so a key that is removed from it is rejected after this time at the latest
CHECK_SECONDS = 1.0
# a file modified more recently than this may be incomplete and is left for the next check
MIN_AGE_NS = 200_000_000


class ReloadingKeyStore:
    """Finds API keys. While the file is unreadable or invalid, the last valid keys stay in use."""

    # The last valid text of the file, in memory that gunicorn's workers share: a new worker starts with it. The
    # server sets it before the first worker starts.
    last_valid: SharedText | None = None

    def __init__(self, keys: ApiKeys | None, path: str | None) -> None:
        """Load the file at `path`, whose keys are added to `keys`.

        Raises ValueError if the file is invalid and no worker has loaded a valid one before.
        """
        self._settings_keys = keys or ApiKeys({})
        self._path = path
        self._version: tuple[int, ...] | None = _version(path) if path else None
        self._file_is_valid = True
        self._keys = self._load_first(path) if path else self._settings_keys
        self._next_check = time.monotonic() + CHECK_SECONDS
        _warn_of_expired_keys(self._keys)

    @classmethod
    def share_last_valid(cls) -> None:
        """Let the processes that this one forks share the last valid text of the file."""
        cls.last_valid = cls.last_valid or SharedText(MAX_KEY_FILE_BYTES)

    def find(self, key: str) -> ApiKey | None:
        """Return the entry of a key, or None if the key is unknown."""
        self._reload_if_due()
        return self._keys.find(key)

    def file_is_valid(self) -> bool:
        """Return whether the file, as it is now, is the one in use."""
        self._reload_if_due()
        return self._file_is_valid

    def _reload_if_due(self) -> None:
        if not self._path or time.monotonic() < self._next_check:
            return
        self._next_check = time.monotonic() + CHECK_SECONDS
        version = _version(self._path)
        if version == self._version or (version and 0 <= time.time_ns() - version[0] < MIN_AGE_NS):
            return
        self._version = version
        try:
            self._keys = self._load(self._path)
            logger.info("API_KEYS_FILE was reloaded; %d client keys are valid", len(list(self._keys.clients)))
            _warn_of_expired_keys(self._keys)
        except ValueError as error:
            self._report(error)

    def _load_first(self, path: str) -> ApiKeys:
        try:
            return self._load(path)
        except ValueError as error:
            text = self.last_valid.read() if self.last_valid else None
            if text is None:
                raise
            self._report(error)
            return self._settings_keys | parse_api_key_lines(text)

    def _load(self, path: str) -> ApiKeys:
        text = read_key_file(path)
        keys = self._settings_keys | parse_api_key_lines(text)
        self._file_is_valid = True
        if self.last_valid:
            self.last_valid.write(text)
        return keys

    def _report(self, error: ValueError) -> None:
        self._file_is_valid = False
        logger.error("API_KEYS_FILE has changed and is not used; it must be %s", error)


def _warn_of_expired_keys(keys: ApiKeys) -> None:
    for key in keys.clients:
        if key.has_expired:
            logger.warning("The client key %s has expired: its `expires` is %s", key.name, key.expires)


def _version(path: str) -> tuple[int, ...] | None:
    """Return values that differ between two versions of a file, also after a replacement; None without a file."""
    try:
        status = Path(path).stat()
    except (OSError, ValueError):
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
