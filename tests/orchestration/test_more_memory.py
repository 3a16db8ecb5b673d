"""A run that repeats one whose memory was not enough gets more in steps, whoever has given it its size."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

import dagster as dg
import pytest
from dagster._core.run_coordinator.base import SubmitRunContext
from dagster._core.test_utils import create_run_for_test

from markdown_pricing.metronome.health import JobState
from markdown_pricing.orchestration.coordinator import PricingRunCoordinator, forbidden_fields
from markdown_pricing.orchestration.more_memory import ENDED_WITHOUT_A_WORD, Memory, memory_by_the_end_of, mib_given
from markdown_pricing.orchestration.names import NOT_RETRIED_TAG, OUT_OF_MEMORY_TAG, PARTITION_TAG

K8S = "dagster-k8s/config"
OWN = {
    K8S: {
        "container_config": {"resources": {"limits": {"memory": "3Gi", "nvidia.com/gpu": 1}}},
        "pod_spec_config": {"node_selector": {"accelerator": "nvidia"}},
    }
}
OOM_KILLED = "Terminated with exit code 137: OOMKilled"
DRAINED = "Terminated with exit code 143: Error"


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """On Kubernetes, where DEU has a container of its own; a run gets 16 GiB at most."""
    queue = {"tags_by_country": {"DEU": OWN}, "by_earlier_weeks": {"max_mib": 16384}}
    overrides = {
        "run_coordinator": {
            "module": PricingRunCoordinator.__module__,
            "class": PricingRunCoordinator.__name__,
            "config": queue,
        },
        "run_launcher": {
            "module": "dagster_k8s",
            "class": "K8sRunLauncher",
            "config": {
                "service_account_name": "pricing",
                "instance_config_map": "dagster-instance",
                "postgres_password_secret": "dagster-postgresql-secret",
                "dagster_home": "/opt/dagster",
                "load_incluster_config": False,
                "kubeconfig_file": str(kubeconfig(tmp_path)),
            },
        },
    }
    with dg.instance_for_test(temp_dir=str(tmp_path), overrides=overrides) as instance:
        yield instance


def kubeconfig(folder: Path) -> Path:
    """Of a cluster that nobody asks here."""
    file = folder / "kubeconfig"
    file.write_text(
        "{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: c, user: u}}], "
        "clusters: [{name: c, cluster: {server: 'https://localhost:1'}}], users: [{name: u, user: {}}]}"
    )
    return file


def submit(instance: dg.DagsterInstance, tags: Mapping[str, str], parent: str | None = None) -> dg.DagsterRun:
    run = create_run_for_test(instance, tags=dict(tags), parent_run_id=parent, root_run_id=parent)
    workspace: Any = None
    # What the queue does with a run that passed needs a loaded code location, and is Dagster's.
    with patch.object(dg.QueuedRunCoordinator, "submit_run", lambda self, context: context.dagster_run):
        instance.run_coordinator.submit_run(SubmitRunContext(run, workspace))
    now = instance.get_run_by_id(run.run_id)
    assert now is not None
    return now


def retry(instance: dg.DagsterInstance, run: dg.DagsterRun, why: str) -> dg.DagsterRun:
    """The run fails so, and its retry, which inherits its tags, is submitted."""
    instance.report_run_failed(run, why)
    return submit(instance, run.tags, run.run_id)


def of_country(country: str) -> dict[str, str]:
    return {
        PARTITION_TAG: f"{country}|2026-02-09",
        f"{PARTITION_TAG}/week": "2026-02-09",
        f"{PARTITION_TAG}/country": country,
    }


def test_a_size_of_the_countrys_own_is_doubled_until_it_is_the_most(instance: dg.DagsterInstance) -> None:
    """Its node, its GPU and all else stay as the operator has given them."""
    run, sizes = submit(instance, of_country("DEU")), []
    for _ in range(3):
        run = retry(instance, run, OOM_KILLED)
        sizes.append(mib_given(run.tags))

    config = json.loads(run.tags[K8S])
    assert sizes == [6144, 12288, 16384]
    assert config["pod_spec_config"] == OWN[K8S]["pod_spec_config"]
    assert config["container_config"]["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert config["container_config"]["resources"]["requests"]["memory"] == "16384Mi"
    [said] = [entry.message for entry in instance.all_logs(run.run_id) if "The memory" in (entry.message or "")]
    assert said == "The memory of 12,288 MiB of the run before was too little. This one is given 16,384 MiB."


def test_a_run_that_had_the_most_is_repeated_no_more(instance: dg.DagsterInstance) -> None:
    run = submit(instance, of_country("DEU"))
    for _ in range(3):
        run = retry(instance, run, OOM_KILLED)

    last = retry(instance, run, OOM_KILLED)

    assert last.status is dg.DagsterRunStatus.FAILURE
    assert last.tags["dagster/max_retries"] == "0"
    assert NOT_RETRIED_TAG in last.tags
    assert any("Raise `max_mib`" in (entry.message or "") for entry in instance.all_logs(last.run_id))


def test_after_an_interruption_the_size_is_the_countrys_own_again(instance: dg.DagsterInstance) -> None:
    larger = retry(instance, submit(instance, of_country("DEU")), OOM_KILLED)

    assert mib_given(retry(instance, larger, DRAINED).tags) == 3072


def test_what_nobody_has_measured_or_given_is_raised_to_the_most(instance: dg.DagsterInstance) -> None:
    """What the launcher itself gives every run is not known to the queue."""
    first = submit(instance, of_country("AUT"))

    assert mib_given(first.tags) is None
    assert mib_given(retry(instance, first, DRAINED).tags) is None
    assert mib_given(retry(instance, first, OOM_KILLED).tags) == 16384


def test_the_larger_container_of_a_country_is_not_taken_for_somebody_elses_wish(instance: dg.DagsterInstance) -> None:
    larger = retry(instance, submit(instance, of_country("DEU")), OOM_KILLED)

    assert forbidden_fields(larger.tags, {"DEU": OWN}) == []
    assert forbidden_fields(larger.tags, {}) == ["pod_spec_config.node_selector"]


def test_a_run_says_itself_that_it_ran_out_and_its_retry_does_not(instance: dg.DagsterInstance) -> None:
    run = create_run_for_test(instance)
    instance.add_run_tags(run.run_id, {OUT_OF_MEMORY_TAG: run.run_id})
    again = create_run_for_test(instance, tags={OUT_OF_MEMORY_TAG: run.run_id})

    assert memory_by_the_end_of(instance, run.run_id) is Memory.TOO_LITTLE
    assert memory_by_the_end_of(instance, again.run_id) is Memory.ENOUGH


def test_a_container_that_ended_without_a_word_may_have_had_too_little(instance: dg.DagsterInstance) -> None:
    """So it gets more, and where there is no more it is retried all the same: an agent may have been lost."""
    run, sizes = submit(instance, of_country("DEU")), []
    for _ in range(4):
        run = retry(instance, run, f"Metronome run 1 {JobState.FAILED.value}")
        sizes.append(mib_given(run.tags))

    assert JobState.FAILED.value == ENDED_WITHOUT_A_WORD
    assert sizes == [6144, 12288, 16384, 16384]
    assert run.status is not dg.DagsterRunStatus.FAILURE


@pytest.mark.parametrize(
    ("memory", "mib"),
    [("2048Mi", 2048), ("64Gi", 65536), ("1.5Gi", 1536), ("1073741824", 1024), ("1048576k", 1000), ("much", None)],
)
def test_memory_is_read_as_kubernetes_writes_it(memory: str, mib: float | None) -> None:
    tags = {K8S: json.dumps({"container_config": {"resources": {"limits": {"memory": memory}}}})}

    assert mib_given(tags) == mib
