"""What the countries share: learnt once a week by a job of its own, used by each country, missed without harm."""

import json
import multiprocessing
import re
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from pathlib import Path

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from markdown_pricing.definitions import build
from markdown_pricing.demand.shared import SharedDemand
from markdown_pricing.demand.terms import TO_A_CUT
from markdown_pricing.errors import TransientError
from markdown_pricing.installation.settings import Settings
from markdown_pricing.kept.shared_demand import shared_demand_at_hand
from markdown_pricing.lake.errors import LakeUnreachable
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.snapshot import find_snapshot, read_country
from markdown_pricing.learnt_together import ALL_COUNTRIES, learn_shared
from markdown_pricing.orchestration import resources
from markdown_pricing.orchestration.names import JOB, NOT_RETRIED_TAG, SHARED_JOB, STAMP, WITHOUT_SHARED_TAG
from markdown_pricing.orchestration.resources import SharedLearning
from markdown_pricing.sample.categories import CATEGORIES
from markdown_pricing.weeks import parse_week
from tests.quick import STEADY, deliver
from tests.test_learnt_together import BROKEN, TOGETHER

WEEK = "2026-02-09"
CODES = ("AUT", "CZE", "SVK")


class Installation:
    """A lake with one delivered week of three countries, all that are configured, and Dagster in memory."""

    def __init__(self, root: Path, model: str = STEADY) -> None:
        self.root, self.instance = root, dg.DagsterInstance.ephemeral()
        configured = root / "countries.csv"
        lines = (Path(__file__).parents[2] / "markdown_pricing/data/countries.csv").read_text().splitlines()
        configured.write_text("\n".join([lines[0], *(line for line in lines if line[:3] in CODES)]) + "\n")
        self.lake = Lake(str(root / "lake"))
        self.definitions = build(
            Settings.from_env(
                {
                    "MARKDOWN_PRICING_LAKE": str(root / "lake"),
                    "MARKDOWN_PRICING_ERP": f"sqlite:///{root}/erp.sqlite",
                    "MARKDOWN_PRICING_COUNTRIES": str(configured),
                    "MARKDOWN_PRICING_MODEL": model,
                }
            )
        )

    def learn(self, **resources: object) -> dg.ExecuteInProcessResult:
        return self._run(SHARED_JOB, WEEK, {}, resources=resources)

    def fit(self, country: str, **tags: str) -> dg.ExecuteInProcessResult:
        selection = [dg.AssetKey("training_data"), dg.AssetKey("demand_model")]
        return self._run(JOB, f"{country}|{WEEK}", tags, selection)

    def _run(
        self,
        job: str,
        partition: str,
        tags: dict[str, str],
        selection: list[dg.AssetKey] | None = None,
        resources: Mapping[str, object] | None = None,
    ) -> dg.ExecuteInProcessResult:
        return self.definitions.resolve_job_def(job).execute_in_process(
            instance=self.instance,
            partition_key=partition,
            asset_selection=selection,
            tags=tags,
            raise_on_error=False,
            resources=resources,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )

    def part(self, country: str) -> Path:
        return next((self.root / f"lake/markdown_training_data/{WEEK}/country={country}").glob("part-*"))

    def kept(self) -> list[Path]:
        return sorted((self.root / "lake/markdown_pricing/shared_demand").rglob("*.bin"))

    def at_hand(self) -> SharedDemand:
        shared = shared_demand_at_hand(self.lake, parse_week(WEEK), find_snapshot(self.lake, parse_week(WEEK)).stamp)
        assert shared.shared is not None, str(shared)
        return shared.shared

    def tags(self, result: dg.ExecuteInProcessResult) -> dict[str, str]:
        run = self.instance.get_run_by_id(result.run_id)
        assert run is not None
        return dict(run.tags)


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("delivered")
    deliver(Lake(str(root)), parse_week(WEEK), CODES, articles=5, seed=5)
    return root


@pytest.fixture(scope="module")
def learnt(delivered: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object]]:
    """A site where it has been learnt from all countries, with the events of that run."""
    root = tmp_path_factory.mktemp("learnt")
    shutil.copytree(delivered, root / "lake")
    return root, metadata(Installation(root).learn())


@pytest.fixture
def installation(delivered: Path, tmp_path: Path) -> Installation:
    shutil.copytree(delivered, tmp_path / "lake")
    return Installation(tmp_path)


@pytest.fixture
def taught(learnt: tuple[Path, dict[str, object]], tmp_path: Path) -> Installation:
    """One of a test's own, where it has been learnt."""
    shutil.copytree(learnt[0], tmp_path, dirs_exist_ok=True)
    return Installation(tmp_path)


def metadata(result: dg.ExecuteInProcessResult, node: str = "learn_shared_demand") -> dict[str, object]:
    [event] = result.asset_materializations_for_node(node)
    return {name: value.value for name, value in event.metadata.items()}


def failure(result: dg.ExecuteInProcessResult) -> str:
    data = next(event for event in result.all_events if event.is_step_failure).step_failure_data
    return str(data.user_failure_data.description if data.user_failure_data else data.error)


def redeliver(installation: Installation) -> None:
    """The same rows in another file: another delivery."""
    part = installation.part("AUT")
    pq.write_table(pq.read_table(part), part.with_name("part-00009-again.parquet"), compression="zstd")
    part.unlink()
    (installation.root / f"lake/markdown_training_data/{WEEK}/_SUCCESS").write_text("again")


def test_it_is_learnt_from_all_countries_and_kept_by_the_stamp_of_the_delivery(
    taught: Installation, learnt: tuple[Path, dict[str, object]]
) -> None:
    installation, told = taught, learnt[1]
    stamp = find_snapshot(installation.lake, parse_week(WEEK)).stamp
    assert (told["Countries"], told["Left out"]) == (3, "none")
    assert told[STAMP] == stamp
    [file] = installation.kept()
    assert file.parent.name == f"snapshot={stamp}"
    assert set(installation.at_hand().seen) == set(CODES)


def test_the_page_shows_the_price_response_of_each_category(
    taught: Installation, learnt: tuple[Path, dict[str, object]]
) -> None:
    """It shows the response that the countries are given."""
    installation, told = taught, learnt[1]
    shown = dict(re.findall(r"\| (\w[\w -]*) \| (-?\d+\.\d\d) \|", str(told["Price response by category"])))
    shared = installation.at_hand()
    assert set(shown) <= {category.name for category in CATEGORIES}
    assert list(shown) == list(shared.categories)
    np.testing.assert_allclose([float(value) for value in shown.values()], shared.mean @ TO_A_CUT, atol=0.006)
    assert all(0.5 < float(value) < 5 for value in shown.values())


def test_a_country_with_broken_data_is_left_out_and_named_with_the_reason(installation: Installation) -> None:
    installation.part("CZE").write_bytes(b"not Parquet")
    told = metadata(installation.learn())
    assert told["Countries"] == 2
    assert re.search(r"^\| CZE \| .*part-.* \|$", str(told["Left out"]), flags=re.MULTILINE)
    assert len(str(told["Left out"]).splitlines()) == 3, "a fault of many lines stays one row of the table"
    assert set(installation.at_hand().seen) == {"AUT", "SVK"}


def test_a_country_that_was_not_delivered_is_left_out_and_named(installation: Installation) -> None:
    shutil.rmtree(installation.part("SVK").parent)
    told = metadata(installation.learn())
    assert "| SVK |" in str(told["Left out"])


def test_when_no_country_can_be_learnt_from_it_fails_with_each_reason_and_is_not_retried(
    installation: Installation,
) -> None:
    for code in CODES:
        installation.part(code).write_bytes(b"not Parquet")
    result = installation.learn()
    assert not result.success
    assert all(f"- {code}: " in failure(result) for code in CODES)
    assert "can be priced without it" in failure(result)
    assert installation.tags(result)[NOT_RETRIED_TAG] == "NothingShared"
    assert installation.kept() == []


def test_a_week_that_was_not_delivered_shares_nothing(installation: Installation) -> None:
    (installation.root / f"lake/markdown_training_data/{WEEK}/_SUCCESS").unlink()
    result = installation.learn()
    assert not result.success
    assert installation.kept() == []


def test_a_lake_that_goes_away_meanwhile_leaves_nobody_out(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run fails and is tried again: what is shared must not hang on a moment's fault."""

    def away(lake: Lake, snapshot: object, country: str, **arguments: object) -> object:
        if country == "SVK":
            raise TransientError("the name node does not answer")
        return read_country(lake, snapshot, country, **arguments)

    monkeypatch.setattr("markdown_pricing.delivered.read_country", away)
    result = installation.learn()
    assert not result.success
    assert NOT_RETRIED_TAG not in installation.tags(result)
    assert installation.kept() == []


@pytest.fixture(scope="module")
def workers() -> Iterator[Executor]:
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        yield pool


def test_workers_learn_together_what_one_process_learns_alone(
    installation: Installation, workers: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They leave out the same countries, for the same reasons."""
    installation.part("CZE").write_bytes(b"not Parquet")
    monkeypatch.setattr(resources, "worker_processes", lambda number: nullcontext(workers))

    alone, together = (
        metadata(installation.learn(shared_learning=SharedLearning(processes=number))) for number in (1, 2)
    )

    assert together["Countries"] == 2
    for name in ("Version", "Countries", "Left out"):
        assert together[name] == alone[name]


@pytest.mark.parametrize(("own_cores", "at_a_time"), [(1, []), (2, [2]), (64, [4])])
def test_as_many_countries_are_learnt_from_at_a_time_as_the_run_has_cores(
    monkeypatch: pytest.MonkeyPatch, own_cores: int, at_a_time: list[int]
) -> None:
    """One after the other on a single core, and no more than a job that we hand out has cpus and memory for."""
    asked = []

    @contextmanager
    def processes(number: int) -> Iterator[ThreadPoolExecutor]:
        asked.append(number)
        with ThreadPoolExecutor() as pool:
            yield pool

    monkeypatch.setattr(resources, "own_cores", lambda: own_cores)
    monkeypatch.setattr(resources, "worker_processes", processes)

    with SharedLearning().apply() as apply:
        assert list(apply(str.lower, CODES)) == ["aut", "cze", "svk"]
    assert asked == at_a_time


def never_answers(country: str) -> pa.Table:
    raise LakeUnreachable(f"hdfs://namenode/{country}", "no answer")


def test_a_lake_that_goes_away_from_a_worker_leaves_nobody_out_either(workers: Executor) -> None:
    """Its fault comes from another process, in the same words, and stays one that is tried again."""
    with pytest.raises(TransientError, match="hdfs://namenode/AUT: no answer"):
        learn_shared(parse_week(WEEK), CODES, never_answers, apply=workers.map)


def test_learnt_again_from_the_same_delivery_it_is_the_same(
    taught: Installation, learnt: tuple[Path, dict[str, object]]
) -> None:
    assert metadata(taught.learn())["Version"] == learnt[1]["Version"]
    assert len(taught.kept()) == 1


def test_a_country_uses_what_was_learnt_and_says_which(
    taught: Installation, learnt: tuple[Path, dict[str, object]]
) -> None:
    version = learnt[1]["Version"]
    told = metadata(taught.fit("AUT"), "demand_model")
    assert told["Shared demand"] == version
    made_by = told["Made by"]
    assert isinstance(made_by, dict)
    assert made_by["shared_demand"] == version
    assert taught.at_hand().for_country("AUT").search is not None, "the country's fit goes on from there"


def test_a_country_prices_without_it_and_says_why(installation: Installation) -> None:
    told = metadata(installation.fit("AUT"), "demand_model")
    assert told["Shared demand"] == "none, because it has not been learnt from this delivery"
    because = {WITHOUT_SHARED_TAG: "its run did not succeed"}
    assert metadata(installation.fit("AUT", **because), "demand_model")["Shared demand"] == (
        "none, because its run did not succeed"
    )


def test_what_another_delivery_taught_is_not_used(taught: Installation, learnt: tuple[Path, dict[str, object]]) -> None:
    """It is not lost either: it stays beside what the new delivery teaches."""
    installation, before = taught, learnt[1]
    redeliver(installation)
    assert "has not been learnt" in str(metadata(installation.fit("AUT"), "demand_model")["Shared demand"])
    after = metadata(installation.learn())
    assert after[STAMP] != before[STAMP]
    assert after["Version"] == before["Version"], "the rows are the same"
    assert len(installation.kept()) == 2
    assert metadata(installation.fit("AUT"), "demand_model")["Shared demand"] == after["Version"]


def test_a_file_that_cannot_be_read_stops_no_country(taught: Installation) -> None:
    [file] = taught.kept()
    file.write_bytes(file.read_bytes()[:-40])
    result = taught.fit("AUT")
    assert result.success
    assert "materialize shared_demand again" in str(metadata(result, "demand_model")["Shared demand"])


@pytest.fixture
def learning_itself(delivered: Path, tmp_path: Path) -> Iterator[Installation]:
    """One whose model learns from all countries itself."""
    shutil.copytree(delivered, tmp_path / "lake")
    yield Installation(tmp_path, TOGETHER)
    BROKEN.clear()


def test_what_the_model_learns_itself_is_kept_with_the_rest_and_stands_on_the_page(
    learning_itself: Installation,
) -> None:
    told = metadata(learning_itself.learn())
    learnt = learning_itself.at_hand().for_country("AUT", TOGETHER).learnt
    assert learnt is not None
    assert set(CODES) < set(json.loads(learnt))
    assert told["Learnt by the model itself"] == f"{TOGETHER}: {len(learnt)} bytes"
    assert metadata(learning_itself.fit("AUT"), "demand_model")["Shared demand"] == told["Version"]


def test_workers_give_the_model_what_one_process_gives_it(
    learning_itself: Installation, workers: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "worker_processes", lambda number: nullcontext(workers))
    alone, together = (
        metadata(learning_itself.learn(shared_learning=SharedLearning(processes=number))) for number in (1, 2)
    )
    assert "Learnt by the model itself" in together
    assert together["Version"] == alone["Version"]


def test_a_model_that_cannot_learn_stops_no_country_and_both_pages_say_so(
    learning_itself: Installation, learnt: tuple[Path, dict[str, object]]
) -> None:
    BROKEN[ALL_COUNTRIES] = RuntimeError("CUDA is gone")
    told = metadata(learning_itself.learn())
    assert "| all countries | CUDA is gone |" in str(told["Not learnt by the model itself"])
    assert told["Version"] == learnt[1]["Version"], "the rest is what every model is given"
    page = metadata(learning_itself.fit("AUT"), "demand_model")
    assert page["Shared demand"] == f"{told['Version']}, in which {TOGETHER} has learnt nothing"
