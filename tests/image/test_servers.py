"""The three servers of docker/compose.yaml, each in a container: well, pricing a round, and stopped in good order."""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import dagster as dg
import httpx
import pytest

from markdown_pricing.orchestration.names import COUNTRY_TAG, JOB
from tests.image.compose import PAGE, Site, settled
from tests.image.conftest import COUNTRIES, PATIENT, WAIT, differences, priced_here
from tests.image.containers import Container
from tests.postgres.server import PostgresServer
from tests.processes import wait_until

# The first on a machine waits until the image is built.
pytestmark = pytest.mark.timeout(2700)


@pytest.fixture(scope="module")
def site(image: str, tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer) -> Site:
    """Its runs learn nothing as long as the lake holds the file `wait`, for a minute at most."""
    site = settled(image, tmp_path_factory.mktemp("compose"), postgres, **PATIENT)
    (site.lake.folder / WAIT).touch()
    return site


@pytest.fixture(scope="module")
def instance(site: Site) -> Iterator[dg.DagsterInstance]:
    with site.instance() as instance:
        yield instance


@pytest.fixture(scope="module")
def containers(site: Site) -> Iterator[dict[str, Container]]:
    with ExitStack() as stack:
        # In the order in which compose starts them.
        yield {name: stack.enter_context(site.server(name)) for name in ("code-server", "daemon", "web-server")}


def test_each_server_is_healthy_and_the_page_answers(site: Site, containers: dict[str, Container]) -> None:
    assert {name for name, server in containers.items() if server.is_healthy()} == set(containers)
    assert httpx.get(f"http://127.0.0.1:{site.ports[PAGE]}/server_info", timeout=30).status_code == 200


def test_what_a_stop_of_the_code_server_has_interrupted_is_priced_after_it(
    site: Site, containers: dict[str, Container], instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    """As `docker compose restart code-server` does in the middle of a round."""

    def learning() -> list[str]:
        started = [dg.DagsterRunStatus.STARTED]
        runs = instance.get_runs(dg.RunsFilter(job_name=JOB, statuses=started))
        return [run.run_id for run in runs if "demand_model" in steps(instance, run.run_id)]

    def state() -> object:
        return Counter(f"{run.job_name} {run.status.value}" for run in instance.get_runs()), containers["daemon"].logs()

    wait_until("a country learns", learning, 300, state, every_s=1)
    containers["code-server"].stop(within_s=60)
    (site.lake.folder / WAIT).unlink()
    assert priced(instance) == set(), "nothing was under way any more"

    with site.server("code-server"):
        wait_until("every country is priced", lambda: priced(instance) == set(COUNTRIES), 500, state, every_s=1)

    expected = priced_here(tmp_path, MARKDOWN_PRICING_MODEL=PATIENT["MARKDOWN_PRICING_MODEL"], WAIT_WHILE="none")
    assert differences(site.erp, expected, site.postgres) == ""
    assert not instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))


def steps(instance: dg.DagsterInstance, run_id: str) -> set[str]:
    entries = instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_START)
    return {str(entry.step_key) for entry in entries}


def priced(instance: dg.DagsterInstance) -> set[str]:
    done = instance.get_runs(dg.RunsFilter(job_name=JOB, statuses=[dg.DagsterRunStatus.SUCCESS]))
    return {run.tags[COUNTRY_TAG] for run in done}
