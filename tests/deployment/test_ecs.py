"""The ECS definitions: moto and boto3 accept them, and their settings are valid."""

import json
import os
from functools import partial
from unittest.mock import patch

import pytest
from support.servers import ROOT

from app.config import Config
from app.version import RELEASE, SERVICE

TASKS = ("task-definition", "task-definition-embedded")
SECRETS = {"HUGGINGFACE_API_KEY": "hf_x"}
# the content of the mounted file
KEYS = "team:" + "a" * 64
# sizes of Fargate: MiB of memory for each CPU share
FARGATE_SIZES = {256: (512, 1024, 2048), 1024: range(2048, 8193, 1024)}
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html
NOT_ON_FARGATE = {"links", "privileged", "dnsServers", "dnsSearchDomains", "dockerSecurityOptions", "extraHosts"}

every_task = pytest.mark.parametrize("name", TASKS)


def read(name):
    return json.loads((ROOT / "ecs" / f"{name}.json").read_text())


def container(name):
    [found] = read(name)["containerDefinitions"]
    return found


def config(name):
    """Return the config from the variables and secrets of a task."""
    given = {one["name"]: one["value"] for one in container(name)["environment"]}
    secret = {one["name"]: SECRETS[one["name"]] for one in container(name)["secrets"]}
    assert set(given) | set(secret) <= set(Config.variables())
    assert not set(given) & Config.secret_variables()
    [mount], [volume] = container(name)["mountPoints"], read(name)["volumes"]
    assert mount["sourceVolume"] == volume["name"]
    assert mount["readOnly"] is True
    assert given.pop("API_KEYS_FILE") == f"{mount['containerPath']}/keys"
    return Config.from_env({**given, **secret, "API_KEYS": KEYS})


@pytest.fixture
def client():
    """Return a function that creates clients of moto's AWS."""
    import boto3
    from moto import mock_aws

    keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    with patch.dict(os.environ, keys), mock_aws():
        yield partial(boto3.client, region_name="eu-west-1")


@pytest.mark.release
@every_task
def test_task_definition_can_be_registered_unchanged(client, name):
    task = read(name)
    registered = client("ecs").register_task_definition(**task)["taskDefinition"]
    assert (registered["family"], registered["status"]) == (task["family"], "ACTIVE")
    [wanted], [found] = task["containerDefinitions"], registered["containerDefinitions"]
    assert wanted.items() <= found.items()


@pytest.mark.release
def test_service_can_be_created(client):
    ecs, ec2 = client("ecs"), client("ec2")
    service = read("service")
    network = service["networkConfiguration"]["awsvpcConfiguration"]
    there = [one["SubnetId"] for one in ec2.describe_subnets()["Subnets"]]
    network["subnets"] = there[: len(network["subnets"])]  # moto's subnets replace the placeholders
    network["securityGroups"] = [ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]]
    ecs.create_cluster(clusterName="default")
    ecs.register_task_definition(**read("task-definition"))
    made = ecs.create_service(**service)["service"]
    assert (made["desiredCount"], made["launchType"]) == (2, "FARGATE")


@pytest.mark.parametrize(("name", "size"), [(TASKS[0], (256, 512)), (TASKS[1], (1024, 2048))])
def test_task_size_exists_on_fargate(name, size):
    task = read(name)
    cpu, memory = int(task["cpu"]), int(task["memory"])
    assert (cpu, memory) == size
    assert memory in FARGATE_SIZES[cpu]
    assert (task["requiresCompatibilities"], task["networkMode"]) == (["FARGATE"], "awsvpc")
    assert not NOT_ON_FARGATE & set(container(name))
    assert container(name)["stopTimeout"] <= 120, "the maximum of Fargate"


@every_task
def test_task_runs_without_privileges(name):
    one = container(name)
    assert one["user"] == "65532:65532"
    assert one["readonlyRootFilesystem"] is True
    assert one["linuxParameters"]["capabilities"] == {"drop": ["ALL"]}


@every_task
def test_variables_of_a_task_are_valid_settings(name):
    settings = config(name)
    assert settings.require_api_keys
    assert settings.trusted_proxies == 1, "the load balancer"
    assert settings.backend == ("embedded" if "embedded" in name else "huggingface")


@every_task
def test_secrets_come_from_secrets_manager(name):
    for secret in container(name)["secrets"]:
        assert secret["valueFrom"].startswith("arn:aws:secretsmanager:")
        assert secret["valueFrom"].endswith(f":{secret['name']}::")


@every_task
def test_stop_timeout_covers_drain_and_grace(name):
    settings = config(name)
    assert container(name)["stopTimeout"] >= settings.drain_delay + settings.shutdown_grace + 5


@every_task
def test_task_has_a_health_check_and_a_log_group(name):
    one = container(name)
    assert one["healthCheck"]["command"] == ["CMD", "python", "healthcheck.py"]
    assert one["logConfiguration"]["logDriver"] == "awslogs"
    assert {"awslogs-group", "awslogs-region", "awslogs-stream-prefix"} <= set(one["logConfiguration"]["options"])


def test_load_balancer_and_images_match_this_version():
    [balancer] = read("service")["loadBalancers"]
    one = container("task-definition")
    assert balancer["containerName"] == one["name"]
    assert [port["containerPort"] for port in one["portMappings"]] == [balancer["containerPort"]]
    assert balancer["containerPort"] == config("task-definition").server_port
    assert [container(name)["image"].rpartition("/")[2] for name in TASKS] == [
        f"{SERVICE}:{RELEASE}",
        f"{SERVICE}:{RELEASE}-embedded",
    ]
