"""The ledger in the ERP: the last weeks' rows and the sums of all weeks, replaced as a whole."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import make_url

from markdown_pricing.columns import OUTCOME_COLUMNS
from markdown_pricing.erp.errors import ErpDenied
from markdown_pricing.erp.ledger import BadOutcomes, replace_ledger
from markdown_pricing.erp.missing import TablesMissing
from markdown_pricing.erp.rights import check_rights
from markdown_pricing.erp.tables import ensure_tables
from markdown_pricing.outcomes.totals import totals
from tests.erp.conftest import Erp

WEEK = date(2026, 2, 9)
NOW = datetime(2026, 2, 16, 9, 0, 0, 123456, tzinfo=UTC)


def rows_of(week: date = WEEK, country: str = "DEU", articles: int = 3, **changes: Any) -> pd.DataFrame:
    """A week's ledger, of which the first article was followed and the last one is unknown."""
    number = np.arange(articles)
    known = number < articles - 1
    rows = pd.DataFrame(
        {
            "country": country,
            "article_id": [f"A{each}" for each in number],
            "week": week,
            "arm": None,
            "recommended_price": 39.95,
            "decided_price": np.nan,
            "verdict": None,
            "decision_reason": None,
            "applied_price": np.where(known, 49.99 - 10.04 * (number == 0), np.nan),
            "state": np.where(known, np.where(number == 0, "applied", "not_applied"), "unknown"),
            "followed": np.where(known, (number == 0).astype(object), None),
            "steps_off": np.where(known, 2.0 * (number > 0), np.nan),
            "units": 3.0,
            "revenue": 149.97,
            "stock_end": 97.0,
            "expected_units": 4.5,
            "expected_units_q10": 1.0,
            "expected_units_q90": 9.0,
            "cost_ex_ante": np.where(known, 15.25 * (number > 0), np.nan),
            "cost_hindsight": np.nan,
            "cost_low": np.nan,
            "cost_high": np.nan,
            "hindsight_week": None,
            "phase": "middle",
            "model_version": "test 1",
            "run_id": "run-1",
            "computed_at": NOW,
        }
    )
    return rows.assign(**changes)[OUTCOME_COLUMNS]


def sums_of(rows: pd.DataFrame) -> pd.DataFrame:
    recommended = pd.DataFrame({"category": "coats", "stake": 50.0}, index=rows.index)
    return pd.concat([totals(own, recommended.loc[own.index], "run-1", NOW) for _, own in rows.groupby("week")])


def write(erp: Erp, rows: pd.DataFrame, country: str = "DEU") -> int:
    """Write the ledger and say how many rows the country has then."""
    replace_ledger(erp.engine, country, lambda: (rows, sums_of(rows)))
    return len(erp.read(f"SELECT * FROM markdown_outcomes WHERE country = '{country}'"))


def test_rows_and_sums_are_what_was_written(erp: Erp) -> None:
    assert write(erp, rows_of()) == 3

    first, second, last = erp.read("SELECT * FROM markdown_outcomes ORDER BY article_id")
    assert (bool(first.followed), float(first.cost_ex_ante), first.steps_off) == (True, 0.0, 0)
    assert (bool(second.followed), float(second.cost_ex_ante), second.steps_off) == (False, 15.25, 2)
    assert (last.followed, last.cost_ex_ante, last.steps_off, last.verdict, last.hindsight_week) == (None,) * 5
    [total] = erp.read("SELECT * FROM markdown_outcome_totals")
    assert (total.articles, total.known, total.followed, float(total.cost_ex_ante)) == (3, 2, 1, 15.25)
    assert (total.verdict, total.category, total.cost_hindsight) == ("none", "coats", None)


def test_the_weeks_that_are_written_replace_all_rows_and_the_sums_of_older_weeks_stay(erp: Erp) -> None:
    weeks = [WEEK + ago * timedelta(weeks=1) for ago in range(3)]
    write(erp, pd.concat([rows_of(week) for week in weeks[:2]], ignore_index=True))

    write(erp, pd.concat([rows_of(week, articles=2) for week in weeks[1:]], ignore_index=True))

    assert [row.n for row in erp.read("SELECT count(*) AS n FROM markdown_outcomes GROUP BY week")] == [2, 2]
    sums = erp.read("SELECT week, articles FROM markdown_outcome_totals ORDER BY week")
    assert [row.articles for row in sums] == [3, 2, 2]


def test_a_week_that_stands_there_as_it_was_computed_is_not_written_again(erp: Erp) -> None:
    """A mark that nobody else would leave there shows which rows are still the same ones."""
    weeks = [WEEK + ago * timedelta(weeks=1) for ago in range(3)]
    write(erp, pd.concat([rows_of(week) for week in weeks], ignore_index=True))
    erp.execute(*(f"UPDATE {name} SET units = 77" for name in ("markdown_outcomes", "markdown_outcome_totals")))
    later = rows_of(weeks[2], computed_at=NOW + timedelta(days=7), run_id="run-2")

    write(erp, pd.concat([*(rows_of(week) for week in weeks[:2]), later], ignore_index=True))

    def kept(table: str) -> list[bool]:
        return [
            row.kept for row in erp.read(f"SELECT min(units) = 77 AS kept FROM {table} GROUP BY week ORDER BY week")
        ]

    assert kept("markdown_outcomes") == kept("markdown_outcome_totals") == [True, True, False]


@pytest.mark.parametrize("table", ["markdown_outcomes", "markdown_outcome_totals"])
def test_a_week_of_which_rows_are_gone_is_written_again(erp: Erp, table: str) -> None:
    """As after a restore, or where somebody has tidied up."""
    write(erp, rows_of())
    erp.execute(f"DELETE FROM {table} WHERE {'article_id' if table == 'markdown_outcomes' else 'phase'} <> 'A1'")

    write(erp, rows_of())

    assert len(erp.read("SELECT * FROM markdown_outcomes")) == 3
    assert len(erp.read("SELECT * FROM markdown_outcome_totals")) == 1


def test_what_is_written_is_read_once_nobody_else_writes_it(erp: Erp, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read before the lock, it could be older than what another run has written meanwhile."""
    order: list[str] = []
    monkeypatch.setattr("markdown_pricing.erp.ledger.lock", lambda connection, name: order.append(f"lock {name}"))

    def read() -> tuple[pd.DataFrame, pd.DataFrame]:
        order.append("read")
        return rows_of(), sums_of(rows_of())

    replace_ledger(erp.engine, "DEU", read)

    assert order == ["lock DEU outcomes", "read"]


def test_another_country_is_left_alone(erp: Erp) -> None:
    write(erp, rows_of())
    write(erp, rows_of(country="AUT"), "AUT")

    write(erp, rows_of(articles=1), "DEU")

    counted = erp.read("SELECT country, count(*) AS n FROM markdown_outcomes GROUP BY country ORDER BY country")
    assert [tuple(row) for row in counted] == [("AUT", 3), ("DEU", 1)]


def test_a_value_that_no_column_takes_changes_nothing(erp: Erp) -> None:
    write(erp, rows_of())

    with pytest.raises(BadOutcomes, match="state"):
        write(erp, rows_of(state=None, run_id="another"))

    assert len(erp.read("SELECT * FROM markdown_outcomes")) == 3


def test_a_refresh_goes_on_without_the_ledgers_tables(erp: Erp) -> None:
    """Where they are missing, it is said who makes them, and run as printed the statements help."""
    erp.execute("DROP TABLE markdown_outcomes", "DROP TABLE markdown_outcome_totals")
    assert erp.replace().articles == 5

    with pytest.raises(TablesMissing, match="The ledger itself lies on the lake") as error:
        write(erp, rows_of())

    erp.execute(*(line.strip() for line in str(error.value).splitlines()[1:-1]))
    assert write(erp, rows_of()) == 3


def test_the_next_refresh_makes_the_tables(erp: Erp) -> None:
    erp.execute("DROP TABLE markdown_outcomes", "DROP TABLE markdown_outcome_totals")

    ensure_tables(erp.engine)

    assert write(erp, rows_of()) == 3


def test_an_account_that_may_not_create_or_write_is_told_the_statements(postgres_erp: Erp) -> None:
    """Run as the doctor prints them, by the owner, they help."""
    ensure_tables(postgres_erp.engine)
    name = f"role_{make_url(postgres_erp.url).database}"
    tables = "markdown_recommendations, markdown_price_path, markdown_options, markdown_refreshes, markdown_decisions"
    postgres_erp.execute(
        f"CREATE ROLE {name} LOGIN PASSWORD 'x'",
        f"GRANT SELECT, INSERT, DELETE ON {tables} TO {name}",
        "DROP TABLE markdown_outcome_totals",
    )
    poor = Erp(postgres_erp.url.replace(f"//{postgres_erp.user}@", "//"), name, "x", postgres_erp.server)
    try:
        findings = {each.what: each.says for each in check_rights(poor.engine) if not each.ok}
        says = [findings[f"table {table}"] for table in ("markdown_outcomes", "markdown_outcome_totals")]
        with pytest.raises(TablesMissing):
            write(poor, rows_of())
        postgres_erp.execute(*(line.strip() for line in says[1].splitlines()[1:]))
        with pytest.raises(ErpDenied, match=r"GRANT SELECT, INSERT, DELETE ON public\.markdown_outcomes"):
            write(poor, rows_of())
        postgres_erp.execute(*(line.strip() for line in says[0].splitlines()[1:]))
        assert write(poor, rows_of()) == 3
    finally:
        postgres_erp.execute(f"DROP OWNED BY {name}", f"DROP ROLE {name}")
