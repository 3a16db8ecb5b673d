"""The manifests that operators apply, judged by Kubernetes itself."""

import copy
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from markdown_pricing import DATA
from tests.kubernetes.cluster import Cluster, documents
from tests.kubernetes.conftest import MANIFESTS, NAMESPACE, SECRETS

# The first on a machine waits until the API server is built.
pytestmark = pytest.mark.timeout(2700)


EVERYTHING = [(file.name, document) for file in sorted(MANIFESTS.glob("*.yaml")) for document in documents(file)]
SERVERS = [document for _, document in EVERYTHING if document["kind"] == "Deployment"]


def pod_of(workload: dict[str, Any]) -> dict[str, Any]:
    """The pod that the workload's template makes."""
    template = copy.deepcopy(workload["spec"]["template"])
    name = {"name": workload["metadata"]["name"]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {**template["metadata"], **name}, "spec": template["spec"]}


def test_every_manifest_passes_the_servers_strict_validation(cluster: Cluster) -> None:
    """The fixture has applied each as strictly as the server checks; that all kinds came through is seen here."""
    for _, manifest in EVERYTHING:
        if manifest["kind"] != "Namespace":
            names = [found["metadata"]["name"] for found in cluster.list(manifest["kind"], NAMESPACE)]
            assert manifest["metadata"]["name"] in names


@pytest.mark.parametrize("server", SERVERS, ids=lambda server: server["metadata"]["name"])
def test_an_unknown_field_is_refused_by_name(cluster: Cluster, server: dict[str, Any]) -> None:
    server = copy.deepcopy(server)
    server["metadata"]["name"] = "planted"
    server["spec"]["template"]["spec"]["containers"][0]["memoryLimit"] = "2Gi"

    answer = cluster.create(server, NAMESPACE, dry_run=True)

    assert answer.status_code == 400
    assert 'unknown field "spec.template.spec.containers[0].memoryLimit"' in answer.json()["message"]


@pytest.mark.parametrize("server", SERVERS, ids=lambda server: server["metadata"]["name"])
def test_pods_are_admitted_under_the_restricted_standard_and_refused_as_root(
    cluster: Cluster, server: dict[str, Any]
) -> None:
    pod = pod_of(server)
    assert cluster.create(pod, NAMESPACE, dry_run=True).status_code == 201

    del pod["spec"]["securityContext"]["runAsNonRoot"]
    answer = cluster.create(pod, NAMESPACE, dry_run=True)

    assert answer.status_code == 403
    assert "runAsNonRoot" in answer.text


def test_no_manifest_holds_a_secret() -> None:
    assert not [document for _, document in EVERYTHING if document["kind"] == "Secret"]
    for server in SERVERS:
        [container] = server["spec"]["template"]["spec"]["containers"]
        assert not {entry["name"] for entry in container.get("env", [])} & set(SECRETS)


@pytest.mark.parametrize("server", SERVERS, ids=lambda server: server["metadata"]["name"])
def test_only_runs_have_an_account_that_may_write_to_the_erp(server: dict[str, Any]) -> None:
    """Who looks receipts up has one that may read, and who does neither has none."""
    [container] = server["spec"]["template"]["spec"]["containers"]
    is_code_server = server["metadata"]["name"] == "code-server"

    given = {source["secretRef"]["name"] for source in container["envFrom"] if "secretRef" in source}

    assert given == {"dagster"} | ({"markdown-pricing-reader"} if is_code_server else set())
    assert ({"name": "DB_USER", "value": "pricing_reader"} in container.get("env", [])) == is_code_server
    launcher = yaml.safe_load((DATA / "dagster.kubernetes.yaml").read_text())["run_launcher"]["config"]
    assert launcher["env_secrets"] == ["markdown-pricing"]


def test_every_variable_that_dagster_yaml_names_is_given_by_settings_or_secret() -> None:
    [settings] = [document["data"] for _, document in EVERYTHING if document["kind"] == "ConfigMap"]
    postgres = yaml.safe_load((DATA / "dagster.kubernetes.yaml").read_text())["storage"]["custom"]["config"][
        "postgres_db"
    ]
    named = {value["env"] for value in postgres.values() if isinstance(value, dict) and "env" in value}

    assert named <= set(settings) | set(SECRETS)


def test_code_server_and_runs_have_one_image() -> None:
    [code_server] = [server for server in SERVERS if server["metadata"]["name"] == "code-server"]
    [container] = code_server["spec"]["template"]["spec"]["containers"]

    assert {"name": "DAGSTER_CURRENT_IMAGE", "value": container["image"]} in container["env"]
    launcher = yaml.safe_load((DATA / "dagster.kubernetes.yaml").read_text())["run_launcher"]["config"]
    assert "job_image" not in launcher
