"""The ledger through Dagster: what is made and shown, when it is started, and that no round waits for it."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest
from dagster import DagsterRunStatus
from dagster._core.test_utils import create_run_for_test

from markdown_pricing.countries import Country
from markdown_pricing.definitions import build
from markdown_pricing.installation.settings import Settings
from markdown_pricing.kept.results import Results
from markdown_pricing.kept.sold_weeks import Outcomes
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.snapshot import find_snapshot
from markdown_pricing.orchestration.digest import digest_of
from markdown_pricing.orchestration.facts import gather
from markdown_pricing.orchestration.figures import IN_SHORT, NOT_KNOWN
from markdown_pricing.orchestration.judged import (
    ADHERENCE,
    ADHERENCE_BY_VALUE,
    COST,
    COST_OF_WEEKS,
    DECIDED,
    DECIDED_NOT_APPLIED,
    HELD,
    LEFT_ALONE,
    OVERRIDES,
    SOLD_OF_EXPECTED,
    TOO_FEW,
    WEEKS_IN_THESE,
    WEEKS_WITHOUT,
    WITHOUT_COST,
    Sums,
    figures_of_ledger,
    sentence_of_ledgers,
)
from markdown_pricing.orchestration.ledger import figures_before, look_for_sold_weeks
from markdown_pricing.orchestration.ledger_checks import (
    DECIDED_ARE_APPLIED,
    FOLLOWED_AS_BEFORE,
    calibrated,
    decided_are_applied,
    followed_as_before,
    results_of_checks,
)
from markdown_pricing.orchestration.names import (
    COUNTRY_TAG,
    JOB,
    NOT_RETRIED_TAG,
    OUTCOMES,
    OUTCOMES_JOB,
    SHARED_JOB,
    STAMP,
    TRAINING_DATA,
    WEEK_TAG,
)
from markdown_pricing.orchestration.partitions import partition_key, week_and_country
from markdown_pricing.orchestration.situation import Progress
from markdown_pricing.provenance import provenance
from markdown_pricing.weeks import parse_week
from tests.lake import spark
from tests.orchestration.looks import ErpOfReceipts
from tests.orchestration.test_assets import WEEK, WEEK_BEFORE, Installation
from tests.outcomes.test_totals import outcomes, recommended
from tests.priced import NOTHING_PRICED
from tests.quick import deliver

NOW = datetime(2026, 2, 9, 12, tzinfo=UTC)
PRICED, SNAPSHOT = parse_week(WEEK_BEFORE), parse_week(WEEK)


class Ledger(Installation):
    """A country of which two weeks were priced, and the job of its ledger."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        settings = {
            "MARKDOWN_PRICING_LAKE": str(root / "lake"),
            "MARKDOWN_PRICING_ERP": f"sqlite:///{root}/erp.sqlite",
        }
        self.rounds, self.job = self.job, build(Settings.from_env(settings)).resolve_job_def(OUTCOMES_JOB)

    def price(self, week: str) -> None:
        ran = self.rounds.execute_in_process(
            instance=self.instance,
            partition_key=f"AUT|{week}",
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
        assert ran.success


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    root = tmp_path_factory.mktemp("ledger")
    for week in (PRICED, SNAPSHOT):
        deliver(Lake(str(root / "lake")), week, ("AUT",), articles=8, seed=5)
    made = Ledger(root)
    for week in (WEEK_BEFORE, WEEK):
        made.price(week)
    return made


def test_a_sold_week_is_kept_shown_and_in_the_erp(ledger: Ledger) -> None:
    result = ledger.run(WEEK_BEFORE)

    assert result.success
    rows = pd.read_parquet(ledger.root / f"lake/markdown_outcomes/{WEEK_BEFORE}/country=AUT/part-0.parquet")
    assert len(rows) > 0
    assert ledger.erp("SELECT count(*) FROM markdown_outcomes") == [(len(rows),)]
    assert ledger.erp("SELECT sum(articles) FROM markdown_outcome_totals") == [(len(rows),)]
    [event] = result.get_asset_materialization_events()
    shown = event.materialization.metadata
    assert str(shown[IN_SHORT].value).startswith("The advice was followed for ")
    assert shown["In the ERP"].value == "1 week"


def test_a_week_that_is_not_sold_says_so_and_is_not_retried(ledger: Ledger) -> None:
    result = ledger.run(WEEK)

    assert not result.success
    assert ledger.tags(result)[NOT_RETRIED_TAG] == "NotSoldYet"


def test_an_erp_without_its_tables_costs_no_ledger(ledger: Ledger) -> None:
    """The page has the statements, and the lake the ledger."""
    ledger.erp("DROP TABLE markdown_outcome_totals")

    result = ledger.run(WEEK_BEFORE)

    assert result.success
    [event] = result.get_asset_materialization_events()
    assert "CREATE TABLE" in str(event.materialization.metadata["In the ERP"].value)


class Beside:
    """A lake with two delivered weeks and Dagster in memory, for looks of the sensor."""

    def __init__(self, lake: Lake) -> None:
        self.lake, self.instance, self.cursor = lake, dg.DagsterInstance.ephemeral(), ""
        for week in (PRICED, SNAPSHOT):
            spark.deliver(lake, {"DEU": [spark.sales()], "AUT": [spark.sales()]}, week)

    def priced(self, country: str, week: date = PRICED) -> None:
        origin = provenance(week, country, "stamp")
        Results(self.lake, week, country).recommendations.keep(NOTHING_PRICED, origin)

    def taken_in(self, country: str, stamp: str | None = None) -> None:
        partition = partition_key(SNAPSHOT, country)
        metadata = {STAMP: stamp or find_snapshot(self.lake, SNAPSHOT).stamp}
        self.instance.report_runless_asset_event(
            dg.AssetMaterialization(TRAINING_DATA, partition=str(partition), metadata=metadata)
        )

    def run(self, job: str, asset: dg.AssetKey | None = None) -> None:
        """A run that is under way; of one asset alone as the page starts it."""
        tags, chosen = {WEEK_TAG: WEEK, COUNTRY_TAG: "DEU"}, frozenset([asset]) if asset else None
        create_run_for_test(self.instance, job, status=DagsterRunStatus.STARTED, tags=tags, asset_selection=chosen)

    def looks(self) -> list[str]:
        """The partitions of which a ledger is asked for."""
        result = look_for_sold_weeks(self.instance, self.lake, ("DEU", "AUT"), self.cursor, NOW)
        if isinstance(result, dg.SkipReason):
            return []
        self.cursor = result.cursor or ""
        return [str(request.partition_key) for request in result.run_requests or []]


@pytest.fixture
def beside(tmp_path: Path) -> Iterator[Beside]:
    made = Beside(Lake(str(tmp_path / "lake")))
    with made.instance:
        yield made


def test_a_ledger_is_asked_for_once_the_next_snapshot_is_taken_in(beside: Beside) -> None:
    beside.priced("DEU")
    beside.priced("AUT")
    assert beside.looks() == []

    beside.taken_in("DEU")
    assert beside.looks() == [f"DEU|{WEEK_BEFORE}"]
    beside.taken_in("AUT")
    assert beside.looks() == [f"AUT|{WEEK_BEFORE}"]
    assert beside.looks() == []
    assert [sorted(asked) for asked in json.loads(beside.cursor).values()] == [["AUT", "DEU"]]


@pytest.mark.parametrize("job", [JOB, SHARED_JOB])
def test_while_a_round_is_under_way_no_ledger_is_made(beside: Beside, job: str) -> None:
    beside.priced("DEU")
    beside.taken_in("DEU")
    beside.run(job)

    assert beside.looks() == []


@pytest.mark.parametrize(("asset", "asked"), [(TRAINING_DATA, []), (OUTCOMES, [f"DEU|{WEEK_BEFORE}"])])
def test_a_run_from_the_page_is_known_by_what_it_makes(beside: Beside, asset: dg.AssetKey, asked: list[str]) -> None:
    """Dagster has one name for the job of them all."""
    beside.priced("DEU")
    beside.taken_in("DEU")
    beside.run("__ASSET_JOB", asset=asset)

    assert beside.looks() == asked


def test_a_look_asks_for_no_week_but_the_newest(beside: Beside, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many weeks lie on the lake."""
    asked: list[str] = []
    entry = Lake.entry
    monkeypatch.setattr(Lake, "entry", lambda lake, path: asked.append(path) or entry(lake, path))

    beside.looks()

    assert [path for path in asked if path.endswith("_SUCCESS") and WEEK not in path] == []
    assert asked


def test_a_snapshot_that_is_delivered_anew_is_waited_for(beside: Beside) -> None:
    """What the country has taken in is the delivery before."""
    beside.priced("DEU")
    beside.taken_in("DEU", stamp="before")

    assert beside.looks() == []


def test_a_country_that_was_never_priced_has_no_ledger(beside: Beside) -> None:
    beside.taken_in("DEU")

    assert beside.looks() == []


def test_a_country_that_cannot_become_due_is_not_looked_at_again(beside: Beside) -> None:
    """It is not in the snapshot, or has taken it in and was never priced."""
    beside.taken_in("DEU")

    result = look_for_sold_weeks(beside.instance, beside.lake, ("DEU", "AUT", "FRA"), "", NOW)

    assert isinstance(result, dg.SensorResult)
    assert [sorted(settled) for settled in json.loads(result.cursor or "").values()] == [["DEU", "FRA"]]


def test_a_week_that_was_not_priced_is_skipped(beside: Beside) -> None:
    beside.priced("DEU", date(2026, 1, 26))
    beside.taken_in("DEU")

    assert beside.looks() == ["DEU|2026-01-26"]


@pytest.mark.parametrize("job", [OUTCOMES_JOB, "__ASSET_JOB"])
def test_no_round_waits_for_a_ledger(beside: Beside, job: str) -> None:
    """A round looks at the runs of its week; those of the ledger are none of them, also when the page starts them."""
    beside.run(job, asset=OUTCOMES)
    partitions = week_and_country(PRICED, ("DEU", "AUT"))

    facts = gather(beside.instance, beside.lake, ErpOfReceipts(), partitions, Progress(), NOW)

    assert facts.runs == ()


COST_OF_TEN = "400 EUR, and with 9 chances in 10 between 328 and 472"


def _plain(shown: dict[str, object]) -> dict[str, object]:
    """As Dagster gives back what was recorded."""
    return {label: getattr(value, "value", value) for label, value in shown.items()}


def page(rows: pd.DataFrame) -> dict[str, object]:
    week = Outcomes(rows, pd.DataFrame(), recommended(rows))
    return figures_of_ledger(week, [rows], Country("DEU"))


def test_the_page_shows_adherence_and_costs_as_sums_with_their_interval() -> None:
    shown = page(outcomes(*[0.0] * 10, *[40.0] * 10))

    assert (shown[ADHERENCE.label], shown[ADHERENCE_BY_VALUE.label], shown[OVERRIDES.label]) == (50.0, 50.0, 10)
    assert (shown[SOLD_OF_EXPECTED.label], shown[WITHOUT_COST.label]) == (75.0, 0.0)
    assert shown[COST] == COST_OF_TEN
    assert (shown["Articles applied"], shown["Articles not applied"]) == (10, 10)


def test_a_cost_without_an_interval_is_not_printed() -> None:
    rows = outcomes(0.0, *[100.0] * 10, cost_low=float("nan"))

    assert page(rows)[COST] == NOT_KNOWN


def test_nothing_of_a_single_decision_or_person_is_on_the_page() -> None:
    told = " ".join(map(str, page(outcomes(0.0, 123.0, 300.0)).values()))

    assert "A1" not in told
    assert "423" not in told  # a sum of two
    assert Sums.of(_plain(page(outcomes(*[100.0] * 9)))).cost is None


def test_a_week_of_which_nothing_is_known_has_no_figures() -> None:
    rows = outcomes(100.0)
    rows["applied_price"], rows["followed"] = float("nan"), None

    shown = page(rows)

    assert (shown[ADHERENCE.label], shown[WITHOUT_COST.label]) == (NOT_KNOWN, NOT_KNOWN)
    assert (shown[COST], Sums.of(_plain(shown)).cost) == (NOT_KNOWN, None)


def test_other_prices_of_which_none_has_a_cost_did_not_cost_nothing() -> None:
    shown = page(outcomes(0.0, *[100.0] * 12, cost_ex_ante=[1.0, *[float("nan")] * 12]))

    assert (shown[COST], shown[COST_OF_WEEKS]) == (NOT_KNOWN, NOT_KNOWN)
    assert (Sums.of(_plain(shown)).cost, Sums.of(_plain(shown)).half) == (None, None)


def test_the_prices_that_are_too_few_to_say_are_those_in_the_sum() -> None:
    shown = page(outcomes(*[100.0] * 12, cost_ex_ante=[100.0, *[float("nan")] * 11]))

    assert (shown[COST], shown[COST_OF_WEEKS], Sums.of(_plain(shown)).cost) == (TOO_FEW, TOO_FEW, None)


def test_weeks_without_hindsight_are_counted_and_in_no_sum_of_weeks() -> None:
    week, without = outcomes(*[40.0] * 10), outcomes(*[40.0] * 10, cost_hindsight=float("nan"))

    shown = figures_of_ledger(Outcomes(week, pd.DataFrame(), recommended(week)), [week, without], Country("DEU"))

    assert (shown[COST_OF_WEEKS], shown[WEEKS_IN_THESE], shown[WEEKS_WITHOUT]) == (COST_OF_TEN, 1, 1)


def test_what_sold_without_being_known_is_not_compared_with_what_was_expected() -> None:
    assert page(outcomes(0.0, 0.0, units=[3.0, float("nan")]))[SOLD_OF_EXPECTED.label] == 75.0


def test_decided_prices_that_are_not_there_are_counted() -> None:
    rows = outcomes(100.0, 100.0, 100.0, 0.0, verdict=["accepted", "changed", "rejected", "accepted"])

    shown = page(rows)

    assert (shown[DECIDED.label], shown[DECIDED_NOT_APPLIED.label]) == (3, 2)


@pytest.mark.parametrize(
    ("now", "before", "passed"), [(80.0, 89.0, True), (80.0, 90.0, False), (None, 90.0, True), (80.0, None, True)]
)
def test_advice_that_is_followed_less_is_warned_of(now: float | None, before: float | None, passed: bool) -> None:
    assert followed_as_before(now, before).passed == passed


@pytest.mark.parametrize(("decided", "missed", "passed"), [(20, 1, True), (20, 2, False), (0, 0, True), (3, 0, True)])
def test_decided_prices_that_are_not_applied_are_warned_of(decided: int, missed: int, passed: bool) -> None:
    assert decided_are_applied({DECIDED.label: decided, DECIDED_NOT_APPLIED.label: missed}).passed == passed


@pytest.mark.parametrize(("sold", "passed"), [(79.0, False), (81.0, True), (126.0, False), (NOT_KNOWN, True)])
def test_a_ledger_that_is_out_of_calibration_is_warned_of(sold: float | str, passed: bool) -> None:
    assert calibrated({SOLD_OF_EXPECTED.label: sold}).passed == passed


def test_no_check_of_the_ledger_fails_its_run(ledger: Ledger) -> None:
    result = ledger.run(WEEK_BEFORE)
    found = {each.check_name: each for each in result.get_asset_check_evaluations()}

    assert found.keys() == {
        "advice_is_followed_as_before",
        "decided_prices_are_applied",
        "held_cells_are_left_alone",
        "sales_are_as_expected",
    }
    assert not any(each.blocking for each in found.values())
    assert {each.partition for each in found.values()} == {f"AUT|{WEEK_BEFORE}"}
    assert [event.step_key for event in result.get_step_success_events()] == ["outcomes"]


def test_the_ledger_is_compared_with_that_of_the_week_before(ledger: Ledger) -> None:
    """By the figures of the same run, or else by those that the last run of an earlier week has recorded."""
    figures = {ADHERENCE.label: 100.0, DECIDED.label: 10, DECIDED_NOT_APPLIED.label: 5}
    partition = partition_key(parse_week("2026-01-19"), "AUT")
    event = dg.AssetMaterialization(OUTCOMES, partition=str(partition), metadata=figures)
    ledger.instance.report_runless_asset_event(event)

    found = {each.check_name: each for each in ledger.run(WEEK_BEFORE).get_asset_check_evaluations()}

    assert "in the country's last other week it was 100 %" in str(found[FOLLOWED_AS_BEFORE].description)
    assert not found[DECIDED_ARE_APPLIED].passed


def test_of_this_runs_weeks_no_event_is_asked_for(beside: Beside) -> None:
    both = {PRICED: {ADHERENCE.label: 50.0}, parse_week("2026-01-26"): {ADHERENCE.label: 90.0}}

    of_this_run = figures_before(beside.instance, PRICED, "AUT", both)
    too_long_ago = figures_before(beside.instance, PRICED, "AUT", {PRICED: {}, date(2025, 11, 3): {"a": 1}})

    assert (ADHERENCE.number(of_this_run), too_long_ago) == (90.0, {})


def test_each_check_of_the_ledger_looks_at_the_week_that_it_is_about() -> None:
    now = {ADHERENCE.label: 50.0, SOLD_OF_EXPECTED.label: 300.0, HELD.label: 10, LEFT_ALONE.label: 10.0}
    before = {ADHERENCE.label: 90.0, DECIDED.label: 10, DECIDED_NOT_APPLIED.label: 9}
    decided = {DECIDED.label: 10, DECIDED_NOT_APPLIED.label: 9}

    assert not any(each.passed for each in results_of_checks(now, before))
    assert all(each.passed for each in results_of_checks(before | decided, {}))


def test_the_digest_adds_countries_in_euros_with_the_interval_of_the_sum() -> None:
    told = sentence_of_ledgers(
        [
            Sums(100, 60, 500.0, 400.0, 300.0, 30.0),
            Sums(100, 80, 500.0, 500.0, 100.0, 40.0),
            Sums(50, 50, None, None, None, None),
        ],
        PRICED,
    )

    assert told == (
        "Of the week of 2026-02-02: the advice was followed for 190 of 250 articles (76 %); by what was at stake 90 %. "
        "What the other prices cost the plan, in 2 countries: 400 EUR, and with 9 chances in 10 between 350 and 450."
    )


def test_the_digest_says_no_cost_that_is_not_known_and_nothing_of_no_ledger() -> None:
    assert sentence_of_ledgers([Sums(4, 1, None, None, None, None)], PRICED).endswith("for 1 of 4 articles (25 %).")
    assert sentence_of_ledgers([], PRICED) == ""


def test_what_a_page_records_is_what_the_digest_reads() -> None:
    recorded = Sums.of(_plain(page(outcomes(0.0, *[100.0] * 10))))

    assert recorded is not None
    assert (recorded.known, recorded.followed, recorded.stake, recorded.stake_followed) == (11, 1, 550.0, 50.0)
    assert (recorded.cost, Sums.of({})) == (1000.0, None)


def test_the_digest_tells_of_one_week_the_newest_that_most_countries_have(beside: Beside) -> None:
    """The ledger of the week before is made after the digest, except where a round was late: then few have it."""
    shown = page(outcomes(0.0, 0.0))
    for country, week in (("DEU", "2026-01-26"), ("AUT", "2026-01-26"), ("DEU", WEEK_BEFORE)):
        partition = partition_key(parse_week(week), country)
        beside.instance.report_runless_asset_event(
            dg.AssetMaterialization(OUTCOMES, partition=str(partition), metadata=shown)
        )
    runs = {
        code: dg.DagsterRun(JOB, tags={WEEK_TAG: WEEK, COUNTRY_TAG: code}, status=DagsterRunStatus.SUCCESS)
        for code in ("DEU", "AUT")
    }

    both, one = (digest_of(beside.instance, each).ledger for each in (runs, {"DEU": runs["DEU"]}))

    assert both.startswith("Of the week of 2026-01-26: the advice was followed for 4 of 4 articles")
    assert one.startswith(f"Of the week of {WEEK_BEFORE}: the advice was followed for 2 of 2 articles")


def test_the_digest_of_a_round_finds_the_ledger_made_after_the_round_before(ledger: Ledger) -> None:
    assert ledger.run(WEEK_BEFORE).success
    run = dg.DagsterRun(JOB, tags={WEEK_TAG: WEEK, COUNTRY_TAG: "AUT"}, status=DagsterRunStatus.SUCCESS)

    assert "the advice was followed for" in digest_of(ledger.instance, {"AUT": run}).text
