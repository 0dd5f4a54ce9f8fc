"""The Kubernetes manifests: valid, locked down, and right about the service that they run."""

import re

import pytest
from support.manifests import FOLDERS, SECRET, Object, of_kind, rendered, service_pod, variables

from app.config import Config
from app.version import RELEASE, SERVICE
from app.web.route_groups import OPERATOR_ROUTES, PROBES

# kubectl renders the manifests
pytestmark = pytest.mark.release

every_folder = pytest.mark.parametrize("folder", FOLDERS)


def pods(folder: str) -> list[Object]:
    return [one["spec"]["template"] for one in rendered(folder) if one["kind"] == "Deployment"]


def containers(folder: str) -> list[Object]:
    return [
        container
        for pod in pods(folder)
        for container in (*pod["spec"]["containers"], *pod["spec"].get("initContainers", ()))
    ]


def selectors(value):
    """Yield every selector of pods in an object."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        if key in ("selector", "podSelector", "labelSelector"):
            yield inner.get("matchLabels", inner)
        yield from selectors(inner)


@every_folder
def test_every_object_is_valid_in_the_oldest_version_with_sidecars_and_in_the_newest(folder):
    import kubernetes_validate

    builtin = [one for one in (*rendered(folder), SECRET) if one["kind"] != "ServiceMonitor"]
    assert len(builtin) > 6
    for version in ("1.29", kubernetes_validate.latest_version()):
        for one in builtin:
            kubernetes_validate.validate(one, version, strict=True)


@every_folder
def test_the_service_is_there_with_all_that_guards_and_watches_it(folder):
    kinds = {one["kind"] for one in rendered(folder) if one["metadata"]["name"].startswith("ai-huggingface")}
    assert kinds == {
        "ConfigMap", "Deployment", "HorizontalPodAutoscaler", "NetworkPolicy", "PodDisruptionBudget", "Service",
        "ServiceMonitor",
    }  # fmt: skip
    assert not any("namespace" in one["metadata"] for one in rendered(folder))


@every_folder
def test_every_container_is_locked_down(folder):
    for container in containers(folder):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
    for pod in pods(folder):
        assert pod["spec"]["automountServiceAccountToken"] is False
        context = pod["spec"]["securityContext"]
        assert context["runAsNonRoot"] is True
        assert context["runAsUser"] == context["runAsGroup"] == 65532
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}


@every_folder
def test_every_container_has_its_share_and_its_limit(folder):
    for container in containers(folder):
        resources = container["resources"]
        assert set(resources) == {"requests", "limits"}
        assert set(resources["requests"]) == set(resources["limits"]) == {"cpu", "memory"}
    [service] = service_pod(folder)["spec"]["containers"]
    assert service["resources"] == {
        "requests": {"cpu": "250m", "memory": "64Mi"},
        "limits": {"cpu": "500m", "memory": "128Mi"},
    }


@every_folder
def test_what_is_written_is_written_to_memory(folder):
    spec = service_pod(folder)["spec"]
    [volume], [mount] = spec["volumes"], spec["containers"][0]["volumeMounts"]
    assert volume["emptyDir"]["medium"] == "Memory"
    assert (mount["name"], mount["mountPath"]) == (volume["name"], "/dev/shm")


@every_folder
def test_the_probes_ask_the_routes_that_are_made_for_them(folder):
    [container] = service_pod(folder)["spec"]["containers"]
    asked = {name: container[name]["httpGet"] for name in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert {name: one["path"] for name, one in asked.items()} == {
        "startupProbe": "/health",
        "livenessProbe": "/health",
        "readinessProbe": "/health/ready",
    }
    assert {one["path"] for one in asked.values()} == PROBES, "routes that need no key, and no right Host"
    assert {one["port"] for one in asked.values()} == {"http"}


@every_folder
def test_readiness_is_noticed_while_a_draining_pod_still_accepts(folder):
    probe = service_pod(folder)["spec"]["containers"][0]["readinessProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] < Config.from_env(variables(folder)).drain_delay


@every_folder
def test_a_pod_is_given_the_time_that_its_end_takes(folder):
    config = Config.from_env(variables(folder))
    assert (
        service_pod(folder)["spec"]["terminationGracePeriodSeconds"] >= config.drain_delay + config.shutdown_grace + 5
    )


@every_folder
def test_the_variables_are_settings_and_make_a_config(folder):
    environment = variables(folder)
    assert set(environment) <= set(Config.variables())
    in_the_open = set(environment) - set(SECRET["stringData"]) - {"REDIS_URL"}  # that one holds no password
    assert not in_the_open & Config.secret_variables()
    config = Config.from_env(environment)
    assert config.require_api_keys
    assert config.has_keys
    assert config.server_host == "0.0.0.0"


@every_folder
def test_the_port_is_the_settings_all_the_way(folder):
    [port] = service_pod(folder)["spec"]["containers"][0]["ports"]
    assert port == {"name": "http", "containerPort": Config.from_env(variables(folder)).server_port}
    assert of_kind(folder, "Service", SERVICE)["spec"]["ports"] == [{"name": "http", "port": 80, "targetPort": "http"}]


@every_folder
def test_a_service_of_any_name_changes_no_setting(folder):
    assert all(pod["spec"]["enableServiceLinks"] is False for pod in pods(folder))


@every_folder
def test_selectors_match_pods_that_are_there(folder):
    labels = [pod["metadata"]["labels"] for pod in pods(folder)]
    found = [selector for one in rendered(folder) for selector in selectors(one)]
    assert len(found) >= 7
    for selector in found:
        assert selector, "an empty one would take in every pod of the namespace"
        assert any(selector.items() <= of_pod.items() for of_pod in labels)


def test_replicas_are_left_to_the_autoscaler_and_spread():
    deployment = of_kind("base", "Deployment")["spec"]
    assert "replicas" not in deployment
    assert deployment["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    spread = deployment["template"]["spec"]["topologySpreadConstraints"]
    assert [one["topologyKey"] for one in spread] == ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]
    scaler = of_kind("base", "HorizontalPodAutoscaler")["spec"]
    assert scaler["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": SERVICE}
    assert scaler["minReplicas"] >= 2
    assert of_kind("base", "PodDisruptionBudget")["spec"]["maxUnavailable"] == 1


def test_callers_reach_the_port_alone_and_the_service_no_private_network():
    policy = of_kind("base", "NetworkPolicy")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert policy["ingress"] == [{"ports": [{"port": "http"}]}]
    ports = {port["port"] for rule in policy["egress"] for port in rule["ports"]}
    assert ports == {53, 443}
    [https] = [rule for rule in policy["egress"] if "to" in rule]
    excepted = {network for one in https["to"] for network in one["ipBlock"]["except"]}
    assert {"10.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"} <= excepted


@every_folder
def test_prometheus_is_told_where_the_metrics_are(folder):
    monitor = of_kind(folder, "ServiceMonitor")
    assert monitor["apiVersion"] == "monitoring.coreos.com/v1"
    [endpoint] = monitor["spec"]["endpoints"]
    assert endpoint["path"] in OPERATOR_ROUTES
    service = of_kind(folder, "Service", SERVICE)
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert endpoint["port"] in [port["name"] for port in service["spec"]["ports"]]


@every_folder
def test_images_are_of_this_version(folder):
    images = {container["image"] for container in containers(folder)}
    assert f"{SERVICE}:{RELEASE}" in images
    assert all(re.fullmatch(rf"{SERVICE}:{RELEASE}(-embedded)?|redis:\d+\.\d+-alpine", image) for image in images)


def test_replicas_share_a_redis_that_only_they_reach():
    config = Config.from_env(variables("overlays/redis"))
    assert config.redis_url.reveal() == "redis://ai-huggingface-redis:6379/0"
    service = of_kind("overlays/redis", "Service", "ai-huggingface-redis")["spec"]
    [callers] = of_kind("overlays/redis", "NetworkPolicy", "ai-huggingface-redis")["spec"]["ingress"]
    assert callers["from"] == [{"podSelector": {"matchLabels": {"app.kubernetes.io/name": SERVICE}}}]
    egress = of_kind("overlays/redis", "NetworkPolicy", SERVICE)["spec"]["egress"]
    [to_redis] = [rule for rule in egress if {"port": 6379} in rule["ports"]]
    assert to_redis["to"] == [{"podSelector": {"matchLabels": service["selector"]}}]
    assert len(egress) == len(of_kind("base", "NetworkPolicy")["spec"]["egress"]) + 1
