"""What an earlier run has done is not priced again: by Dagster's record of it and the ERP's receipt."""

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import dagster as dg
import pytest

from markdown_pricing.countries import read_countries
from markdown_pricing.decisions.decision import DecisionsRead
from markdown_pricing.erp.database import Erp
from markdown_pricing.erp.refresh import Receipt
from markdown_pricing.errors import TransientError
from markdown_pricing.kept.results import Results
from markdown_pricing.lake.filesystem import Entry, Lake
from markdown_pricing.lake.snapshot import Snapshot
from markdown_pricing.markdown.rules import RuleBook
from markdown_pricing.orchestration import earlier, figures
from markdown_pricing.orchestration.decided import CopiedDecisions
from markdown_pricing.orchestration.earlier import done_by_records
from markdown_pricing.orchestration.lost_runs import Places
from markdown_pricing.orchestration.names import PREDICTIONS, REFRESH
from markdown_pricing.orchestration.outcome import ARCHIVED, REFRESHED, RunOutcome
from markdown_pricing.orchestration.partitions import partition_key
from markdown_pricing.provenance import Provenance
from markdown_pricing.weeks import ONE_WEEK

WEEK = date(2026, 2, 9)
MOMENT = datetime(2026, 2, 9, 9, tzinfo=UTC)
RUN = ""  # Dagster's name for what no run has recorded
WANTED = Provenance(
    WEEK,
    *("DEU", "stamp", "1.0+ab", "numpy-2"),
    model_asked="gradient_boosting",
    seed=7,
    rules="r1",
    price_endings="99/100",
    shared_demand="s1",
)
MADE = WANTED.of(demand_model="log_linear", model_grade="C")
RECEIPT = Receipt("DEU", WEEK, RUN, MOMENT, 4, 4, Decimal("10.00"), "hash", MOMENT)


@dataclass(frozen=True)
class ErpOfReceipts(Erp):
    url: str = "sqlite:///nowhere"
    receipts: dict[str, Receipt] = field(default_factory=dict)

    def last_receipts(self) -> dict[str, Receipt]:
        return self.receipts


@pytest.fixture(scope="module")
def refreshed() -> dg.DagsterInstance:
    """Dagster's records of a country that was refreshed by a model that it was stepped down to."""
    instance = dg.DagsterInstance.ephemeral()
    for asset, metadata in (
        (PREDICTIONS, {"Articles": 4, "Markdowns": 1}),
        (REFRESH, figures.receipt(RECEIPT, MADE, "EUR")),
    ):
        key = partition_key(WEEK, "DEU")
        instance.report_runless_asset_event(dg.AssetMaterialization(asset, partition=key, metadata=metadata))
    return instance


def done(
    instance: dg.DagsterInstance, receipt: Receipt | None = RECEIPT, wanted: Provenance = WANTED
) -> list[RunOutcome]:
    erp = ErpOfReceipts(receipts={"DEU": receipt} if receipt else {})
    return list(done_by_records(instance, erp, WEEK, {"DEU": wanted}).values())


def test_a_country_whose_rows_are_in_the_erp_is_done(refreshed: dg.DagsterInstance) -> None:
    """Whatever simpler model it was stepped down to; its figures are those of the earlier run."""
    (outcome,) = done(refreshed)

    assert (outcome.status, outcome.earlier) == (REFRESHED, True)
    assert (outcome.articles, outcome.markdowns) == (4, 1)


def test_an_erp_that_does_not_answer_is_asked_for_one_country_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each question may take a minute; what is priced then asks it again."""
    asked = []

    def away(results: Results, *_: object) -> CopiedDecisions:
        asked.append(results.country)
        raise TransientError("away")

    monkeypatch.setattr(earlier, "find_decisions", away)
    places = Places(Lake(str(tmp_path)), ErpOfReceipts(), read_countries())
    snapshot = Snapshot(WEEK, Entry("_SUCCESS", 0, 0), {})

    wanted = earlier.wanted_origins(places, snapshot, ["AUT", "DEU", "POL"], RuleBook(), "gradient_boosting", False)

    assert asked == ["AUT"]
    assert {code: origin.locks for code, origin in wanted.items()} == {"AUT": "", "DEU": "", "POL": ""}


def test_a_plan_of_one_country_asks_for_other_rows_of_that_country_alone(tmp_path: Path) -> None:
    places = Places(Lake(str(tmp_path)), ErpOfReceipts(url=f"sqlite:///{tmp_path}/erp.sqlite"), read_countries())
    success = Entry("_SUCCESS", 0, 0)

    def wanted(planned: dict[str, tuple[Entry, ...]]) -> dict[str, str]:
        snapshot = Snapshot(WEEK, success, {}, planned=planned)
        made = earlier.wanted_origins(places, snapshot, ["AUT", "DEU"], RuleBook(), "log_linear", False)
        return {code: origin.version for code, origin in made.items()}

    without, with_plan = wanted({}), wanted({"AUT": (Entry("country=AUT/_planned/part-0.parquet", 9, 1),)})

    assert with_plan["AUT"] != without["AUT"]
    assert with_plan["DEU"] == without["DEU"]


def test_that_the_erp_does_not_show_decisions_is_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As to a wrong account; before the first refresh there is no table and nothing to say."""
    places = Places(Lake(str(tmp_path)), ErpOfReceipts(), read_countries())
    snapshot = Snapshot(WEEK, Entry("_SUCCESS", 0, 0), {})
    told: list[str] = []

    def ask(found: CopiedDecisions) -> list[str]:
        told.clear()
        monkeypatch.setattr(earlier, "find_decisions", lambda *_: found)
        earlier.wanted_origins(places, snapshot, ["AUT", "DEU"], RuleBook(), "log_linear", False, told.append)
        return told

    nothing = DecisionsRead((), ())
    [said] = ask(CopiedDecisions([], nothing, "permission denied for table markdown_decisions", WEEK - ONE_WEEK))
    assert said.startswith("AUT: The ERP does not show people's decisions, so that those count that were copied")
    assert "permission denied" in said
    assert ask(CopiedDecisions([], nothing, "has no table", None, is_first=True)) == []
    assert ask(CopiedDecisions([], nothing)) == []


@pytest.mark.parametrize(
    "changed",
    [
        {"snapshot": "delivered anew"},
        {"code": "1.1+cd"},
        {"libraries": "numpy-3"},
        {"currencies": "EUR 2026-01-05 1.95583"},
        {"plan": "another one"},
        {"model_asked": "a new champion"},
        {"seed": 8},
        {"rules": "r2"},
        {"price_endings": "95/100"},
        {"shared_demand": "none"},
        {"locks": "l1"},
    ],
    ids=str,
)
def test_a_country_is_priced_anew_when_anything_that_makes_its_prices_has_changed(
    refreshed: dg.DagsterInstance, changed: dict[str, str | int]
) -> None:
    assert done(refreshed, wanted=WANTED.of(**changed)) == []


@pytest.mark.parametrize(
    "receipt",
    [None, replace(RECEIPT, content_hash="other rows"), replace(RECEIPT, week=WEEK - ONE_WEEK)],
    ids=["no receipt", "another hash", "an older week, as after a restore"],
)
def test_a_country_is_priced_anew_when_the_erp_does_not_hold_its_rows(
    refreshed: dg.DagsterInstance, receipt: Receipt | None
) -> None:
    assert done(refreshed, receipt) == []


def test_an_archived_country_is_done_as_long_as_the_erp_holds_a_newer_week() -> None:
    instance, newer = dg.DagsterInstance.ephemeral(), WEEK + ONE_WEEK
    archived = figures.superseded(newer, MADE)
    key = partition_key(WEEK, "DEU")
    instance.report_runless_asset_event(dg.AssetObservation(REFRESH, partition=key, metadata=archived))

    (outcome,) = done(instance, replace(RECEIPT, week=newer))

    assert (outcome.status, outcome.message) == (ARCHIVED, f"the ERP already holds {newer}")
    assert done(instance, None) == []
