"""The flow through Dagster: what is kept, what is shown, what blocks a refresh and what is retried."""

import shutil
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from markdown_pricing.columns import Recommendations
from markdown_pricing.definitions import build
from markdown_pricing.installation.settings import Settings
from markdown_pricing.kept.files import CountryFile
from markdown_pricing.kept.results import Results
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.paths import kept_predictions_file, planned_folder, training_data_file
from markdown_pricing.lake.publish import publish_bytes
from markdown_pricing.lake.snapshot import find_snapshot, read_country
from markdown_pricing.orchestration import refreshing
from markdown_pricing.orchestration.figures import CURRENCY, LEAD_OVER_HABIT, MARKDOWNS, STAKE, UNEXPLAINED_CHANGES
from markdown_pricing.orchestration.names import DECISIONS_SHOWN, JOB, NOT_RETRIED_TAG, STAMP, SUPERSEDED_BY
from markdown_pricing.provenance import provenance
from markdown_pricing.texts.words import day
from markdown_pricing.weeks import parse_week
from tests.quick import STEADY, deliver

WEEK_BEFORE, WEEK = "2026-02-02", "2026-02-09"
FLOW = ["decisions", "training_data", "demand_model", "markdown_predictions", "erp_refresh"]


class Installation:
    """A lake with two delivered weeks of one country, an empty ERP, and Dagster in memory."""

    def __init__(self, root: Path, **environ: str) -> None:
        self.root = root
        self.instance = dg.DagsterInstance.ephemeral()
        given = {
            "MARKDOWN_PRICING_LAKE": str(root / "lake"),
            "MARKDOWN_PRICING_ERP": f"sqlite:///{root}/erp.sqlite",
            "MARKDOWN_PRICING_MODEL": STEADY,
        }
        self.job = build(Settings.from_env({**given, **environ})).resolve_job_def(JOB)

    def run(self, week: str = WEEK, assets: Sequence[str] | None = None) -> dg.ExecuteInProcessResult:
        return self.job.execute_in_process(
            instance=self.instance,
            partition_key=f"AUT|{week}",
            asset_selection=None if assets is None else [dg.AssetKey(asset) for asset in assets],
            raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )

    def tags(self, result: dg.ExecuteInProcessResult) -> dict[str, str]:
        run = self.instance.get_run_by_id(result.run_id)
        assert run is not None
        return dict(run.tags)

    def predictions(self, week: str = WEEK) -> Path:
        return self.root / "lake/markdown_predictions" / week / "country=AUT/part-0.parquet"

    def erp(self, query: str) -> list[tuple[object, ...]]:
        with sqlite3.connect(self.root / "erp.sqlite") as erp:
            return list(erp.execute(query))


Priced = tuple[Installation, dg.ExecuteInProcessResult]


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    for week in (WEEK_BEFORE, WEEK):
        deliver(Lake(str(tmp_path / "lake")), parse_week(week), ("AUT",), articles=8, seed=5)
    return Installation(tmp_path)


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("delivered")
    for week in (WEEK_BEFORE, WEEK):
        deliver(Lake(str(root / "lake")), parse_week(week), ("AUT",), articles=8, seed=5)
    return root


@pytest.fixture(scope="module")
def priced(delivered: Path, tmp_path_factory: pytest.TempPathFactory) -> Priced:
    """A site where the newest week has been priced, with its run; tests only look at it."""
    return one_week_priced(delivered, tmp_path_factory.mktemp("priced"), WEEK)


@pytest.fixture(scope="module")
def priced_before(delivered: Path, tmp_path_factory: pytest.TempPathFactory) -> Priced:
    """A site where the week before has been priced, and the newest has not."""
    return one_week_priced(delivered, tmp_path_factory.mktemp("priced_before"), WEEK_BEFORE)


def one_week_priced(delivered: Path, root: Path, week: str) -> Priced:
    shutil.copytree(delivered, root, dirs_exist_ok=True)
    installation = Installation(root)
    return installation, installation.run(week)


@pytest.fixture
def second_run(priced: Priced, tmp_path: Path) -> Installation:
    """One of a test's own, where the newest week has been priced."""
    shutil.copytree(priced[0].root, tmp_path, dirs_exist_ok=True)
    return Installation(tmp_path)


@pytest.fixture
def second_week(priced_before: Priced, tmp_path: Path) -> Installation:
    """One of a test's own, where the week before has been priced, and not yet the newest."""
    shutil.copytree(priced_before[0].root, tmp_path, dirs_exist_ok=True)
    return Installation(tmp_path)


def keep_other_rows(
    installation: Installation, change: Callable[[pd.DataFrame], pd.DataFrame], week: str = WEEK
) -> None:
    """As if those rows had been priced."""
    results = Results(Lake(str(installation.root / "lake")), parse_week(week), "AUT")
    kept, origin = results.recommendations.read()
    results.recommendations.keep(replace(kept, rows=change(kept.rows)), origin)


def pretend_there_were_more_rows(installation: Installation, times: float, week: str = WEEK_BEFORE) -> None:
    keep_other_rows(installation, lambda rows: pd.concat([rows] * 10).head(round(len(rows) * times)), week)


BIASED = {"no_bias_in_the_last_weeks": "WARN"}
"""The quick model does not see a season end: it expects 35 % more than the last weeks sold."""


def checks_failed(result: dg.ExecuteInProcessResult) -> dict[str, str]:
    evaluations = result.get_asset_check_evaluations()
    return {each.check_name: each.severity.value for each in evaluations if not each.passed}


def test_a_plan_is_taken_in_with_the_training_data_and_what_is_odd_of_it_warns(second_week: Installation) -> None:
    """It is kept for the week's other assets and for a replay; nothing of it stops the country."""
    results = Results(Lake(str(second_week.root / "lake")), parse_week(WEEK), "AUT")
    article = read_country(results.lake, find_snapshot(results.lake, results.week), "AUT")["article_id"][-1].as_py()
    folder = second_week.root / "lake" / planned_folder(results.week, "AUT")
    folder.mkdir()
    weeks = pd.to_datetime(["2026-03-02", "2026-02-09"]).date
    rows = pd.DataFrame({"article_id": article, "week": weeks, "attr_promo": 1.0})
    pq.write_table(pa.Table.from_pandas(rows, preserve_index=False), folder / "part-0.parquet")

    result = second_week.run(assets=["training_data"])

    assert result.success
    planned = results.training_data.read()[0].planned
    assert planned is not None
    assert planned["article_id"].tolist() == [article]
    assert planned["week"].tolist() == [pd.Timestamp("2026-03-02")]
    assert checks_failed(result)["nothing_left_out"] == "WARN"


def materialized(result: dg.ExecuteInProcessResult) -> list[str]:
    return [event.asset_key.to_user_string() for event in result.get_asset_materialization_events() if event.asset_key]


def test_a_country_goes_from_the_lake_to_the_erp_in_order(priced: Priced) -> None:
    installation, result = priced

    assert result.success
    assert materialized(result) == FLOW
    assert checks_failed(result) == BIASED
    assert installation.erp("SELECT country, week, articles, run_id FROM markdown_refreshes") == [
        ("AUT", WEEK, 8, result.run_id)
    ]
    assert installation.erp("SELECT DISTINCT run_id FROM markdown_recommendations") == [(result.run_id,)]


@pytest.mark.parametrize("asset", FLOW)
def test_any_asset_can_be_materialized_alone(second_run: Installation, asset: str) -> None:
    result = second_run.run(assets=[asset])

    assert result.success
    assert materialized(result) == [asset]


def test_an_asset_alone_without_the_one_before_it_says_what_to_materialize(installation: Installation) -> None:
    result = installation.run(assets=["demand_model"])

    assert not result.success
    failure = next(event for event in result.all_events if event.is_step_failure).step_failure_data
    assert "training_data" in failure.user_failure_data.description


def test_the_same_week_again_gives_the_same_file(second_run: Installation) -> None:
    """Times and run ids aside; what made it is written into the file."""
    first = pd.read_parquet(second_run.predictions())

    second_run.run()
    second = pd.read_parquet(second_run.predictions())

    changing = ["run_id", "predicted_at"]
    pd.testing.assert_frame_equal(first.drop(columns=changing), second.drop(columns=changing))
    assert first["run_id"].iloc[0] != second["run_id"].iloc[0]


def test_training_data_goes_from_step_to_step_in_memory_and_is_let_go_after_the_prices(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded, real = [], CountryFile._decoded
    monkeypatch.setattr(CountryFile, "_decoded", lambda own, parts: decoded.append(own.path) or real(own, parts))
    assert installation.run().success
    file = training_data_file(parse_week(WEEK), "AUT")
    articles_for_checks = 2
    assert decoded.count(file) == articles_for_checks

    Results(Lake(str(installation.root / "lake")), parse_week(WEEK), "AUT").training_data.read()
    assert decoded.count(file) == articles_for_checks + 1


def test_a_run_hands_nothing_on_to_another_run(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that prices many countries holds the data of none whose run has ended, whichever way it did."""
    decoded, real = [], CountryFile._decoded
    monkeypatch.setattr(CountryFile, "_decoded", lambda own, parts: decoded.append(own.path) or real(own, parts))
    assert installation.run(assets=["training_data"]).success
    assert installation.run(assets=["demand_model"]).success

    assert training_data_file(parse_week(WEEK), "AUT") in decoded


def test_what_made_a_result_is_recorded_with_it(priced: Priced) -> None:
    _, result = priced

    made_by = result.asset_materializations_for_node("markdown_predictions")[0].metadata["Made by"].value
    assert isinstance(made_by, dict)
    assert {"snapshot", "code", "demand_model", "seed", "rules", "libraries", "price_endings"} <= made_by.keys()
    assert all(made_by.values())
    stamps = {node: result.asset_materializations_for_node(node)[0].metadata[STAMP].value for node in FLOW[1:]}
    assert set(stamps.values()) == {made_by["snapshot"]}


def test_key_figures_and_pictures_are_there_to_see(priced: Priced) -> None:
    _, result = priced

    labels = {node: result.asset_materializations_for_node(node)[0].metadata for node in FLOW}
    assert {"Articles to price", "Weeks of history", "Sold-out weeks"} <= labels["training_data"].keys()
    assert {"Error of the model (WAPE, last weeks)", "Feature importance"} <= labels["demand_model"].keys()
    for node, picture in (("demand_model", "Expected and actual units"), ("markdown_predictions", "Price paths")):
        assert str(labels[node][picture].value).startswith("![](data:image/svg+xml,")
    assert {LEAD_OVER_HABIT.label, STAKE.label, CURRENCY.label, MARKDOWNS.label} <= labels[
        "markdown_predictions"
    ].keys()
    assert {"Articles", "Articles before", "Content hash"} <= labels["erp_refresh"].keys()


def test_a_table_of_decisions_that_cannot_be_read_warns_and_costs_no_price(second_week: Installation) -> None:
    """The check says what to do."""
    with sqlite3.connect(second_week.root / "erp.sqlite") as erp:
        erp.executescript("DROP VIEW markdown_decisions_current; DROP TABLE markdown_decisions")

    result = second_week.run(assets=["decisions"])

    assert result.success
    assert checks_failed(result) == {DECISIONS_SHOWN: "WARN"}
    [check] = result.get_asset_check_evaluations()
    assert "The ERP does not show people's decisions" in str(check.description)
    assert "have the owner of the tables run" in str(check.description)


def test_half_the_rows_of_last_week_block_the_refresh_and_are_not_retried(second_week: Installation) -> None:
    installation = second_week
    before = installation.erp("SELECT * FROM markdown_recommendations")
    pretend_there_were_more_rows(installation, times=2.1)

    result = installation.run()

    assert not result.success
    assert checks_failed(result) == {**BIASED, "rows_not_halved": "ERROR"}
    assert "erp_refresh" not in materialized(result)
    assert installation.tags(result)["dagster/retry_on_asset_or_op_failure"] == "false"
    assert installation.tags(result)[NOT_RETRIED_TAG] == "rows_not_halved"
    assert installation.erp("SELECT * FROM markdown_recommendations") == before


def test_the_refresh_alone_is_refused_as_well(second_week: Installation) -> None:
    """Nobody goes round a check by materializing the refresh from the page."""
    installation = second_week
    pretend_there_were_more_rows(installation, times=2.1)
    installation.run(assets=FLOW[:4])

    result = installation.run(assets=["erp_refresh"])

    assert not result.success
    assert installation.erp("SELECT DISTINCT week FROM markdown_recommendations") == [(WEEK_BEFORE,)]


def test_a_tenth_fewer_rows_only_warn(second_week: Installation) -> None:
    installation = second_week
    pretend_there_were_more_rows(installation, times=1.25)

    result = installation.run()

    assert result.success
    assert checks_failed(result) == {**BIASED, "rows_not_down_a_tenth": "WARN"}


def test_rows_are_compared_with_another_week_never_with_the_same(second_run: Installation) -> None:
    """A repeat of a week that lost rows would else find nothing wrong."""
    pretend_there_were_more_rows(second_run, times=3, week=WEEK)

    assert checks_failed(second_run.run()) == BIASED


def test_a_price_off_the_ladder_blocks_the_refresh(installation: Installation) -> None:
    installation.run(assets=FLOW[:4])
    keep_other_rows(installation, lambda rows: rows.assign(recommended_price=rows["current_price"] - 0.01))

    result = installation.run(assets=["erp_refresh"])

    assert not result.success
    assert installation.erp("SELECT * FROM markdown_recommendations") == []


def test_predictions_with_one_changed_byte_do_not_get_into_the_erp(installation: Installation) -> None:
    """Nobody but Dagster tries again: the same file would be refused again."""
    installation.run(assets=FLOW[:4])
    file = installation.root / f"lake/markdown_pricing/predictions/{WEEK}/country=AUT/predictions.bin"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)

    result = installation.run(assets=["erp_refresh"])

    assert installation.tags(result)[NOT_RETRIED_TAG] == "ResultChanged"
    assert installation.erp("SELECT * FROM markdown_recommendations") == []


def test_what_others_write_among_the_published_rows_changes_no_price(second_run: Installation) -> None:
    """The file is for analysis. Who may write there can put nothing into the ERP."""
    before = second_run.erp("SELECT article_id, recommended_price FROM markdown_recommendations")
    rows = pd.read_parquet(second_run.predictions())
    rows.assign(recommended_price=0.01).to_parquet(second_run.predictions(), index=False)

    result = second_run.run(assets=["erp_refresh"])

    assert result.success
    assert second_run.erp("SELECT article_id, recommended_price FROM markdown_recommendations") == before


def test_the_second_week_says_what_changed_since_the_first(priced: Priced, second_week: Installation) -> None:
    """In a sentence per article that was there, and as a figure beside the predictions; prices are the same."""
    first, alone = priced
    without, installation = pd.read_parquet(first.predictions()), second_week

    beside = installation.run()

    rows, before = (pd.read_parquet(installation.predictions(week)) for week in (WEEK, WEEK_BEFORE))
    assert before["change_reason"].isna().all()
    assert (rows["change_reason"].notna() == rows["article_id"].isin(before["article_id"])).all()
    assert rows["change_reason"].dropna().str.contains(day(parse_week(WEEK_BEFORE))).all()
    changing = ["run_id", "predicted_at", "change_reason"]
    pd.testing.assert_frame_equal(rows.drop(columns=changing), without.drop(columns=changing))
    seen = [run.asset_materializations_for_node("markdown_predictions")[0].metadata for run in (alone, beside)]
    assert [UNEXPLAINED_CHANGES in metadata for metadata in seen] == [False, True]
    published = "SELECT count(*) FROM markdown_recommendations WHERE change_reason IS NOT NULL"
    assert installation.erp(published) == [(int(rows["change_reason"].notna().sum()),)]


def test_an_earlier_week_of_other_columns_is_as_none(installation: Installation) -> None:
    """An old version of the package may have kept it so."""
    results = Results(Lake(str(installation.root / "lake")), parse_week(WEEK_BEFORE), "AUT")
    rows = pd.DataFrame({"article_id": ["1"] * 8})
    results.recommendations.keep(Recommendations(rows, rows, rows), provenance(parse_week(WEEK_BEFORE), "AUT", "stamp"))

    result = installation.run()

    assert result.success
    assert pd.read_parquet(installation.predictions())["change_reason"].isna().all()


def test_an_earlier_week_that_is_broken_tells_nothing_and_stops_nothing(installation: Installation) -> None:
    """Nor does one of a version that kept nothing but what others see."""
    lake = Lake(str(installation.root / "lake"))
    results = Results(lake, parse_week(WEEK), "AUT")
    assert results.recommendations.rows_before() is None
    installation.predictions(WEEK_BEFORE).parent.mkdir(parents=True)
    installation.predictions(WEEK_BEFORE).write_bytes(b"not Parquet")
    assert (results.recommendations.rows_before(), results.recommendations.articles_before()) == (None, None)

    publish_bytes(lake, kept_predictions_file(parse_week(WEEK_BEFORE), "AUT"), b"nor this")

    assert (results.recommendations.rows_before(), results.recommendations.articles_before()) == (None, None)
    assert installation.run().success


def test_an_older_week_leaves_the_erp_alone_and_its_partition_empty(second_run: Installation) -> None:
    installation = second_run
    before = installation.erp("SELECT * FROM markdown_recommendations ORDER BY 1, 2")

    result = installation.run(WEEK_BEFORE)

    assert result.success
    assert materialized(result) == FLOW[:4]
    observation = result.asset_observations_for_node("erp_refresh")[0]
    assert observation.metadata[SUPERSEDED_BY].value == WEEK
    assert installation.erp("SELECT * FROM markdown_recommendations ORDER BY 1, 2") == before


def test_an_older_week_that_is_overtaken_at_the_erps_door_is_no_failure(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A newer week is written between the question what the ERP holds and the refresh, which the fence refuses."""
    installation.run()
    monkeypatch.setattr(refreshing, "newest_refreshed_week", lambda *_: None)

    result = installation.run(WEEK_BEFORE)

    assert result.success
    assert result.asset_observations_for_node("erp_refresh")[0].metadata[SUPERSEDED_BY].value == WEEK
    assert installation.erp("SELECT DISTINCT week FROM markdown_recommendations") == [(WEEK,)]


def test_bad_data_is_not_retried_and_the_run_says_so(installation: Installation) -> None:
    part = next((installation.root / f"lake/markdown_training_data/{WEEK}/country=AUT").glob("part-*"))
    part.write_bytes(b"not Parquet")

    result = installation.run()

    assert installation.tags(result)["dagster/retry_on_asset_or_op_failure"] == "false"
    assert installation.tags(result)[NOT_RETRIED_TAG] == "CorruptFile"


def test_an_erp_that_is_away_is_retried(installation: Installation) -> None:
    away = Installation(installation.root, MARKDOWN_PRICING_ERP="postgresql://127.0.0.1:1/prices")

    result = away.run()

    assert not result.success
    assert materialized(result) == FLOW[1:3]  # whoever cannot be asked may have locked prices
    assert NOT_RETRIED_TAG not in away.tags(result)
