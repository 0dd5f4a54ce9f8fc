"""The command line: its subcommands, what they print, and their exit status."""

import json
import logging
import re

import pytest
from support.redis import RedisServer
from support.servers import free_port

from app.cli import main
from app.config import Config
from app.config.client_keys import parse_api_keys
from app.version import __version__

UPSTREAM = "http://upstream.example"


@pytest.fixture
def environment(monkeypatch):
    """Set the variables of the service, and no others, for a command that runs in this process."""

    def set_all(**variables):
        for name in Config.variables():
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    yield set_all
    logging.disable(logging.NOTSET)


@pytest.fixture
def one_backend(environment, upstream):
    """Settings with one backend, which lists its models."""
    upstream.get(f"{UPSTREAM}/v1/models", json={"data": []})
    return lambda **more: environment(OPENAI_BASE_URL=f"{UPSTREAM}/v1", **more)


def test_the_version_is_printed(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"ai-huggingface {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [[], ["start"], ["serve", "8080"], ["check", "x"], ["keys"], ["keys", "create"], ["keys", "delete", "x"]],
)
def test_wrong_usage_exits_with_2_and_says_how_the_command_is_used(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("usage: ai-huggingface")


def test_a_new_key_is_printed_with_its_line(capsys):
    assert main(["keys", "create", "team", "operations=generate+chat"]) == 0
    key, line = re.fullmatch(
        r"The key, shown this once: +(\S+)\nTo be put into API_KEYS or API_KEYS_FILE: +(.+)\n", capsys.readouterr().out
    ).groups()
    found = parse_api_keys(line).find(key)
    assert (found.name, found.operations) == ("team", {"generate", "chat"})


def test_a_key_with_a_wrong_attribute_is_wrong_usage(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["keys", "create", "team", "debug=maybe"])
    assert ended.value.code == 2
    assert "the name or an attribute is not valid: API_KEYS must be name:hash pairs" in capsys.readouterr().err


def test_a_check_names_each_wrong_setting_on_a_line(environment, capsys):
    environment(HUGGINGFACE_API_KEY="hf_x", SERVER_PORT="0", LOG_LEVEL="loud")
    assert main(["check"]) == 1
    printed = capsys.readouterr()
    assert [line.split()[0] for line in printed.err.splitlines()] == ["SERVER_PORT", "LOG_LEVEL"]
    assert printed.out == ""


def test_a_check_names_a_model_that_is_not_in_gguf_format(environment, capsys, tmp_path):
    (tmp_path / "model.gguf").write_text("no model")
    environment(AI_BACKEND="embedded", EMBEDDED_MODEL_PATH=str(tmp_path / "model.gguf"))
    assert main(["check"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert re.fullmatch(r"EMBEDDED_MODEL_PATH must name a GGUF file, .*\n", printed.err)


def test_a_check_prints_the_latency_of_a_backend_that_responds(one_backend, capsys):
    one_backend()
    assert main(["check"]) == 0
    settings, backend = capsys.readouterr().out.splitlines()
    assert settings == "settings: ok"
    assert re.fullmatch(r"openai \(primary\): ok, [\d.]+ ms", backend)


def test_a_check_shows_the_calibrations(one_backend, capsys, tmp_path):
    entry = {"operation": "sentiment", "model": "small", "temperature": 2, "bias": {"negative": 0, "positive": 1}}
    (tmp_path / "calibration.json").write_text(json.dumps({"version": 1, "calibrations": [entry]}))
    one_backend(CALIBRATION_FILE=str(tmp_path / "calibration.json"))
    assert main(["check"]) == 0
    assert "calibration: sentiment by small, labels negative, positive\n" in capsys.readouterr().out


def test_a_check_prints_the_error_of_the_primary_backend_and_fails(environment, upstream, capsys):
    upstream.get(f"{UPSTREAM}/v1/models", status=401)
    environment(OPENAI_BASE_URL=f"{UPSTREAM}/v1")
    assert main(["check"]) == 1
    printed = capsys.readouterr()
    assert re.search(r"openai \(primary\): failed after [\d.]+ ms; upstream_authentication_error: \w", printed.out)
    assert printed.err == ""


def test_a_check_succeeds_if_another_backend_than_the_primary_fails(one_backend, upstream, capsys):
    upstream.get(re.compile(r"https://router\.huggingface\.co/.*"), status=401)
    one_backend(AI_BACKEND="openai", HUGGINGFACE_API_KEY="hf_x")
    assert main(["check"]) == 0
    assert re.search(r"^huggingface: failed after", capsys.readouterr().out, re.MULTILINE)


def test_a_check_covers_redis(one_backend, redis: RedisServer, capsys):
    one_backend(REDIS_URL=redis.url)
    assert main(["check"]) == 0
    assert re.search(r"^redis: ok, [\d.]+ ms$", capsys.readouterr().out, re.MULTILINE)


def test_a_check_prints_that_redis_does_not_respond(one_backend, capsys):
    one_backend(REDIS_URL=f"redis://127.0.0.1:{free_port()}")
    assert main(["check"]) == 0
    assert re.search(r"^redis: failed after [\d.]+ ms; no response in time$", capsys.readouterr().out, re.MULTILINE)


def test_a_check_of_an_engine_that_another_process_runs_starts_none(environment, upstream, capsys):
    upstream.get("http://127.0.0.1:9/health", json={})
    environment(AI_BACKEND="embedded", EMBEDDED_START="false", EMBEDDED_PORT="9")
    assert main(["check"]) == 0
    assert re.search(r"^embedded \(primary\): ok", capsys.readouterr().out, re.MULTILINE)


def test_an_interrupt_is_one_line(monkeypatch, capsys):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr("app.cli.check.check", interrupted)
    assert main(["check"]) == 1
    assert capsys.readouterr().err == "Interrupted.\n"


def test_a_check_warns_of_misspelt_settings(one_backend, monkeypatch, capsys):
    one_backend()
    monkeypatch.setenv("RATE_LIMITS", "5/minute")
    assert main(["check"]) == 0
    assert "warning: RATE_LIMITS is not a setting; did you mean RATE_LIMIT?\n" in capsys.readouterr().out
