"""The file of client keys: read again when it changes, and never believed when it is broken."""

import os

import pytest
from support.clock import fake_clock
from support.keys import made

from app.clients import key_store as module
from app.clients.key_store import LOOK_SECONDS, SETTLED_NS, ReloadingKeyStore
from app.config import Config, ConfigError
from app.config.client_keys import parse_api_keys


@pytest.fixture
def clock(monkeypatch):
    return fake_clock(monkeypatch, module)


@pytest.fixture
def file(tmp_path, clock):
    """Write the file as it was some time ago, and let the time for another look come."""
    path = tmp_path / "keys"

    def write(text):
        path.write_text(text)
        past = clock.time_ns() - 2 * SETTLED_NS
        os.utime(path, ns=(past, past))
        clock.advance(LOOK_SECONDS)
        return path

    return write


ONE, ONE_LINE = made("one")
TWO, TWO_LINE = made("two")


def names(ring):
    return [found and found.name for found in (ring.find(ONE), ring.find(TWO))]


def test_keys_come_from_the_settings_and_the_file(file):
    path = file(f"# ours\n\n{TWO_LINE} debug=true # theirs\n")
    assert names(ReloadingKeyStore(parse_api_keys(ONE_LINE), str(path))) == ["one", "two"]
    assert names(ReloadingKeyStore(None, str(path))) == [None, "two"]
    assert names(ReloadingKeyStore(parse_api_keys(ONE_LINE), None)) == ["one", None]


def test_a_change_is_seen_within_a_second_and_not_looked_for_before(file, clock, caplog):
    caplog.set_level("INFO")
    ring = ReloadingKeyStore(None, str(file(ONE_LINE)))
    clock.advance(-LOOK_SECONDS / 2)
    file(TWO_LINE)
    assert names(ring) == ["one", None]
    clock.advance(LOOK_SECONDS / 2)
    assert names(ring) == [None, "two"]
    assert "1 client keys are known now" in caplog.text


def test_a_file_that_is_just_being_written_is_left_for_the_next_look(file, clock):
    path = file(ONE_LINE)
    ring = ReloadingKeyStore(None, str(path))
    clock.advance(LOOK_SECONDS)
    path.write_text(TWO_LINE)
    os.utime(path, ns=(clock.time_ns(),) * 2)
    assert names(ring) == ["one", None]
    file(TWO_LINE)
    assert names(ring) == [None, "two"]


@pytest.mark.parametrize("broken", ["one:abc", ONE_LINE + "\n" + ONE_LINE, "\x00", None])
def test_a_broken_or_missing_file_leaves_the_keys_as_they_were(file, clock, caplog, broken):
    path = file(ONE_LINE)
    ring = ReloadingKeyStore(None, str(path))
    if broken is None:
        path.unlink()
        clock.advance(LOOK_SECONDS)
    else:
        file(broken)
    assert names(ring) == ["one", None]
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "API_KEYS_FILE has changed and is not used" in caplog.text
    assert ONE_LINE.partition(":")[2] not in caplog.text
    file(TWO_LINE)
    assert names(ring) == [None, "two"]


def test_the_file_is_checked_with_the_other_settings(tmp_path, file):
    with pytest.raises(ConfigError, match="API_KEYS_FILE must be a file that can be read"):
        Config.from_env({"API_KEYS_FILE": str(tmp_path / "none")})
    config = Config.from_env({"API_KEYS_FILE": str(file(ONE_LINE)), "REQUIRE_API_KEYS": "true"})
    assert config.has_keys
