"""A database of the version before (commit 849ec51): what a newer version adds, who may add it, and the way back."""

import re
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import make_url, text

from markdown_pricing.erp import tables
from markdown_pricing.erp.errors import ErpUnreachable
from markdown_pricing.erp.refresh import WITH_OPTIONS, last_receipts
from markdown_pricing.erp.rights import check_rights
from markdown_pricing.erp.tables import MissingColumns, ensure_tables
from tests.erp.conftest import Erp
from tests.erp.samples import NEXT_WEEK, make_rows

BEFORE = {
    "markdown_recommendations": """country TEXT!, article_id TEXT!, week DATE!, list_price MONEY!, current_price MONEY!,
        recommended_price MONEY!, markdown_pct DOUBLE!, action TEXT!, stock INTEGER!, expected_units DOUBLE!,
        expected_units_q10 DOUBLE!, expected_units_q90 DOUBLE!, end_week DATE!, cover_weeks DOUBLE,
        expected_sell_through DOUBLE!, expected_leftover DOUBLE!, expected_leftover_keep DOUBLE!,
        expected_leftover_habit DOUBLE!, expected_revenue MONEY!, expected_revenue_keep MONEY!,
        expected_revenue_habit MONEY!, next_markdown_week DATE, next_markdown_price MONEY, elasticity DOUBLE,
        elasticity_se DOUBLE, reason TEXT!, reason_code TEXT!, change_reason TEXT, exception_code TEXT,
        model_grade TEXT!, model_version TEXT!, run_id TEXT!, predicted_at TIME!, PRIMARY KEY (country, article_id)""",
    "markdown_price_path": """country TEXT!, article_id TEXT!, week DATE!, price MONEY!, expected_units DOUBLE!,
        expected_stock DOUBLE!, PRIMARY KEY (country, article_id, week)""",
    "markdown_refreshes": """country TEXT!, week DATE!, run_id TEXT!, launched_at TIME!, articles INTEGER!,
        previous_articles INTEGER!, total_expected_revenue MONEY!, content_hash TEXT!, refreshed_at TIME!,
        PRIMARY KEY (country, week, run_id)""",
}
"""The tables of that version; `!` is NOT NULL."""
COLUMNS = {
    name: re.findall(r"(\w+) [A-Z]+!?(?:,|$)", columns.partition("PRIMARY")[0]) for name, columns in BEFORE.items()
}
PASSWORD = "s3cret-word"


def refresh_of_the_version_before(erp: Erp, run_id: str) -> None:
    """It names its columns, in the tables as they are now, and knows of no others; the rows are those there are."""
    with erp.engine.begin() as connection:
        for table, columns in COLUMNS.items():
            named = ", ".join(columns)
            others = ", ".join(f"'{run_id}'" if column == "run_id" else column for column in columns)
            newest = "ORDER BY refreshed_at DESC LIMIT 1" if table == "markdown_refreshes" else ""
            connection.execute(text(f"CREATE TEMPORARY TABLE new AS SELECT {others} FROM {table} {newest}"))
            if not newest:
                connection.execute(text(f"DELETE FROM {table}"))
            connection.execute(text(f"INSERT INTO {table} ({named}) SELECT * FROM new"))
            connection.execute(text("DROP TABLE new"))


@pytest.fixture
def old_erp(empty_erp: Erp) -> Erp:
    """The tables of the version before, with a refresh of Germany by it."""
    ensure_tables(empty_erp.engine)
    empty_erp.replace()
    words = {"MONEY": "NUMERIC(14, 2)", "TIME": "TIMESTAMPTZ" if empty_erp.is_postgres else "TEXT"}
    words["DOUBLE"] = "DOUBLE PRECISION"
    newer = (
        "VIEW markdown_status",
        "VIEW markdown_decisions_current",
        "TABLE markdown_options",
        "TABLE markdown_decisions",
        "TABLE markdown_outcomes",
        "TABLE markdown_outcome_totals",
    )
    empty_erp.execute(*(f"DROP {each}" for each in newer))
    for name, columns in BEFORE.items():
        types = re.sub(r"\b[A-Z]+\b", lambda m: words.get(m[0], m[0]), columns).replace("!", " NOT NULL")
        named = ", ".join(COLUMNS[name])
        empty_erp.execute(
            f"ALTER TABLE {name} RENAME TO newer",
            f"CREATE TABLE {name} ({types.replace('PRIMARY KEY', f'CONSTRAINT {name}_own PRIMARY KEY')})",
            f"INSERT INTO {name} ({named}) SELECT {named} FROM newer",
            "DROP TABLE newer",
        )
    return empty_erp


def seen(erp: Erp) -> list[object]:
    """What a reader sees who names his columns."""
    named = ", ".join(COLUMNS["markdown_recommendations"])
    return sorted(erp.read(f"SELECT {named} FROM markdown_recommendations"), key=str)


def test_a_refresh_adds_what_is_new_and_readers_go_on(old_erp: Erp) -> None:
    """The rows stay as they are until the refresh replaces them; the receipt says that the options are hashed."""
    before = seen(old_erp)

    ensure_tables(old_erp.engine)

    assert seen(old_erp) == before
    assert last_receipts(old_erp.engine)["DEU"].hashed is None
    receipt = old_erp.replace(make_rows(NEXT_WEEK), run_id="run-2")
    assert (receipt.hashed, receipt.previous_articles) == (WITH_OPTIONS, 5)
    assert {row.run_id for row in old_erp.read("SELECT run_id FROM markdown_options")} == {"run-2"}
    assert {row.week for row in old_erp.read("SELECT week FROM markdown_status")} == {
        NEXT_WEEK if old_erp.is_postgres else str(NEXT_WEEK)
    }
    assert old_erp.read("SELECT * FROM markdown_decisions_current") == []


def test_receipts_of_the_version_before_are_read_before_the_upgrade(old_erp: Erp) -> None:
    """The code server asks for them, whose account changes nothing."""
    receipt = last_receipts(old_erp.engine)["DEU"]

    assert (receipt.run_id, receipt.hashed) == ("run-1", None)


def test_a_reader_with_an_open_transaction_sees_no_change_and_holds_nobody_up(
    old_erp: Erp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL adds no column to a table that is read, so the run tries again. SQLite adds it beside the reader."""
    monkeypatch.setattr(tables, "ADD_COLUMN_TIMEOUT_MS", 100)
    columns = ", ".join(COLUMNS["markdown_refreshes"])
    with old_erp.engine.connect() as reader:
        if not old_erp.is_postgres:
            reader.exec_driver_sql("BEGIN")
        first = reader.execute(text(f"SELECT {columns} FROM markdown_refreshes")).all()

        if old_erp.is_postgres:
            with pytest.raises(ErpUnreachable, match="lock timeout"):
                ensure_tables(old_erp.engine)
            assert old_erp.read("SELECT 1 FROM pg_tables WHERE tablename = 'markdown_options'") == []
        else:
            ensure_tables(old_erp.engine)

        assert reader.execute(text(f"SELECT {columns} FROM markdown_refreshes")).all() == first

    ensure_tables(old_erp.engine)
    assert old_erp.replace(make_rows(NEXT_WEEK), run_id="run-2").articles == 5


def test_the_version_before_can_come_back(old_erp: Erp) -> None:
    """The options are then of another run, which a reader sees; the next refresh of this version sets all right."""
    ensure_tables(old_erp.engine)
    old_erp.replace(run_id="run-2")

    refresh_of_the_version_before(old_erp, "run-3")

    assert old_erp.runs() == [("run-3", 5)]
    assert {row.run_id for row in old_erp.read("SELECT run_id FROM markdown_options")} == {"run-2"}
    assert "DEU" in last_receipts(old_erp.engine)
    old_erp.replace(make_rows(NEXT_WEEK), run_id="run-4")
    assert {row.run_id for row in old_erp.read("SELECT run_id FROM markdown_options")} == {"run-4"}


@pytest.fixture
def poor_account(postgres_erp: Erp) -> Iterator[Callable[[Erp], Erp]]:
    """Makes an account that may refresh the tables of the version before, and make nothing."""
    name = f"role_{make_url(postgres_erp.url).database}"

    def make(old: Erp) -> Erp:
        old.execute(
            f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'",
            f"GRANT SELECT, INSERT, DELETE ON {', '.join(BEFORE)} TO {name}",
        )
        return Erp(old.url.replace(f"//{old.user}@", "//"), name, PASSWORD, old.server)

    yield make
    postgres_erp.execute(f"DROP OWNED BY {name}", f"DROP ROLE {name}")


@pytest.mark.parametrize("empty_erp", ["postgres"], indirect=True)
def test_an_account_that_may_not_create_is_refused_before_anything_changes(
    old_erp: Erp, poor_account: Callable[[Erp], Erp]
) -> None:
    """The error and the doctor print the statements; run as they stand, they help."""
    erp, before = poor_account(old_erp), seen(old_erp)

    with pytest.raises(MissingColumns, match="Nothing was changed") as error:
        ensure_tables(erp.engine)

    assert seen(old_erp) == before
    assert error.value.missing["markdown_options"] == ()
    assert error.value.missing["markdown_refreshes"] == ("hashed",)
    assert str(error.value) in [finding.says for finding in check_rights(erp.engine)]
    old_erp.execute(*error.value.statements)
    ensure_tables(erp.engine)
    assert erp.replace(make_rows(NEXT_WEEK), run_id="run-2").articles == 5
