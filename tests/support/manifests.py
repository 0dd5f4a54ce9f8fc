"""The Kubernetes manifests as kubectl renders them, and the variables that a container of them starts with."""

import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from support.servers import ROOT

KUBECTL = str(Path(sys.executable).with_name("kubectl"))
FOLDERS = ("base", "overlays/embedded", "overlays/redis")
SECRET, CLIENT_KEYS = yaml.safe_load_all((ROOT / "k8s/secret.example.yaml").read_text())

Object = dict[str, Any]


@cache
def rendered(folder: str) -> list[Object]:
    """Return the objects of a folder below k8s/, rendered by kubectl."""
    command = [KUBECTL, "kustomize", str(ROOT / "k8s" / folder)]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert not found.stderr, found.stderr
    return list(yaml.safe_load_all(found.stdout))


def of_kind(folder: str, kind: str, name: str | None = None) -> Object:
    """Return the one object of a kind, and of a name where there are several."""
    [found] = [one for one in rendered(folder) if one["kind"] == kind and name in (None, one["metadata"]["name"])]
    return found


def service_pod(folder: str) -> Object:
    """Return the pod template of the service."""
    return of_kind(folder, "Deployment", "ai-huggingface")["spec"]["template"]


def variables(folder: str) -> dict[str, str]:
    """Return the variables of the service's container, with the content of the mounted key file as API_KEYS."""
    [container] = service_pod(folder)["spec"]["containers"]
    sources = container["envFrom"]
    [settings] = [one["configMapRef"]["name"] for one in sources if "configMapRef" in one]
    [secret] = [one["secretRef"]["name"] for one in sources if "secretRef" in one]
    assert secret == SECRET["metadata"]["name"]
    found = {**of_kind(folder, "ConfigMap", settings)["data"], **SECRET["stringData"]}
    [volume] = [one for one in service_pod(folder)["spec"]["volumes"] if "secret" in one]
    [mount] = [one for one in container["volumeMounts"] if one["name"] == volume["name"]]
    assert volume["secret"]["secretName"] == CLIENT_KEYS["metadata"]["name"]
    assert "subPath" not in mount, "a file by subPath never changes"
    assert found.pop("API_KEYS_FILE") == f"{mount['mountPath']}/keys"
    return {**found, "API_KEYS": CLIENT_KEYS["stringData"]["keys"].strip()}
