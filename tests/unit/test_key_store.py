"""The file of API keys: reloaded when it changes, and ignored while it is invalid."""

import os

import pytest
from support.clock import fake_clock
from support.keys import made

from app.clients import key_store as module
from app.clients.key_store import CHECK_SECONDS, MIN_AGE_NS, ReloadingKeyStore
from app.config import Config, ConfigError
from app.config.client_keys import parse_api_keys
from app.config.key_file import MAX_KEY_FILE_BYTES, SharedText


@pytest.fixture(autouse=True)
def _nothing_shared(monkeypatch):
    monkeypatch.setattr(ReloadingKeyStore, "last_valid", None)


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
        self.pass_time()

    def pass_time(self):
        """Let time pass until a store has to notice a change."""
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


TWICE, TWICE_LINE = made("one")


def test_two_keys_of_one_client_may_stand_beside_each_other(file):
    store = load(file, f"{ONE_LINE}\n{TWICE_LINE}\n")
    assert [store.find(key).name for key in (ONE, TWICE)] == ["one", "one"]
    file.change(ONE_LINE)
    both = ReloadingKeyStore(parse_api_keys(TWICE_LINE), str(file.path))
    assert [both.find(key).name for key in (ONE, TWICE)] == ["one", "one"]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("nonsense", "begins with no name:hash pair"),
        (f"{TWO_LINE} colour=red", "has an unknown attribute"),
        (f"{TWO_LINE} debug=true debug=true", "has an attribute twice"),
        (f"{TWO_LINE} expires=tomorrow", "has an invalid value of expires"),
        (f"{TWO_LINE} rate_limit=many", "has an invalid value of rate_limit"),
        (ONE_LINE.replace("one:", "three:"), "has the hash of another entry, one"),
        (f"{TWICE_LINE} rate_limit=1/day", "has other limits than another key of the same name, one"),
    ],
    ids=["no pair", "unknown", "twice", "expires", "rate limit", "same hash", "other limits"],  # keys are random
)
def test_a_fault_names_its_line_and_repeats_no_text(file, caplog, line, fault):
    store = load(file)
    file.change(f"# keys\n\n{ONE_LINE}\n{line} # {fault}\n")
    assert not store.file_is_valid()
    assert caplog.messages[-1].endswith(f"; line 4 {fault}")
    assert "nonsense" not in caplog.text
    with pytest.raises(ConfigError, match=f"API_KEYS_FILE must be a file .* line 4 {fault}"):
        Config.from_env({"API_KEYS_FILE": str(file.path), "HUGGINGFACE_API_KEY": "hf_x"})


@pytest.mark.parametrize("text", ["", "\n \n"])
def test_the_last_valid_keys_stay_in_use_while_the_file_is_empty(file, text):
    store = load(file)
    file.change(text)
    assert names(store) == ["one", None]
    file.change("# no key is valid\n")
    assert names(store) == [None, None]
    assert store.file_is_valid()


@pytest.mark.parametrize("kind", ["pipe", "endless", "folder", "large"])
def test_a_file_that_is_no_file_or_has_no_end_is_a_fault(file, kind):
    store = load(file)
    file.path.unlink()
    if kind == "pipe":
        os.mkfifo(file.path)
    elif kind == "endless":
        file.path.symlink_to("/dev/zero")
    elif kind == "folder":
        file.path.mkdir()
    else:
        file.path.write_text("#" * (MAX_KEY_FILE_BYTES + 1))
    file.pass_time()
    assert not store.file_is_valid()
    assert names(store) == ["one", None]


def test_a_path_that_no_file_can_have_is_a_fault():
    with pytest.raises(ValueError, match="a regular one"):
        ReloadingKeyStore(None, "\0")


def test_expired_keys_are_named_at_the_start_and_after_a_reload(file, caplog):
    load(file, f"{ONE_LINE} expires=2020-01-01").find(ONE)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "The client key one has expired" in caplog.text
    store = load(file, TWO_LINE)
    file.change(f"{TWO_LINE} expires=2020-01-01")
    assert store.find(TWO).has_expired
    assert "The client key two has expired" in caplog.text


@pytest.fixture
def shared():
    ReloadingKeyStore.share_last_valid()


def test_a_new_worker_starts_with_the_last_valid_keys_of_any_worker(file, caplog, shared):
    first = load(file)
    file.change(TWO_LINE)
    assert names(first) == [None, "two"]
    file.change("nonsense")
    second = ReloadingKeyStore(None, str(file.path))
    assert names(second) == [None, "two"]
    assert not second.file_is_valid()
    assert "API_KEYS_FILE has changed and is not used" in caplog.text
    file.change(ONE_LINE)
    assert names(second) == ["one", None]
    assert second.file_is_valid()


def test_the_first_worker_does_not_start_with_an_invalid_file(file, shared):
    with pytest.raises(ValueError, match="line 1"):
        load(file, "nonsense")


def test_a_key_of_the_settings_and_the_file_is_a_fault(file):
    file.change(ONE_LINE)
    with pytest.raises(ValueError, match="an entry has the hash of another entry, one"):
        ReloadingKeyStore(parse_api_keys(ONE_LINE), str(file.path))


def test_a_shared_text_is_the_last_one_written():
    text = SharedText(100)
    assert text.read() is None
    text.write("keys é")
    text.write("keys ö")
    assert text.read() == "keys ö"


def test_the_file_is_validated_with_the_other_settings(tmp_path, file):
    with pytest.raises(ConfigError, match="API_KEYS_FILE must be a file that can be read"):
        Config.from_env({"API_KEYS_FILE": str(tmp_path / "none")})
    file.write(ONE_LINE)
    config = Config.from_env({"API_KEYS_FILE": str(file.path), "REQUIRE_API_KEYS": "true"})
    assert config.has_keys
