"""deploy/kubernetes on a real node: a round in pods, and what becomes of a run when something is done to its pod."""

from collections.abc import Iterator

import dagster as dg
import pytest

from markdown_pricing.lake import paths
from markdown_pricing.orchestration.names import COUNTRY_TAG, JOB
from markdown_pricing.weeks import parse_week
from tests.image.conftest import differences, image_of, priced_here
from tests.kubernetes.adapted import WEEK
from tests.kubernetes.cluster import NotBuilt
from tests.kubernetes.conftest import NAMESPACE
from tests.kubernetes.installation import IMAGE, Installation
from tests.kubernetes.installing import COUNTRIES, NEXT_IMAGE, installation
from tests.kubernetes.node import NODE, lacking
from tests.processes import wait_until
from tests.real_parts import missing

# The first on a machine waits until image and programs are built.
pytestmark = pytest.mark.timeout(2700)
ONE_GIB = {"requests": {"cpu": "100m", "memory": "512Mi"}, "limits": {"memory": "1Gi"}}
TOO_LARGE = {"requests": {"cpu": "50m", "memory": "900Gi"}, "limits": {"memory": "900Gi"}}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    if why := lacking():
        missing("A Kubernetes node", why)
    try:
        with installation(tmp_path_factory.mktemp("kubernetes"), image_of()) as site:
            yield site
    except NotBuilt as error:
        missing("A Kubernetes node", str(error))


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An ERP with the rows of the same round in a process of this machine."""
    folder = tmp_path_factory.mktemp("here")
    return priced_here(folder, MARKDOWN_PRICING_MODEL="tests.quick:Patient", WAIT_WHILE="none")


@pytest.fixture(scope="module", autouse=True)
def round_of_the_daemon(site: Installation) -> None:
    """The daemon's own sensor has started a round, and it is over."""

    def done() -> bool:
        runs = site.dagster.get_runs(dg.RunsFilter(job_name=JOB, statuses=[dg.DagsterRunStatus.SUCCESS]))
        return {run.tags[COUNTRY_TAG] for run in runs} == set(COUNTRIES)

    wait_until("every country is priced", done, 400, site.state, every_s=1)


@pytest.fixture
def learning(site: Installation) -> Iterator[str]:
    """A run of MLT whose pod is in the middle of its work, for five minutes at most or until the test ends."""
    with site.patience():
        run = site.launch("MLT")
        site.wait_until_it_learns(run)
        yield run


def test_a_round_goes_through_the_daemon_and_pods(site: Installation, expected: str) -> None:
    runs = site.dagster.get_runs()

    assert [site.said(run.run_id) for run in runs if run.status != dg.DagsterRunStatus.SUCCESS] == []
    assert {run.tags[COUNTRY_TAG] for run in runs if run.job_name == JOB} == set(COUNTRIES)
    assert site.container_of(runs[0].run_id)["securityContext"]["readOnlyRootFilesystem"] is True
    assert all(site.lake.entry(paths.predictions_file(parse_week(WEEK), code)) for code in COUNTRIES), "not on HDFS"
    site.wait_until_nothing_is_left()
    assert differences(site.erp, expected, site.postgres) == ""


def test_a_run_without_room_says_so_within_a_minute_and_a_forced_cancel_leaves_nothing(site: Installation) -> None:
    """Nobody deletes the Job of a run that is marked as canceled, until the sensor beside the launcher does."""
    run = site.launch("MLT", TOO_LARGE)
    site.wait_for(run, "STARTING")
    wait_until("it says that it waits", lambda: "Insufficient memory" in site.said(run), 60, site.state, every_s=1)

    site.cancel(run, force=True)

    assert site.status(run) == "CANCELED"
    assert site.has_left(run)
    site.wait_until_nothing_is_left(run, within_s=240)


def test_a_run_in_the_middle_of_its_work_is_canceled(site: Installation, learning: str) -> None:
    site.cancel(learning)

    site.wait_for(learning, "CANCELED")
    site.wait_until_nothing_is_left(learning)


def test_a_deleted_pod_is_noticed_and_its_run_is_priced_again(site: Installation, expected: str, learning: str) -> None:
    site.node.kubectl("-n", NAMESPACE, "delete", "pod", site.pod_of(learning)["metadata"]["name"], "--wait=false")
    site.wait_for(learning, "FAILURE")
    site.let_go()

    retries = site.wait_for_its_retry(learning)

    site.wait_until_nothing_is_left(learning, *retries)
    assert differences(site.erp, expected, site.postgres) == ""


def test_a_container_that_runs_out_of_memory_says_so_and_the_retry_asks_for_more(
    site: Installation, expected: str
) -> None:
    """Beside what every run takes, 1,000 MiB go into 2 GiB and not into one."""
    with site.need(mib=1000):
        run = site.launch("MLT", ONE_GIB)
        site.wait_for(run, "FAILURE")
        retries = site.wait_for_its_retry(run)

    assert "Terminated with exit code 137: OOMKilled" in site.said(run)
    [retry] = retries
    said = "The memory of 1,024 MiB of the run before was too little. This one is given 2,048 MiB."
    assert said in site.said(retry)
    assert site.container_of(retry)["resources"]["limits"]["memory"] in ("2Gi", "2048Mi")
    site.wait_until_nothing_is_left(run, retry)
    assert differences(site.erp, expected, site.postgres) == ""


def test_runs_go_on_while_all_servers_are_replaced(site: Installation, expected: str, learning: str) -> None:
    """A rollout of all three at once; the daemon that comes learns of the run's end."""
    site.node.kubectl("-n", NAMESPACE, "rollout", "restart", "deployment")
    site.wait_for_servers()
    site.let_go()

    site.wait_for(learning, "SUCCESS")
    site.wait_until_nothing_is_left(learning)
    assert differences(site.erp, expected, site.postgres) == ""


def test_a_drained_node_gives_its_runs_to_another(site: Installation, expected: str, learning: str) -> None:
    """Which is the same one here, once it may be used again; the servers had to go with the run."""
    site.node.kubectl("drain", NODE, "--ignore-daemonsets", "--delete-emptydir-data", "--force", "--timeout=150s")
    site.let_go()
    site.node.kubectl("uncordon", NODE)
    site.wait_for_servers()

    retries = site.wait_for_its_retry(learning, within_s=480)

    site.wait_until_nothing_is_left(learning, *retries)
    assert differences(site.erp, expected, site.postgres) == ""


def test_a_rollout_of_another_image_lets_a_run_end_with_the_one_that_it_began_with(
    site: Installation, expected: str, learning: str
) -> None:
    """Runs to come have the new one, which is the same under another name. It is the last test: the name stays."""
    site.roll_out(NEXT_IMAGE)
    assert site.status(learning) == "STARTED"
    site.let_go()
    site.wait_for(learning, "SUCCESS")

    later = site.launch("MLT")

    site.wait_for(later, "SUCCESS")
    assert site.container_of(learning)["image"] == IMAGE
    assert site.container_of(later)["image"] == NEXT_IMAGE
    site.wait_until_nothing_is_left(learning, later)
    assert differences(site.erp, expected, site.postgres) == ""
