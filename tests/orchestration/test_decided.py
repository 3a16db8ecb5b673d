"""Decisions come back: three weeks of a shop with people who follow some of the advice, on both databases."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from markdown_pricing import pricing
from markdown_pricing.columns import ROW_COLUMNS, Recommendations
from markdown_pricing.currencies import Changeover
from markdown_pricing.decisions.decision import DecisionsRead, read
from markdown_pricing.erp.database import Erp as ErpResource
from markdown_pricing.erp.decisions import add_decisions, seen_rows
from markdown_pricing.erp.errors import ErpUnreachable
from markdown_pricing.erp.refresh import replace_country
from markdown_pricing.erp.tables import ensure_tables
from markdown_pricing.kept.results import Results
from markdown_pricing.lake import paths
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.publish import publish_sealed
from markdown_pricing.lake.seal import ResultChanged
from markdown_pricing.markdown.rules import RuleBook
from markdown_pricing.orchestration.decided import (
    NOT_READ,
    READ_FROM,
    CopiedDecisions,
    copied_decisions,
    copy_decisions,
    figures_of,
    find_decisions,
)
from markdown_pricing.provenance import provenance
from tests.decisions.test_decision import make
from tests.erp.conftest import (  # noqa: F401
    Erp,
    empty_erp,
    erp,
    made_in_postgres,
    made_in_sqlite,
    postgres_erp,
    sqlite_erp,
)
from tests.markdown.seasons import CODES, DEU, WEEK, article, frames
from tests.quick import Steady

ARTICLES = ("accepted", "changed", "rejected", "locked", "late", "nobody")
BOOK = RuleBook()
ONE = timedelta(weeks=1)
MADE_ANEW = ["run_id", "predicted_at", "model_version"]


def at(week: date, hours: int = 9) -> datetime:
    return datetime(week.year, week.month, week.day, tzinfo=UTC) + timedelta(hours=hours)


@dataclass
class Shop:
    """Six equal articles with too much stock, priced by rounds that keep what they read on a lake of their own."""

    erp: Erp
    lake: Lake
    week: date = WEEK
    sold: pricing.CountryWeek = field(init=False)
    written: int = 0

    def __post_init__(self) -> None:
        made = [article({-2: 49.99, -1: 49.99, 0: 49.99}, stock=400, weeks_left=12) for _ in ARTICLES]
        named = {f"{place:04d}": name for place, name in enumerate(ARTICLES)}
        articles, history = (frame.replace({"article_id": named}) for frame in frames(made))
        self.sold = pricing.CountryWeek(WEEK, "DEU", history, articles)

    @property
    def resource(self) -> ErpResource:
        return ErpResource(self.erp.url, self.erp.user, self.erp.password)

    def results(self, week: date | None = None) -> Results:
        return Results(self.lake, week or self.week, "DEU")

    def round(self, sold: pricing.CountryWeek | None = None, now: datetime | None = None) -> Recommendations:
        """What the assets do: copy the decisions, price, keep, and refresh when it is of this week."""
        sold = sold or self.sold
        results, week = self.results(sold.week), sold.week
        origin = provenance(week, "DEU", "stamp")
        copy_decisions(results, self.resource, now or at(week))
        decided = copied_decisions(results, self.resource, now or at(week))
        inputs = pricing.PricingInputs(DEU, BOOK, CODES, results.recommendations.rows_before(), decided)
        run = f"run-{week}-{self.written}"
        made = pricing.price_as_decided(sold, Steady(), inputs, origin, run, at(week))
        priced = made.recommendations
        results.recommendations.keep(priced, made.origin)
        if week == self.week:
            launched = at(week) + timedelta(minutes=self.written)
            replace_country(self.erp.engine, priced, week=week, country="DEU", run_id=run, launched_at=launched)
        return priced

    def decide(self, article_id: str, verdict: str, **changes: Any) -> None:
        """A row as the ERP's tool writes it, with what it shows."""
        self.written += 1
        [seen] = [row for row in seen_rows(self.erp.engine, ["DEU"]) if row["article_id"] == article_id]
        row = {
            "decision_id": f"d{self.written}",
            "country": "DEU",
            "article_id": article_id,
            "week": self.week,
            "seq": 1,
            "verdict": verdict,
            "price": None,
            "lock_until": None,
            **{name: seen[name] for name in ("recommended_price", "current_price", "stake", "run_id")},
            "decision_reason": "other",
            "note": None,
            "decided_by": "anna",
            "source": "erp",
            "batch_id": None,
            "decided_at": at(self.week),
        }
        add_decisions(self.erp.engine, [{**row, **changes}])

    def go_on(self, prices: Mapping[str, float]) -> None:
        """A week is sold, and the next snapshot has these prices, and those of before for all others."""
        sold = self.sold.articles.assign(units=3.0)
        self.week += ONE
        now = sold.assign(week=pd.Timestamp(self.week), units=float("nan"), stock=sold["stock"] - 3)
        now["price"] = now["article_id"].map(prices).fillna(now["price"])
        history = pd.concat([self.sold.history, sold]).sort_values(["article_id", "week"], ignore_index=True)
        self.sold = pricing.CountryWeek(self.week, "DEU", history, now)


@pytest.fixture
def shop(erp: Erp, tmp_path: Path) -> Shop:  # noqa: F811
    return Shop(erp, Lake(str(tmp_path / "lake")))


def by_article(priced: Recommendations) -> dict[str, Any]:
    rows = priced.rows.astype(object)
    return {row.article_id: row for row in rows.where(rows.notna(), None).itertuples()}


def what_it_says(priced: Recommendations) -> pd.DataFrame:
    return priced.rows[ROW_COLUMNS].drop(columns=MADE_ANEW)


def test_five_decisions_are_followed_through_three_weeks(shop: Shop) -> None:
    first = by_article(shop.round())
    assert {row.action for row in first.values()} == {"markdown"}
    recommended = first["accepted"].recommended_price
    shop.decide("accepted", "accepted")
    shop.decide("changed", "changed", price=Decimal("44.50"))
    shop.decide("rejected", "rejected")
    shop.decide("locked", "rejected", lock_until=WEEK + 2 * ONE)
    shop.decide("late", "accepted")

    shop.go_on({"accepted": recommended, "changed": 44.50})
    second = by_article(shop.round())

    assert second["accepted"].exception_code is None
    assert f"the markdown to {recommended:.2f} EUR was taken" in second["accepted"].change_reason
    assert second["changed"].exception_code == "off_ladder"
    assert (second["rejected"].exception_code, second["rejected"].severity) == ("asked_again", "info")
    assert second["rejected"].action == "markdown"
    assert (second["locked"].reason_code, second["locked"].action) == ("locked", "keep")
    assert (second["locked"].locked_until, second["locked"].stake) == (WEEK + 2 * ONE, 0)
    assert (second["late"].exception_code, second["late"].severity) == ("not_applied", "act")
    assert second["nobody"].exception_code is None

    shop.go_on({"late": recommended})
    third = by_article(shop.round())

    assert third["late"].exception_code is None
    assert (third["locked"].action, third["locked"].exception_code) == ("markdown", "asked_again")
    assert third["locked"].locked_until is None
    assert third["rejected"].exception_code == "asked_again"
    assert third["nobody"].recommended_price == third["rejected"].recommended_price == third["locked"].recommended_price


def test_a_lock_until_the_last_day_of_the_calendar_is_held_to_the_end(shop: Shop) -> None:
    """So some tools write `for ever`."""
    shop.round()
    shop.decide("locked", "rejected", lock_until=date(9999, 12, 31))

    row = by_article(shop.round(now=at(WEEK, 11)))["locked"]

    assert (row.reason_code, row.locked_until, row.next_markdown_week) == ("locked", date(2199, 12, 30), None)


def test_a_price_that_was_decided_in_the_old_currency_is_found_in_the_new_one(
    sqlite_erp: Erp,  # noqa: F811
    tmp_path: Path,
) -> None:
    ensure_tables(sqlite_erp.engine)
    shop = Shop(sqlite_erp, Lake(str(tmp_path / "lake")))
    shop.round()
    shop.decide("changed", "changed", price=Decimal("89.00"))
    shop.go_on({"changed": 44.50})
    decided = copied_decisions(shop.results(), shop.resource, at(shop.week))

    halved = pricing.follow_decisions(decided, shop.sold, [Changeover("DEU", "EUR", shop.week, 2.0)])

    assert pricing.follow_decisions(decided, shop.sold).articles["changed"].not_applied
    assert halved.articles == {}


def test_a_second_run_on_the_same_monday_reads_the_locks_that_were_set_since(shop: Shop) -> None:
    """The lock holds its article's price; all other rows are equal to the bit. `run` sees that it is to price again."""
    before = shop.round()
    origin = shop.results().recommendations.read()[-1]
    shop.decide("locked", "rejected", lock_until=WEEK + ONE)
    shop.decide("rejected", "rejected")

    again = shop.round(now=at(WEEK, 11))

    assert by_article(again)["locked"].reason_code == "locked"
    assert origin.locks == "" != shop.results().recommendations.read()[-1].locks
    others = [each[each["article_id"] != "locked"] for each in map(what_it_says, (before, again))]
    pd.testing.assert_frame_equal(*others, check_exact=True)


def test_a_replay_of_a_week_that_is_over_gives_the_same_rows(shop: Shop) -> None:
    """Whatever was decided about it since."""
    shop.round()
    shop.decide("locked", "rejected", lock_until=WEEK + 3 * ONE)
    shop.go_on({})
    of_the_week, then = shop.sold, shop.round()
    shop.decide("accepted", "rejected", lock_until=WEEK + 3 * ONE)
    shop.decide("locked", "withdrawn", week=WEEK, seq=2)
    shop.go_on({})
    shop.round()

    replayed = shop.round(of_the_week, now=at(shop.week, 30))

    pd.testing.assert_frame_equal(what_it_says(replayed), what_it_says(then), check_exact=True)
    assert by_article(replayed)["locked"].reason_code == "locked"


def test_without_decisions_rows_are_equal_to_the_bit_to_those_of_no_round_that_asks(shop: Shop) -> None:
    """An empty table, and none at all."""
    made_by = provenance(WEEK, "DEU", "stamp"), "run", at(WEEK)
    plain = pricing.price_articles(shop.sold, Steady(), pricing.PricingInputs(DEU, BOOK, CODES), *made_by)
    empty = shop.round()
    shop.erp.execute("DROP VIEW markdown_decisions_current", "DROP TABLE markdown_decisions")
    without = shop.round(now=at(WEEK, 10))

    for priced in (empty, without):
        pd.testing.assert_frame_equal(what_it_says(priced), what_it_says(plain), check_exact=True)
        pd.testing.assert_frame_equal(priced.price_path, plain.price_path, check_exact=True)
        pd.testing.assert_frame_equal(
            priced.options.drop(columns="run_id"), plain.options.drop(columns="run_id"), check_exact=True
        )


def test_an_erp_without_the_table_is_a_round_without_decisions_that_says_so(shop: Shop) -> None:
    shop.erp.execute("DROP VIEW markdown_decisions_current", "DROP TABLE markdown_decisions")

    found = find_decisions(shop.results(), shop.resource, at(WEEK))

    assert list(found.rows) == []
    assert found.warning.startswith("Priced without people's decisions, of which there is no copy either.")
    assert "has no table markdown_decisions" in figures_of(found, WEEK)[READ_FROM]
    assert not figures_of(found, WEEK)[NOT_READ]  # the first refresh makes it


def unreadable(shop: Shop) -> None:
    """The ERP as after a restore without the table."""
    shop.erp.execute("DROP VIEW markdown_decisions_current", "DROP TABLE markdown_decisions")


def test_locks_hold_on_when_the_erp_does_not_show_them_any_more(shop: Shop) -> None:
    """By the copy of an earlier week first, and then by the week's own, which nothing overwrites."""
    shop.round()
    shop.decide("locked", "rejected", lock_until=WEEK + 3 * ONE)
    shop.round(now=at(WEEK, 10))
    unreadable(shop)
    shop.go_on({})

    found = find_decisions(shop.results(), shop.resource, at(shop.week))
    once, again = (by_article(shop.round(now=at(shop.week, hour))) for hour in (9, 11))

    assert (once["locked"].reason_code, again["locked"].reason_code) == ("locked", "locked")
    assert found.copy_of == WEEK
    assert "those count that were copied in the week of 2026-02-09: its locks hold" in found.warning
    assert figures_of(found, shop.week)[READ_FROM] == found.warning
    assert figures_of(found, shop.week)[NOT_READ]
    assert find_decisions(shop.results(), shop.resource, at(shop.week)).copy_of == shop.week


def test_an_older_copy_counts_where_the_newer_one_was_changed(sqlite_erp: Erp, tmp_path: Path) -> None:  # noqa: F811
    ensure_tables(sqlite_erp.engine)
    shop = Shop(sqlite_erp, Lake(str(tmp_path / "lake")))
    shop.round()
    shop.decide("locked", "rejected", lock_until=WEEK + 3 * ONE)
    shop.round(now=at(WEEK, 10))
    unreadable(shop)
    (tmp_path / "lake" / paths.DECISIONS / "no week").mkdir()
    shop.lake.replace(paths.decisions_file(WEEK + ONE, "DEU"), b"changed")

    found = find_decisions(shop.results(WEEK + ONE), shop.resource, at(WEEK + ONE))

    assert found.copy_of == WEEK
    assert [each.article_id for each in found.read.decisions] == ["locked"]


def test_prices_that_are_made_alone_read_what_is_decided_and_keep_it(shop: Shop) -> None:
    """Somebody materializes them on the page, without the copy before them."""
    shop.round()
    shop.decide("locked", "rejected", lock_until=WEEK + ONE)
    shop.lake.remove(paths.decisions_file(WEEK, "DEU"))

    decided = copied_decisions(shop.results(), shop.resource, at(WEEK))

    assert [each.article_id for each in decided] == ["locked"]
    assert len(shop.results().decisions.read() or ()) == 1


def test_a_row_that_cannot_be_read_costs_no_other_decision(sqlite_erp: Erp, tmp_path: Path) -> None:  # noqa: F811
    """SQLite takes anything."""
    ensure_tables(sqlite_erp.engine)
    shop = Shop(sqlite_erp, Lake(str(tmp_path / "lake")))
    shop.round()
    shop.decide("locked", "rejected", lock_until=WEEK + ONE)
    shop.decide("rejected", "rejected")
    sqlite_erp.execute("UPDATE markdown_decisions SET decided_at = 'today' WHERE decision_id = 'd2'")

    again = shop.round(now=at(WEEK, 11))

    assert by_article(again)["locked"].reason_code == "locked"


def test_an_erp_that_is_away_is_waited_for(tmp_path: Path) -> None:
    """A locked price must not fall because nobody could be asked."""
    results = Results(Lake(str(tmp_path)), WEEK, "DEU")

    with pytest.raises(ErpUnreachable):
        find_decisions(results, ErpResource("postgresql://127.0.0.1:1/prices"), at(WEEK))


@pytest.mark.parametrize(
    "kept",
    [
        b'{"week": "2026-02-09", "of": "another version"}\n[]',
        provenance(WEEK, "DEU", "").to_json().encode() + b'\n[{"decision_id": "d1"}]',
        provenance(WEEK, "DEU", "").to_json().encode() + b"\n7",
        b"no JSON\n[]",
    ],
)
def test_a_copy_of_another_version_is_as_one_that_cannot_be_read(tmp_path: Path, kept: bytes) -> None:
    results = Results(Lake(str(tmp_path)), WEEK, "DEU")
    publish_sealed(results.lake, paths.decisions_file(WEEK, "DEU"), kept)

    with pytest.raises(ResultChanged, match="another version"):
        results.decisions.read()


def test_of_rows_that_do_not_count_the_newest_ten_are_listed_and_the_others_counted() -> None:
    void = [make(article_id=f"A{number}", week=WEEK - number * ONE, verdict="agreed") for number in range(1012)]
    listed = figures_of(CopiedDecisions((), DecisionsRead(tuple(void), ("d1: week is 'soon'",))), WEEK)

    lines = listed["Void"].text.splitlines()
    assert lines[0].startswith(f"A0, week {WEEK}: ")
    assert lines[9].startswith(f"A9, week {WEEK - 9 * ONE}: ")
    assert lines[10:] == ["and 1,002 more"]
    assert listed["Not readable"].text == "d1: week is 'soon'"


def test_the_copy_names_nobody_and_keeps_no_note(sqlite_erp: Erp, tmp_path: Path) -> None:  # noqa: F811
    """It stays for ever, and no price depends on either."""
    ensure_tables(sqlite_erp.engine)
    shop = Shop(sqlite_erp, Lake(str(tmp_path / "lake")))
    shop.round()
    shop.decide("locked", "rejected", lock_until=WEEK + 3 * ONE, note="Ben called")

    copy_decisions(shop.results(), shop.resource, at(WEEK, 10))

    kept = (tmp_path / "lake" / paths.decisions_file(WEEK, "DEU")).read_bytes()
    assert b"anna" not in kept
    assert b"Ben called" not in kept
    [decision] = copied_decisions(shop.results(), shop.resource, at(WEEK, 10))
    assert (decision.decided_by, decision.note, decision.lock_until) == ("somebody", None, WEEK + 3 * ONE)


def test_a_week_that_is_priced_when_it_is_over_knows_no_decision_of_after_its_end(
    sqlite_erp: Erp,  # noqa: F811
    tmp_path: Path,
) -> None:
    """It is priced as it would have been; what cannot be dated stays, as no decision counts by it."""
    ensure_tables(sqlite_erp.engine)
    shop = Shop(sqlite_erp, Lake(str(tmp_path / "lake")))
    shop.round()
    shop.lake.remove(paths.decisions_file(WEEK, "DEU"))
    shop.decide("locked", "rejected", lock_until=WEEK + 3 * ONE)
    shop.decide("locked", "withdrawn", seq=2, decided_at=at(WEEK + ONE))
    shop.decide("late", "rejected", lock_until=WEEK + 3 * ONE, decided_at=at(WEEK + ONE))
    shop.decide("nobody", "accepted")
    sqlite_erp.execute("UPDATE markdown_decisions SET decided_at = 'today' WHERE article_id = 'nobody'")

    found = find_decisions(shop.results(), shop.resource, at(WEEK + 2 * ONE))

    assert [(each.article_id, each.verdict) for each in found.read.decisions] == [("locked", "rejected")]
    assert len(found.read.unreadable) == 1


def test_a_copy_that_somebody_has_changed_is_not_believed(sqlite_erp: Erp, tmp_path: Path) -> None:  # noqa: F811
    """A week that is over is then priced with what the ERP has."""
    ensure_tables(sqlite_erp.engine)
    shop = Shop(sqlite_erp, Lake(str(tmp_path / "lake")))
    shop.round()
    shop.decide("locked", "rejected", lock_until=WEEK + 3 * ONE)
    shop.round(now=at(WEEK, 10))
    file = tmp_path / "lake" / paths.decisions_file(WEEK, "DEU")
    file.write_bytes(file.read_bytes().replace(b"locked", b"lacked"))

    found = find_decisions(shop.results(), shop.resource, at(WEEK + ONE))

    assert found.copy_of is None
    assert [each.decided_by for each in read(found.rows).decisions] == ["anna"]
