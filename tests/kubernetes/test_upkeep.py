"""The sensor `kubernetes_upkeep` on a real API server, with the code server's own rights and no more."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from markdown_pricing.definitions import upkeep
from markdown_pricing.installation.settings import Settings
from markdown_pricing.orchestration.kubernetes_upkeep import (
    LEFT_BEHIND_S,
    Kubernetes,
    kubernetes_upkeep,
    look_after_pods,
)
from tests.kubernetes.cluster import Cluster
from tests.kubernetes.conftest import NAMESPACE
from tests.kubernetes.launching import job_of, launch, new_run, on_kubernetes

pytestmark = pytest.mark.timeout(2700)


@pytest.fixture
def dagster(tmp_path: Path, cluster: Cluster) -> Iterator[dg.DagsterInstance]:
    with on_kubernetes(tmp_path / "kubernetes", cluster) as instance:
        yield instance


@pytest.fixture
def seen(cluster: Cluster) -> Kubernetes:
    return Kubernetes(NAMESPACE, str(cluster.kubeconfig_of("code-server", NAMESPACE)))


@pytest.fixture
def run(dagster: dg.DagsterInstance) -> dg.DagsterRun:
    run = new_run(dagster)
    launch(dagster, run)
    return run


def pod_of(cluster: Cluster, run: dg.DagsterRun) -> str:
    """The pod that a Job controller would make; its name."""
    template = job_of(cluster, run)["spec"]["template"]
    name = f"dagster-run-{run.run_id}-abcde"
    pod = {"apiVersion": "v1", "kind": "Pod", **template, "metadata": {**template["metadata"], "name": name}}
    cluster.create(pod, NAMESPACE).raise_for_status()
    return name


def says(instance: dg.DagsterInstance, run: dg.DagsterRun) -> list[str]:
    events = [record.event_log_entry.dagster_event for record in instance.get_records_for_run(run.run_id).records]
    return [event.message for event in events if event and event.message and "Kubernetes says" in event.message]


def unschedulable(nodes: int) -> dict[str, Any]:
    message = f"0/{nodes} nodes are available: {nodes} Insufficient memory."
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    return {"phase": "Pending", "conditions": [condition]}


def test_a_run_says_once_what_keeps_it_from_beginning(
    cluster: Cluster, dagster: dg.DagsterInstance, seen: Kubernetes, run: dg.DagsterRun
) -> None:
    """Room is missing first, and then a secret: each is said once, however many looks find it."""
    _, said = look_after_pods(dagster, seen, {})
    assert (says(dagster, run), said) == ([], {})

    pod = pod_of(cluster, run)
    cluster.set_status("Pod", pod, NAMESPACE, unschedulable(2))
    done, said = look_after_pods(dagster, seen, said)
    assert "0/2 nodes are available" in done[0]
    cluster.set_status("Pod", pod, NAMESPACE, unschedulable(3))
    _, said = look_after_pods(dagster, seen, said)
    assert len(says(dagster, run)) == 1

    state = {"waiting": {"reason": "CreateContainerConfigError", "message": 'secret "markdown-pricing" not found'}}
    container = {"name": "dagster", "image": "x", "imageID": "", "ready": False, "restartCount": 0, "state": state}
    cluster.set_status("Pod", pod, NAMESPACE, {"conditions": [], "containerStatuses": [container]})
    look_after_pods(dagster, seen, said)
    assert 'secret "markdown-pricing" not found. Kubernetes tries again' in says(dagster, run)[1]


def test_a_job_that_gets_no_pod_says_why(
    cluster: Cluster, dagster: dg.DagsterInstance, seen: Kubernetes, run: dg.DagsterRun
) -> None:
    job = job_of(cluster, run)["metadata"]
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{job['name']}.1"},
        "involvedObject": {"kind": "Job", "namespace": NAMESPACE, "name": job["name"], "uid": job["uid"]},
        "type": "Warning",
        "reason": "FailedCreate",
        "message": "pods are forbidden: exceeded quota",
    }
    cluster.create(event, NAMESPACE).raise_for_status()

    look_after_pods(dagster, seen, {})

    assert "FailedCreate: pods are forbidden: exceeded quota" in says(dagster, run)[0]


def test_a_run_that_is_over_leaves_no_job(
    cluster: Cluster, dagster: dg.DagsterInstance, seen: Kubernetes, run: dg.DagsterRun
) -> None:
    """It was marked as canceled while its pod waited for room, so that nobody deleted the Job."""
    other = new_run(dagster)
    launch(dagster, other)
    name = job_of(cluster, run)["metadata"]["name"]
    dagster.report_run_canceled(run, "marked as canceled by hand")
    record = dagster.get_run_record_by_id(run.run_id)
    assert record is not None
    assert record.end_time is not None
    end: float = record.end_time

    early, _ = look_after_pods(dagster, seen, {}, clock=lambda: end + LEFT_BEHIND_S - 1)
    done, _ = look_after_pods(dagster, seen, {}, clock=lambda: end + LEFT_BEHIND_S)

    assert early == []
    assert done == [f"Job {name} went on although its run is over (CANCELED). It was removed with its pod."]
    left = {job["metadata"]["labels"]["dagster/run-id"] for job in cluster.list("Job", NAMESPACE)}
    assert run.run_id not in left
    assert other.run_id in left


def test_the_sensor_is_there_in_a_pod_alone() -> None:
    pod = Settings.from_env({"KUBERNETES_SERVICE_HOST": "10.0.0.1"})

    assert list(upkeep(Settings.from_env({}))) == []
    assert [sensor.name for sensor in upkeep(pod)] == ["kubernetes_upkeep"]


def test_it_does_nothing_where_runs_are_no_jobs(tmp_path: Path) -> None:
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        looked = kubernetes_upkeep(dg.build_sensor_context(instance))

    assert isinstance(looked, dg.SkipReason)
    assert "has no Kubernetes" in str(looked.skip_message)


def test_its_look_goes_by_the_launcher_of_dagster_yaml(cluster: Cluster, tmp_path: Path) -> None:
    """It remembers in its cursor what it has said."""
    with on_kubernetes(tmp_path / "home", cluster) as instance:
        run = new_run(instance)
        launch(instance, run)
        cluster.set_status("Pod", pod_of(cluster, run), NAMESPACE, unschedulable(2))
        context = dg.build_sensor_context(instance)

        first = kubernetes_upkeep(context)
        second = kubernetes_upkeep(dg.build_sensor_context(instance, cursor=context.cursor))

    assert run.run_id in str(context.cursor)
    assert f"Run {run.run_id}" in str(first)
    assert f"Run {run.run_id}" not in str(second)
