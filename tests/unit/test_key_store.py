"""The file of API keys: reloaded when it changes, and ignored while it is invalid."""

import os

import pytest
from support.clock import fake_clock
from support.keys import made

from app.clients import key_store as module
from app.clients.key_store import CHECK_SECONDS, MIN_AGE_NS, ReloadingKeyStore
from app.config import Config, ConfigError
from app.config.client_keys import parse_api_keys


@pytest.fixture
def clock(monkeypatch):
    return fake_clock(monkeypatch, module)


class KeyFile:
    """A file of keys whose time of modification follows the fake clock."""

    def __init__(self, path, clock):
        self.path = path
        self._clock = clock

    def write(self, text):
        self.path.write_text(text)
        os.utime(self.path, ns=(self._clock.time_ns(),) * 2)

    def change(self, text):
        """Replace the text, and let time pass until a store has to notice it."""
        self.write(text)
        self._clock.advance(CHECK_SECONDS + MIN_AGE_NS / 1e9)


@pytest.fixture
def file(tmp_path, clock):
    return KeyFile(tmp_path / "keys", clock)


ONE, ONE_LINE = made("one")
TWO, TWO_LINE = made("two")


def load(file, text=ONE_LINE):
    file.change(text)
    return ReloadingKeyStore(None, str(file.path))


def names(store):
    return [entry and entry.name for entry in (store.find(ONE), store.find(TWO))]


def test_keys_come_from_the_settings_and_the_file(file):
    file.change(f"# a comment\n\n{TWO_LINE} debug=true # another comment\n")
    path = str(file.path)
    assert names(ReloadingKeyStore(parse_api_keys(ONE_LINE), path)) == ["one", "two"]
    assert names(ReloadingKeyStore(None, path)) == [None, "two"]
    assert names(ReloadingKeyStore(parse_api_keys(ONE_LINE), None)) == ["one", None]


def test_a_change_is_noticed_at_the_next_check_and_not_before(file, clock, caplog):
    caplog.set_level("INFO")
    store = load(file)
    file.write(TWO_LINE)
    clock.advance(CHECK_SECONDS - 0.01)
    assert names(store) == ["one", None]
    clock.advance(0.01)
    assert names(store) == [None, "two"]
    assert "API_KEYS_FILE was reloaded; 1 client keys are valid" in caplog.text


def test_a_file_that_was_modified_just_now_is_left_for_the_next_check(file, clock):
    store = load(file)
    clock.advance(CHECK_SECONDS)
    file.write(TWO_LINE)
    assert names(store) == ["one", None]
    clock.advance(CHECK_SECONDS)
    assert names(store) == [None, "two"]


@pytest.mark.parametrize("invalid", ["one:abc", ONE_LINE + "\n" + ONE_LINE, "\x00"])
def test_the_last_valid_keys_stay_in_use_while_the_file_is_invalid(file, caplog, invalid):
    store = load(file)
    file.change(invalid)
    _assert_kept_and_logged(store, caplog)
    file.change(TWO_LINE)
    assert names(store) == [None, "two"]


def test_the_last_valid_keys_stay_in_use_while_the_file_is_missing(file, clock, caplog):
    store = load(file)
    file.path.unlink()
    clock.advance(CHECK_SECONDS)
    _assert_kept_and_logged(store, caplog)
    file.change(TWO_LINE)
    assert names(store) == [None, "two"]


def _assert_kept_and_logged(store, caplog):
    assert names(store) == ["one", None]
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "API_KEYS_FILE has changed and is not used" in caplog.text
    assert ONE_LINE.partition(":")[2] not in caplog.text


def test_the_file_is_validated_with_the_other_settings(tmp_path, file):
    with pytest.raises(ConfigError, match="API_KEYS_FILE must be a file that can be read"):
        Config.from_env({"API_KEYS_FILE": str(tmp_path / "none")})
    file.write(ONE_LINE)
    config = Config.from_env({"API_KEYS_FILE": str(file.path), "REQUIRE_API_KEYS": "true"})
    assert config.has_keys
