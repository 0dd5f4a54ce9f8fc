"""The Kubernetes manifests: valid, without privileges, and consistent with the settings."""

import re

import pytest
from support.manifests import CLIENT_KEYS, FOLDERS, SECRET, Object, of_kind, rendered, service_pod, variables

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
    """Yield every pod selector in an object."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        if key in ("selector", "podSelector", "labelSelector"):
            yield inner.get("matchLabels", inner)
        yield from selectors(inner)


@every_folder
def test_every_object_is_valid_in_the_oldest_supported_and_the_newest_version(folder):
    import kubernetes_validate

    builtin = [one for one in (*rendered(folder), SECRET, CLIENT_KEYS) if one["kind"] != "ServiceMonitor"]
    assert len(builtin) > 6
    for version in ("1.29", kubernetes_validate.latest_version()):
        for one in builtin:
            kubernetes_validate.validate(one, version, strict=True)


@every_folder
def test_all_objects_of_the_service_exist(folder):
    kinds = {one["kind"] for one in rendered(folder) if one["metadata"]["name"].startswith("ai-huggingface")}
    assert kinds == {
        "ConfigMap", "Deployment", "HorizontalPodAutoscaler", "NetworkPolicy", "PodDisruptionBudget", "Service",
        "ServiceMonitor",
    }  # fmt: skip
    assert not any("namespace" in one["metadata"] for one in rendered(folder))


@every_folder
def test_every_container_runs_without_privileges(folder):
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
def test_every_container_has_requests_and_limits(folder):
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
def test_the_writable_volume_is_in_memory(folder):
    spec = service_pod(folder)["spec"]
    volume, mount = spec["volumes"][0], spec["containers"][0]["volumeMounts"][0]
    assert volume["emptyDir"]["medium"] == "Memory"
    assert (mount["name"], mount["mountPath"]) == (volume["name"], "/dev/shm")


@every_folder
def test_probes_use_the_health_routes(folder):
    [container] = service_pod(folder)["spec"]["containers"]
    probes = {name: container[name]["httpGet"] for name in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert {name: one["path"] for name, one in probes.items()} == {
        "startupProbe": "/health",
        "livenessProbe": "/health",
        "readinessProbe": "/health/ready",
    }
    assert {one["path"] for one in probes.values()} == PROBES, "routes without keys and without a check of Host"
    assert {one["port"] for one in probes.values()} == {"http"}


@every_folder
def test_readiness_probe_fails_before_a_draining_pod_stops_listening(folder):
    probe = service_pod(folder)["spec"]["containers"][0]["readinessProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] < Config.from_env(variables(folder)).drain_delay


@every_folder
def test_termination_grace_period_covers_drain_and_grace(folder):
    config = Config.from_env(variables(folder))
    assert (
        service_pod(folder)["spec"]["terminationGracePeriodSeconds"] >= config.drain_delay + config.shutdown_grace + 5
    )


@every_folder
def test_variables_are_valid_settings(folder):
    environment = variables(folder)
    assert set(environment) <= set(Config.variables())
    public = set(environment) - set(SECRET["stringData"]) - {"API_KEYS", "REDIS_URL"}  # its URL has no password
    assert not public & Config.secret_variables()
    config = Config.from_env(environment)
    assert config.require_api_keys
    assert config.has_keys
    assert config.server_host == "0.0.0.0"


@every_folder
def test_ports_match_the_setting(folder):
    [port] = service_pod(folder)["spec"]["containers"][0]["ports"]
    assert port == {"name": "http", "containerPort": Config.from_env(variables(folder)).server_port}
    assert of_kind(folder, "Service", SERVICE)["spec"]["ports"] == [{"name": "http", "port": 80, "targetPort": "http"}]


@every_folder
def test_service_links_are_disabled(folder):
    assert all(pod["spec"]["enableServiceLinks"] is False for pod in pods(folder))


@every_folder
def test_selectors_match_existing_pods(folder):
    labels = [pod["metadata"]["labels"] for pod in pods(folder)]
    found = [selector for one in rendered(folder) for selector in selectors(one)]
    assert len(found) >= 7
    found = [one for one in found if one != {"app.kubernetes.io/name": "opentelemetry-collector"}]
    for selector in found:
        assert selector, "an empty selector matches every pod of the namespace"
        assert any(selector.items() <= of_pod.items() for of_pod in labels)


def test_autoscaler_sets_the_replicas_and_they_are_spread():
    deployment = of_kind("base", "Deployment")["spec"]
    assert "replicas" not in deployment
    assert deployment["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    spread = deployment["template"]["spec"]["topologySpreadConstraints"]
    assert [one["topologyKey"] for one in spread] == ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]
    scaler = of_kind("base", "HorizontalPodAutoscaler")["spec"]
    assert scaler["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": SERVICE}
    assert scaler["minReplicas"] >= 2
    assert of_kind("base", "PodDisruptionBudget")["spec"]["maxUnavailable"] == 1


def test_network_policy_allows_the_port_in_and_public_networks_out():
    policy = of_kind("base", "NetworkPolicy")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert policy["ingress"] == [{"ports": [{"port": "http"}]}]
    ports = {port["port"] for rule in policy["egress"] for port in rule["ports"]}
    assert ports == {53, 443, 4318}
    [https] = [rule for rule in policy["egress"] if {"port": 443} in rule["ports"]]
    excepted = {network for one in https["to"] for network in one["ipBlock"]["except"]}
    assert {"10.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"} <= excepted


@every_folder
def test_service_monitor_selects_the_metrics_port(folder):
    monitor = of_kind(folder, "ServiceMonitor")
    assert monitor["apiVersion"] == "monitoring.coreos.com/v1"
    [endpoint] = monitor["spec"]["endpoints"]
    assert endpoint["path"] in OPERATOR_ROUTES
    service = of_kind(folder, "Service", SERVICE)
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert endpoint["port"] in [port["name"] for port in service["spec"]["ports"]]


@every_folder
def test_images_have_this_version(folder):
    images = {container["image"] for container in containers(folder)}
    assert f"{SERVICE}:{RELEASE}" in images
    assert all(re.fullmatch(rf"{SERVICE}:{RELEASE}(-embedded)?|redis:\d+\.\d+-alpine", image) for image in images)


def test_only_the_service_can_connect_to_redis():
    config = Config.from_env(variables("overlays/redis"))
    assert config.redis_url.reveal() == "redis://ai-huggingface-redis:6379/0"
    service = of_kind("overlays/redis", "Service", "ai-huggingface-redis")["spec"]
    [rule] = of_kind("overlays/redis", "NetworkPolicy", "ai-huggingface-redis")["spec"]["ingress"]
    assert rule["from"] == [{"podSelector": {"matchLabels": {"app.kubernetes.io/name": SERVICE}}}]
    egress = of_kind("overlays/redis", "NetworkPolicy", SERVICE)["spec"]["egress"]
    [to_redis] = [one for one in egress if {"port": 6379} in one["ports"]]
    assert to_redis["to"] == [{"podSelector": {"matchLabels": service["selector"]}}]
    assert len(egress) == len(of_kind("base", "NetworkPolicy")["spec"]["egress"]) + 1
