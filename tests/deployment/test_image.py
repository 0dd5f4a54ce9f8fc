"""The Dockerfile, what is sent to its builder, and the Compose file; .ci/replay.py carries the Dockerfile out."""

import json
import re
import shlex
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from support.servers import ROOT, Upstream, free_port, reply

from app.config import Config
from app.version import RELEASE, SERVICE

HADOLINT = str(Path(sys.executable).with_name("hadolint"))
DOCKERFILE = ROOT / "docker/Dockerfile"
COMPOSE = yaml.safe_load((ROOT / "docker/docker-compose.yml").read_text())
KEYS = {"API_KEYS": "team:" + "a" * 64}


def stages():
    """Return each stage's instructions by its name, as pairs of a word and its argument."""
    text = re.sub(r"(?m)^\s*#.*\n", "", DOCKERFILE.read_text())
    found = {}
    for line in re.sub(r"\\\n\s*", "", text).split("\n"):
        word, _, argument = line.partition(" ")
        if word == "FROM":
            stage = found[argument.split(" AS ")[1]] = []
        elif found and word:
            stage.append((word, argument))
    return found


STAGES = stages()


def arguments(name, stage="service"):
    return [argument for word, argument in STAGES[stage] if word == name]


def image_settings():
    [pairs] = arguments("ENV")
    values = dict(pair.split("=", 1) for pair in shlex.split(pairs))
    return {name: value for name, value in values.items() if name in Config.variables()}


def health_check(port):
    command = [sys.executable, ROOT / "docker/healthcheck.py"]
    return subprocess.run(command, env={"SERVER_PORT": str(port)}, capture_output=True, timeout=30).returncode


@pytest.mark.release
def test_hadolint_has_nothing_to_say():
    found = subprocess.run([HADOLINT, DOCKERFILE], capture_output=True, text=True)
    assert (found.returncode, found.stdout + found.stderr) == (0, "")


def test_both_targets_are_there():
    assert {"service", "service-embedded"} <= set(STAGES)


def test_the_base_can_be_pinned_by_its_digest():
    bases = re.findall(r"(?m)^FROM (python\S+)", DOCKERFILE.read_text())
    assert set(bases) == {"python:3.11-slim-bookworm${BASE_DIGEST}"}


def test_the_image_runs_gunicorn_as_the_readme_says_and_as_nobody():
    assert json.loads(arguments("CMD")[0]) == ["gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"]
    for stage in ("service", "service-embedded"):
        assert arguments("USER", stage)[-1] == "65532:65532", "by number, so that Kubernetes sees that it is not root"


def test_the_labels_name_the_version_and_the_commit():
    labels = dict(pair.split("=", 1) for label in arguments("LABEL") for pair in shlex.split(label))
    assert labels["org.opencontainers.image.version"] == f"{RELEASE}${{COMMIT:++g$COMMIT}}"
    assert labels["org.opencontainers.image.revision"] == "$COMMIT"


def test_the_commit_is_written_where_the_service_reads_it():
    [step] = [argument for argument in arguments("RUN", "installed") if "COMMIT" in argument]
    assert step.endswith("> app/_commit.txt")
    assert all(arguments("ARG", stage) == ['COMMIT=""'] for stage in ("installed", "service"))


def test_no_shell_is_needed_at_run_time():
    [check] = arguments("HEALTHCHECK")
    for command in (check.partition("CMD ")[2], *arguments("CMD")):
        assert json.loads(command), "the exec form"


def test_the_image_listens_for_others_and_outlasts_their_kept_connections():
    config = Config.from_env({**image_settings(), "HUGGINGFACE_API_KEY": "hf_x"})
    assert (config.server_host, config.server_idle_timeout, config.drain_delay) == ("0.0.0.0", 75, 5)
    assert arguments("EXPOSE") == [str(config.server_port)]


def test_the_builder_is_sent_what_it_copies_and_nothing_else():
    everything, *lines = [
        line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")
    ]
    sent = {line[1:] for line in lines if line.startswith("!")}
    copied = {
        source
        for stage in STAGES
        for argument in arguments("COPY", stage)
        if not argument.startswith("--from=")
        for source in argument.split()[:-1]
    }
    assert everything == "*"
    assert sent == copied
    assert all((ROOT / path).exists() for path in sent)
    assert [line for line in lines if not line.startswith("!")] == ["**/__pycache__"]


@pytest.mark.parametrize(("status", "ends_with"), [(200, 0), (503, 1)])
def test_the_health_check_goes_by_what_readiness_answers(status, ends_with):
    with closing(Upstream()) as service:
        service.respond = lambda handler: reply(handler, {}, status)
        assert health_check(urlsplit(service.url).port) == ends_with
        assert [request["path"] for request in service.requests] == ["/health/ready"]


def test_the_health_check_fails_where_nothing_listens():
    assert health_check(free_port()) == 1


@pytest.mark.parametrize("name", ["service", "embedded"])
def test_compose_starts_a_target_of_the_dockerfile(name):
    service = COMPOSE["services"][name]
    build = service["build"]
    assert (ROOT / "docker" / build["context"]).resolve() == ROOT
    assert build["dockerfile"] == "docker/Dockerfile"
    assert build["target"] in STAGES
    assert build["args"] == {"COMMIT": "${COMMIT:-}"}
    suffix = "-embedded" if name == "embedded" else ""
    assert service["image"] == f"{SERVICE}:{RELEASE}{suffix}"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]


@pytest.mark.parametrize("name", ["service", "embedded"])
def test_compose_works_with_the_example_of_all_settings(name):
    """A copy of .env.example says localhost, which nobody outside a container would reach."""
    example = dict(
        line.split("=", 1)
        for line in (ROOT / ".env.example").read_text().splitlines()
        if "=" in line and line[0] != "#"
    )
    service = COMPOSE["services"][name]
    assert set(service["environment"]) <= set(Config.variables())
    given = {**image_settings(), **example, "HUGGINGFACE_API_KEY": "hf_x", **KEYS, **service["environment"]}
    config = Config.from_env(given)
    assert config.server_host == "0.0.0.0"
    assert service["ports"] == [f"127.0.0.1:8080:{config.server_port}"]
    assert config.backend == ("embedded" if name == "embedded" else "huggingface")
    assert config.redis_url.reveal().startswith("redis://redis:6379")
    assert float(service["stop_grace_period"].removesuffix("s")) >= config.drain_delay + config.shutdown_grace + 5
