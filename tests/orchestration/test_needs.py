"""A week's runs are measured, and the next week's get cpus and memory by it."""

import json
import logging
import math
import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.test_utils import InProcessTestWorkspaceLoadTarget, create_test_daemon_workspace_context
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._daemon.auto_run_reexecution.auto_run_reexecution import retry_run
from dagster._daemon.sensor import execute_sensor_iteration
from dagster_k8s.job import DagsterK8sJobConfig, construct_dagster_k8s_job, get_user_defined_k8s_config

from markdown_pricing import DATA
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.snapshot import find_snapshot
from markdown_pricing.orchestration.names import COUNTRY_TAG, MEASURED_TAG, SHARED, STAMP
from markdown_pricing.orchestration.needs import (
    CPU,
    PEAK,
    SECONDS,
    STEPS,
    Need,
    Sizing,
    Use,
    cpus_given,
    need_of,
    runs_side_by_side,
    tags_of,
    uses,
)
from markdown_pricing.orchestration.partitions import partition_key
from markdown_pricing.weeks import ONE_WEEK, parse_week
from tests.doubles.dcos import Dcos
from tests.kubernetes.launching import on_metronome
from tests.orchestration.test_assets import WEEK, WEEK_BEFORE, Installation
from tests.quick import deliver

QUEUED = dg.DagsterRunStatus.QUEUED
SIZING = Sizing(margin=1.5, min_cpus=1, max_cpus=4, min_mib=2048, max_mib=32768)
ON_METRONOME, ON_KUBERNETES = "MetronomeRunLauncher", "K8sRunLauncher"


def use(peak_mib: float = 4000, cpus: float = 1) -> Use:
    return Use(peak_mib, cpu_s=60 * cpus, seconds=60)


@pytest.mark.parametrize(
    ("weeks", "need"),
    [
        ([], None),
        ([use(4000, cpus=1.1)], Need(2.0, 6144)),
        ([use(4000, cpus=1.1), use(5000, cpus=0.3), use(100, cpus=1.5)], Need(2.5, 7680)),
        ([use(1, cpus=0.01)], Need(1.0, 2048)),
        ([use(10**6, cpus=64)], Need(4.0, 32768)),
        ([Use(4000, cpu_s=0.0, seconds=0.0)], Need(1.0, 6144)),
    ],
    ids=["not measured", "one week", "the most of each", "the floor", "the ceiling", "no time at all"],
)
def test_a_run_needs_the_most_of_its_countrys_weeks_and_a_margin(weeks: list[Use], need: Need | None) -> None:
    """Rounded up, to half a cpu and 256 MiB, and within the limits; what was never measured is the launcher's own."""
    assert need_of(weeks, SIZING) == need


def test_weeks_count_in_which_every_step_was_measured() -> None:
    """The run's own and so many before it, of its country alone; of a step that was repeated, the larger."""
    own = parse_week(WEEK)
    with dg.DagsterInstance.ephemeral() as instance:

        def record(weeks_ago: int, step: str, peak_mib: float, country: str = "AUT") -> None:
            partition = partition_key(own - weeks_ago * ONE_WEEK, country)
            metadata = {PEAK: peak_mib, CPU: 2.0, SECONDS: 3.0}
            instance.report_runless_asset_event(dg.AssetMaterialization(step, partition=partition, metadata=metadata))

        for step in STEPS:
            record(0, step, 100)
            record(1, step, 300)
            record(3, step, 9000)
            record(0, step, 8000, country="DEU")
        record(1, "demand_model", 400)
        record(1, "demand_model", 200)
        record(2, "markdown_predictions", 7000)

        found = uses(instance, own, "AUT", weeks=2)

    assert sorted(use.peak_mib for use in found) == [100, 400]
    assert {(use.cpu_s, use.seconds) for use in found} == {(6, 9)}


def test_metronome_is_told_by_its_tags() -> None:
    assert tags_of(Need(2.5, 4096), ON_METRONOME, ()) == {"metronome/cpus": "2.5", "metronome/mem": "4096"}


def test_kubernetes_makes_the_container_so() -> None:
    """In dagster-k8s' own hands, where it wins over what the launcher gives every run."""
    every = {"requests": {"cpu": "4", "memory": "32Gi"}, "limits": {"memory": "32Gi"}}
    config = DagsterK8sJobConfig(job_image="pricing:1", dagster_home="/dagster", resources=every)
    told = get_user_defined_k8s_config(tags_of(Need(2.5, 4096), ON_KUBERNETES, ()))

    job = construct_dagster_k8s_job(config, ["dagster"], "run", told).to_dict()

    [container] = job["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["requests"] == {"cpu": "2.5", "memory": "4096Mi"}
    assert container["resources"]["limits"] == {"memory": "4096Mi"}


def test_what_somebody_gave_the_run_or_its_country_stays() -> None:
    assert tags_of(Need(2.5, 4096), ON_METRONOME, ("metronome/cpus", "metronome/mem")) == {}
    assert tags_of(Need(2.5, 4096), ON_METRONOME, ("metronome/mem",)) == {"metronome/cpus": "2.5"}


class Site:
    """An installation of one country whose runs are Metronome jobs: its code location, and what the daemon does."""

    def __init__(self, folder: Path, dcos: Dcos, daemon: WorkspaceProcessContext) -> None:
        self.dcos, self.daemon, self.instance = dcos, daemon, daemon.instance
        self.lake = Lake(str(folder / "lake"))
        self.installation = Installation(folder)
        self.installation.instance = self.instance

    def deliver(self, week: str) -> None:
        """Deliver the week and learn what countries share."""
        deliver(self.lake, parse_week(week), ("AUT",), articles=8, seed=5)
        shared = {STAMP: find_snapshot(self.lake, parse_week(week)).stamp}
        self.instance.report_runless_asset_event(dg.AssetMaterialization(SHARED, partition=week, metadata=shared))

    def look(self) -> dg.DagsterRun:
        """The one run that the sensor asks for, submitted."""
        for error in execute_sensor_iteration(self.daemon, logging.getLogger("daemon"), None, None):
            assert error is None, error
        return self.newest_run()

    def fail(self, run: dg.DagsterRun, why: str = "Steps failed.") -> dg.DagsterRun:
        """Let the run fail, and give its retry."""
        self.instance.report_run_failed(run, why)
        [failed] = self.instance.get_runs(dg.RunsFilter(run_ids=[run.run_id]))
        retry_run(failed, self.daemon)
        return self.newest_run()

    def newest_run(self) -> dg.DagsterRun:
        return next(iter(self.instance.get_runs(dg.RunsFilter(tags={COUNTRY_TAG: "AUT"}, statuses=[QUEUED]))))

    def container(self, run: dg.DagsterRun) -> tuple[float, float]:
        """The cpus and MiB that the cluster is asked for when the run is launched."""
        self.instance.launch_run(run.run_id, self.daemon.create_request_context())
        [body] = [body for body in self.dcos.bodies if body["labels"]["dagster-run"] == run.run_id]
        return body["run"]["cpus"], body["run"]["mem"]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """The `dagster.yaml` that we hand out, without its floor: this sample takes less."""
    countries = tmp_path / "countries.csv"
    countries.write_text("".join((DATA / "countries.csv").read_text().splitlines(keepends=True)[0:3:2]))
    with (
        Dcos(tmp_path / "dcos", slots=0) as dcos,
        on_metronome(tmp_path / "metronome", dcos, min_mib=1) as instance,
    ):
        for name, value in {
            "MARKDOWN_PRICING_LAKE": str(tmp_path / "lake"),
            "MARKDOWN_PRICING_ERP": f"sqlite:///{tmp_path}/erp.sqlite",
            "MARKDOWN_PRICING_COUNTRIES": str(countries),
            "MARKDOWN_PRICING_START_WEEK": WEEK_BEFORE,
        }.items():
            monkeypatch.setenv(name, value)
        # In this process: through a code server it is in tests/system/test_three_processes.py. Dagster keeps what it
        # loaded by the folder, too, so that each test's own settings are read.
        here = LoadableTargetOrigin(
            module_name="markdown_pricing.definitions", attribute="defs", working_directory=str(tmp_path)
        )
        location = InProcessTestWorkspaceLoadTarget([InProcessCodeLocationOrigin(here, "markdown_pricing")])
        with create_test_daemon_workspace_context(location, instance) as daemon:
            yield Site(tmp_path, dcos, daemon)


def test_the_second_weeks_container_is_as_large_as_the_first_weeks_run_was(site: Site) -> None:
    """Measured by the run, asked for when the sensor's run is submitted, in the definition that the cluster gets."""
    site.deliver(WEEK_BEFORE)
    first = site.installation.run(WEEK_BEFORE)
    site.deliver(WEEK)

    cpus, mem = site.container(site.look())

    told = [event.materialization.metadata for event in first.get_asset_materialization_events()]
    peak_mib = max(float(metadata[PEAK].value) for metadata in told if PEAK in metadata)  # type: ignore[arg-type]
    assert mem == 256 * math.ceil(1.5 * peak_mib / 256)
    assert 1 <= cpus <= 4


OOM_KILLED = "Debug information for pod x: Container 'dagster': Terminated with exit code 137: OOMKilled"


@pytest.mark.parametrize(
    ("why", "times"), [("Steps failed.", 1), ("Terminated with exit code 143: Error", 1), (OOM_KILLED, 2)]
)
def test_a_run_is_retried_with_more_only_where_its_memory_was_not_enough(site: Site, why: str, times: int) -> None:
    """An interruption, or an error of its own, says nothing of its size."""
    site.deliver(WEEK_BEFORE)
    site.installation.run(WEEK_BEFORE)
    site.deliver(WEEK)
    first = site.look()

    retry = site.fail(first, why)

    assert float(retry.tags["metronome/mem"]) == times * float(first.tags["metronome/mem"])
    assert retry.tags["metronome/cpus"] == first.tags["metronome/cpus"]
    assert site.container(retry)[1] == float(retry.tags["metronome/mem"])


def test_a_country_that_was_never_measured_gets_what_the_launcher_gives(site: Site) -> None:
    site.deliver(WEEK_BEFORE)

    run = site.look()

    assert MEASURED_TAG not in run.tags
    assert site.container(run) == (4, 32768)


@pytest.mark.parametrize("launcher", [ON_METRONOME, ON_KUBERNETES])
def test_a_run_knows_the_cpus_that_its_tags_ask_for(launcher: str) -> None:
    assert cpus_given(tags_of(Need(2.5, 4096), launcher, ())) == 2.5
    assert cpus_given({}) is None


def test_thousandths_of_a_cpu_are_read_as_kubernetes_has_them() -> None:
    resources = {"resources": {"requests": {"cpu": "1500m"}}}

    assert cpus_given({"dagster-k8s/config": json.dumps({"container_config": resources})}) == 1.5


def test_runs_of_one_machine_share_its_cores_as_the_pool_lets_them_in(tmp_path: Path) -> None:
    shutil.copy(DATA / "dagster.yaml", tmp_path)
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert runs_side_by_side(instance) == 2
    with dg.DagsterInstance.ephemeral() as instance:
        assert runs_side_by_side(instance) == 1


def test_a_run_in_a_container_of_its_own_needs_no_variable_of_its_launcher(tmp_path: Path) -> None:
    """Only the daemon is given them, so the launcher can't be made in the container."""
    launcher = "{module: markdown_pricing.metronome, class: MetronomeRunLauncher, config: {url: {env: NOT_SET}}}"
    (tmp_path / "dagster.yaml").write_text(f"run_launcher: {launcher}")

    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert runs_side_by_side(instance) == 1
