"""A Dagster run as a Job of a real API server, launched with the daemon's own rights and no more."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import kubernetes
import pytest
import yaml  # type: ignore[import-untyped]
from dagster._core.launcher.base import WorkerStatus

from markdown_pricing.orchestration.coordinator import tags_for
from markdown_pricing.orchestration.names import COUNTRY_TAG
from markdown_pricing.orchestration.needs import Need, tags_of
from tests.doubles.dcos import Dcos
from tests.kubernetes import side_by_side
from tests.kubernetes.cluster import Cluster
from tests.kubernetes.conftest import NAMESPACE, PROJECT, SECRETS
from tests.kubernetes.launching import (
    IMAGE,
    job_of,
    launch,
    new_run,
    on_kubernetes,
    on_metronome,
    settings,
    worker_of_job,
    worker_of_metronome,
)
from tests.postgres.server import PostgresServer

# The first on a machine waits until the API server is built.
pytestmark = pytest.mark.timeout(2700)


@pytest.fixture
def dagster(tmp_path: Path, cluster: Cluster) -> Iterator[dg.DagsterInstance]:
    with on_kubernetes(tmp_path / "kubernetes", cluster) as instance:
        yield instance


def status(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str:
    now = instance.get_run_by_id(run.run_id)
    assert now is not None
    return now.status.value


def gpu_example() -> tuple[dict[str, Any], dict[str, str]]:
    """What docs/kubernetes.md tells the launcher, and the tags of DEU, as written there."""
    page = (PROJECT / "docs" / "kubernetes.md").read_text()
    example = yaml.safe_load(page.partition("```yaml\n")[2].partition("```")[0])
    by_country = example["run_coordinator"]["config"]["tags_by_country"]
    return example["run_launcher"]["config"], tags_for({COUNTRY_TAG: "DEU"}, by_country)


def test_a_launched_run_is_a_job_with_its_image_resources_and_secrets(
    cluster: Cluster, dagster: dg.DagsterInstance
) -> None:
    run = new_run(dagster)
    launch(dagster, run)
    job = job_of(cluster, run)
    pod = job["spec"]["template"]["spec"]
    [container] = pod["containers"]

    assert container["image"] == IMAGE
    assert container["resources"] == {"requests": {"cpu": "4", "memory": "32Gi"}, "limits": {"memory": "32Gi"}}
    assert {"secretRef": {"name": "markdown-pricing"}} in container["envFrom"]
    assert {"configMapRef": {"name": "markdown-pricing"}} in container["envFrom"]
    assert (pod["serviceAccountName"], pod["automountServiceAccountToken"]) == ("pricing-run", False)
    assert job["spec"]["backoffLimit"] == 0


def test_no_secret_is_in_job_pod_or_events(tmp_path: Path, cluster: Cluster, postgres: PostgresServer) -> None:
    """The daemon has them all in its environment, and its storage is on PostgreSQL."""
    with on_kubernetes(tmp_path / "kubernetes", cluster, postgres) as dagster:
        run = new_run(dagster)
        launch(dagster, run)
        events = "\n".join(str(entry) for entry in dagster.all_logs(run.run_id))
    job = str(job_of(cluster, run))

    assert "DAGSTER_PG_PASSWORD" in job
    assert run.run_id in events
    assert not [name for name, value in SECRETS.items() if value in job + events]


def test_its_pod_is_admitted_under_the_restricted_standard(cluster: Cluster, dagster: dg.DagsterInstance) -> None:
    run = new_run(dagster)
    launch(dagster, run)
    template = job_of(cluster, run)["spec"]["template"]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "worker"}, "spec": template["spec"]}

    answer = cluster.create(pod, NAMESPACE, dry_run=True)

    assert answer.status_code == 201, answer.text


def test_a_cancel_deletes_the_job(cluster: Cluster, dagster: dg.DagsterInstance) -> None:
    run = new_run(dagster)
    launch(dagster, run)
    assert dagster.run_launcher.check_run_worker_health(run).status is WorkerStatus.RUNNING
    assert "deletionTimestamp" not in job_of(cluster, run)["metadata"]

    assert dagster.run_launcher.terminate(run.run_id)

    # The API server has deleted it once the controller, which is not here, has let its pods go.
    deleted = job_of(cluster, run)["metadata"]
    assert deleted["deletionTimestamp"]
    assert deleted["finalizers"] == ["orphan"]
    assert status(dagster, run) == "CANCELING"


def test_a_chosen_country_gets_a_gpu_and_its_image(tmp_path: Path, cluster: Cluster) -> None:
    launcher, tags = gpu_example()
    with on_kubernetes(tmp_path / "kubernetes", cluster, **launcher) as dagster:
        run = new_run(dagster, tags)
        launch(dagster, run)
    pod = job_of(cluster, run)["spec"]["template"]["spec"]
    [container] = pod["containers"]

    assert container["resources"]["limits"] == {"memory": "64Gi", "nvidia.com/gpu": "1"}
    assert container["image"] == f"{IMAGE}-gpu"
    assert pod["nodeSelector"] == {"accelerator": "nvidia"}
    assert pod["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    # What was not asked for otherwise stays.
    assert pod["securityContext"]["runAsNonRoot"] is True


@pytest.mark.parametrize(
    "asked",
    [
        {"container_config": {"image": "evil:1"}},
        {"container_config": {"env": [{"name": "LD_PRELOAD", "value": "/evil.so"}]}},
        {"pod_spec_config": {"service_account_name": "dagster"}},
    ],
    ids=str,
)
def test_a_run_that_asks_for_another_container_is_no_job(
    cluster: Cluster, dagster: dg.DagsterInstance, asked: dict[str, Any]
) -> None:
    """Each tag from each source: tests/orchestration/test_allowed_tags.py."""
    before = len(cluster.list("Job", NAMESPACE))
    run = new_run(dagster, {"dagster-k8s/config": json.dumps(asked)})

    with pytest.raises(Exception, match="violated the allowed list"):
        launch(dagster, run)
    assert len(cluster.list("Job", NAMESPACE)) == before


def test_a_measured_country_gets_what_it_needs(cluster: Cluster, dagster: dg.DagsterInstance) -> None:
    """This takes the place of what every run gets; the rest of its container stays as it is."""
    run = new_run(dagster, tags_of(Need(cpus=1.5, memory_mib=4096), "K8sRunLauncher", ()))
    launch(dagster, run)
    [container] = job_of(cluster, run)["spec"]["template"]["spec"]["containers"]

    assert container["resources"] == {"requests": {"cpu": "1500m", "memory": "4Gi"}, "limits": {"memory": "4Gi"}}
    assert {"secretRef": {"name": "markdown-pricing"}} in container["envFrom"]


CALLS = {
    "batch": {("jobs", verb) for verb in ("create", "get", "list", "delete")} | {("jobs/status", "get")},
    "": {("pods", "get"), ("pods", "list"), ("pods", "delete"), ("pods/log", "get"), ("events", "list")},
}
"""What dagster-k8s asks for when it launches, looks after, explains and cancels a run."""
LAUNCH = ("batch", "jobs", "create")
UPKEEP = {("batch", "jobs", "list"), ("batch", "jobs", "delete"), ("", "pods", "list"), ("", "events", "list")}
"""What the sensor beside it asks for."""


@pytest.mark.parametrize("account", ["dagster", "web-server", "code-server", "pricing-run"])
def test_an_account_may_do_what_it_needs_and_nothing_else(cluster: Cluster, account: str) -> None:
    client = kubernetes.config.new_client_from_config(str(cluster.kubeconfig_of(account, NAMESPACE)))
    review = {"spec": {"namespace": NAMESPACE}}
    rules = kubernetes.client.AuthorizationV1Api(client).create_self_subject_rules_review(review).status.resource_rules
    may = {
        (group, resource, verb)
        for rule in rules
        for group in rule.api_groups
        for resource in rule.resources
        for verb in rule.verbs
        # What Kubernetes lets everybody ask: about themselves.
        if group not in ("authorization.k8s.io", "authentication.k8s.io")
    }
    needs = {(group, *call) for group, calls in CALLS.items() for call in calls}

    granted = {"dagster": needs, "web-server": needs - {LAUNCH}, "code-server": UPKEEP, "pricing-run": set()}
    assert may == granted[account]


@pytest.mark.parametrize("tags", [{}, {"dagster/priority": "3"}])
def test_a_worker_is_given_the_same_by_both_launchers(tmp_path: Path, cluster: Cluster, tags: dict[str, str]) -> None:
    """The contract of the migration: same run, same command, settings, secrets and size; only the scheduler differs."""
    with (
        Dcos(tmp_path / "dcos", slots=0) as dcos,
        on_kubernetes(tmp_path / "kubernetes", cluster) as kubernetes_,
        on_metronome(tmp_path / "metronome", dcos) as metronome,
    ):
        run = new_run(kubernetes_, tags)
        launch(kubernetes_, run)
        launch(metronome, run)
        [body] = dcos.bodies

        assert worker_of_metronome(body) == worker_of_job(job_of(cluster, run), settings())


def test_the_page_shows_both_objects_as_they_are(tmp_path: Path, cluster: Cluster) -> None:
    """Written anew by: python -m tests.kubernetes.side_by_side"""
    assert side_by_side.PAGE.read_text() == side_by_side.page(tmp_path, cluster)
