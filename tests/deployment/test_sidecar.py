"""The engine as a sidecar: the command of the manifest, and a service that uses this engine."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from support.keys import made
from support.manifests import service_pod, variables
from support.servers import ROOT, Service, free_port, until

from app.config import Config
from app.config.model_file import model_file, model_name

FOLDER = "overlays/embedded"
# kubectl renders the manifests
pytestmark = pytest.mark.release


def sidecar(name):
    [container] = [one for one in service_pod(FOLDER)["spec"]["initContainers"] if one["name"] == name]
    return container


def engine():
    return sidecar("engine")


@pytest.mark.parametrize("name", ["engine", "encoder"])
def test_engine_and_encoder_are_native_sidecars_with_probes(name):
    found = sidecar(name)
    assert found["restartPolicy"] == "Always"
    assert found["startupProbe"]["exec"] == found["livenessProbe"]["exec"], "both listen on loopback only"


def test_encoder_and_service_have_the_same_port():
    config = Config.from_env(variables(FOLDER))
    *_, module, parent, port, threads = sidecar("encoder")["command"]
    assert (module, parent, config.encoder_port) == ("app.embedded.encoder.process", "0", int(port))
    assert f":{port}/health" in sidecar("encoder")["startupProbe"]["exec"]["command"][-1]
    assert float(threads) <= float(sidecar("encoder")["resources"]["limits"]["cpu"])


def test_engine_and_service_have_the_same_port_and_model():
    config = Config.from_env(variables(FOLDER))
    *_, module, parent, port, threads, file, name = engine()["command"]
    assert (module, parent) == ("app.embedded.engine", "0")
    assert (config.backend, config.embedded_start, config.embedded_port) == ("embedded", False, int(port))
    assert f":{port}/health" in engine()["startupProbe"]["exec"]["command"][-1]
    assert name == model_name(config.embedded_model_path) == model_name(file)
    assert Path(file).name == config.embedded_model_path == model_file(None).name
    assert float(threads) <= float(engine()["resources"]["limits"]["cpu"])


@pytest.fixture
def service():
    """A service with the settings of the manifest, and the engine with the command of the manifest."""
    key, line = made()
    port, encoder_port = str(free_port()), str(free_port())
    changed = {
        "EMBEDDED_PORT": port,
        "ENCODER_PORT": encoder_port,
        "SERVER_HOST": "127.0.0.1",
        "API_KEYS": line,
        "DRAIN_DELAY": "0s",
    }
    given = {name: value for name, value in variables(FOLDER).items() if name != "SERVER_PORT"}
    _, *words, _, _, threads, _, name = engine()["command"]
    command = [sys.executable, *words, str(os.getpid()), port, threads, str(model_file(None)), name]
    _, *words, _, _, threads = sidecar("encoder")["command"]
    encoder = [sys.executable, *words, str(os.getpid()), encoder_port, threads]
    sidecars = [subprocess.Popen(one, cwd=ROOT, stderr=subprocess.DEVNULL) for one in (command, encoder)]
    running = Service(**{**given, **changed})
    running.key = key
    until(running.is_ready)
    yield running
    running.stop()
    for one in sidecars:
        one.terminate()
    assert [one.wait(30) for one in sidecars] == [0, 0]


def test_service_uses_the_sidecars_and_starts_no_engine(service):
    headers = {"Authorization": f"Bearer {service.key}"}
    url = f"{service.url}/v1/text/generate"
    response = requests.post(url, json={"prompt": "Hi.", "max_tokens": 1}, headers=headers, timeout=30)
    assert response.status_code == 200
    assert response.headers["X-AI-Model"] == engine()["command"][-1]
    response = requests.post(f"{service.url}/v1/embeddings", json={"input": "Hi."}, headers=headers, timeout=30)
    assert response.status_code == 200
    assert not [one for one in service.processes() if "app.embedded.supervisor" in one.cmdline()]
