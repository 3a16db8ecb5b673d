"""The tables are the contract's, made once, and never changed when they are there."""

import multiprocessing
import re
import sqlite3
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
from sqlalchemy import inspect

from markdown_pricing.erp.errors import ErpDenied, ErpRefused, MissingDriver
from markdown_pricing.erp.grants import NEEDED_RIGHTS
from markdown_pricing.erp.tables import METADATA, MissingColumns, engine_for, ensure_tables
from markdown_pricing.erp.url import BadErpUrl
from tests.erp.conftest import Erp
from tests.erp.samples import WEEK

MONEY = "NUMERIC(14, 2)"
COLUMNS = {
    "markdown_recommendations": """country TEXT!, article_id TEXT!, week DATE!, list_price MONEY!, current_price MONEY!,
        recommended_price MONEY!, markdown_pct DOUBLE!, action TEXT!, stock INTEGER!, expected_units DOUBLE!,
        expected_units_q10 DOUBLE!, expected_units_q90 DOUBLE!, end_week DATE!, cover_weeks DOUBLE,
        expected_sell_through DOUBLE!, expected_leftover DOUBLE!, expected_leftover_keep DOUBLE!,
        expected_leftover_habit DOUBLE!, expected_revenue MONEY!, expected_revenue_keep MONEY!,
        expected_revenue_habit MONEY!, next_markdown_week DATE, next_markdown_price MONEY, elasticity DOUBLE,
        elasticity_se DOUBLE, reason TEXT!, reason_code TEXT!, change_reason TEXT, exception_code TEXT,
        model_grade TEXT!, model_version TEXT!, run_id TEXT!, predicted_at TIME!, stake MONEY, stake_low MONEY,
        stake_high MONEY, severity TEXT, category TEXT, season TEXT, launch_week DATE, stores INTEGER,
        salvage_price MONEY, markdowns_taken INTEGER, units_last_week DOUBLE, units_4_weeks DOUBLE,
        lowest_price_30_days MONEY, arm TEXT, locked_until DATE""",
    "markdown_price_path": """country TEXT!, article_id TEXT!, week DATE!, price MONEY!, expected_units DOUBLE!,
        expected_stock DOUBLE!""",
    "markdown_refreshes": """country TEXT!, week DATE!, run_id TEXT!, launched_at TIME!, articles INTEGER!,
        previous_articles INTEGER!, total_expected_revenue MONEY!, content_hash TEXT!, refreshed_at TIME!,
        hashed INTEGER""",
    "markdown_options": """country TEXT!, article_id TEXT!, price MONEY!, week DATE!, run_id TEXT!, step INTEGER!,
        value MONEY, value_loss MONEY, expected_units DOUBLE, expected_leftover DOUBLE, expected_revenue MONEY,
        next_markdown_week DATE, next_markdown_price MONEY, rule TEXT""",
    "markdown_decisions": """decision_id TEXT!, country TEXT!, article_id TEXT!, week DATE!, seq INTEGER!,
        verdict TEXT!, price MONEY, lock_until DATE, recommended_price MONEY, current_price MONEY, stake MONEY,
        run_id TEXT, decision_reason TEXT, note TEXT, decided_by TEXT!, source TEXT!, batch_id TEXT,
        decided_at TIME!""",
    "markdown_outcomes": """country TEXT!, article_id TEXT!, week DATE!, arm TEXT, recommended_price MONEY!,
        decided_price MONEY, verdict TEXT, decision_reason TEXT, applied_price MONEY, state TEXT!, followed BOOLEAN,
        steps_off INTEGER, units DOUBLE, revenue MONEY, stock_end INTEGER, expected_units DOUBLE,
        expected_units_q10 DOUBLE, expected_units_q90 DOUBLE, cost_ex_ante MONEY, cost_hindsight MONEY, cost_low MONEY,
        cost_high MONEY, hindsight_week DATE, phase TEXT, model_version TEXT, run_id TEXT!, computed_at TIME!""",
    "markdown_outcome_totals": """country TEXT!, category TEXT!, week DATE!, verdict TEXT!, decision_reason TEXT!,
        phase TEXT!, articles INTEGER!, known INTEGER!, followed INTEGER!, applied INTEGER!, not_valued INTEGER!,
        units DOUBLE!, revenue MONEY!, expected_units DOUBLE!, units_followed DOUBLE!, stake MONEY!,
        stake_followed MONEY!, cost_ex_ante MONEY, cost_hindsight MONEY, cost_low MONEY, cost_high MONEY,
        run_id TEXT!, computed_at TIME!""",
}
KEYS = {
    "markdown_recommendations": ["country", "article_id"],
    "markdown_price_path": ["country", "article_id", "week"],
    "markdown_refreshes": ["country", "week", "run_id"],
    "markdown_options": ["country", "article_id", "price"],
    "markdown_decisions": ["decision_id"],
    "markdown_outcomes": ["country", "article_id", "week"],
    "markdown_outcome_totals": ["country", "category", "week", "verdict", "decision_reason", "phase"],
}


@pytest.mark.parametrize("table", COLUMNS)
def test_the_columns_types_and_keys_are_the_contracts(erp: Erp, table: str) -> None:
    """What the database itself says it has; `!` is NOT NULL."""
    there = inspect(erp.engine)
    words = {"MONEY": MONEY, "TIME": "TIMESTAMP" if erp.is_postgres else "TEXT"}
    words["DOUBLE"] = "DOUBLE PRECISION" if erp.is_postgres else "DOUBLE"

    seen = [f"{c['name']} {c['type']}{'' if c['nullable'] else '!'}" for c in there.get_columns(table)]

    assert ", ".join(seen) == re.sub(r"[A-Z]+", lambda m: words.get(m[0], m[0]), " ".join(COLUMNS[table].split()))
    assert there.get_pk_constraint(table)["constrained_columns"] == KEYS[table]


def test_times_know_their_zone_on_postgres(postgres_erp: Erp) -> None:
    """TIMESTAMPTZ."""
    ensure_tables(postgres_erp.engine)

    zones = postgres_erp.read(
        "SELECT count(*) AS n FROM information_schema.columns"
        " WHERE table_name LIKE 'markdown%' AND table_name NOT IN ('markdown_status', 'markdown_decisions_current')"
        " AND data_type = 'timestamp with time zone'"
    )

    assert zones[0].n == 8


def test_making_the_tables_again_changes_nothing(erp: Erp) -> None:
    """No row is lost."""
    erp.replace()
    before = erp.everything()

    ensure_tables(erp.engine)

    assert erp.everything() == before


def _ensure(erp: Erp, start: Barrier) -> None:
    start.wait(30)
    ensure_tables(erp.engine)


def test_many_processes_may_make_the_tables_at_once(empty_erp: Erp) -> None:
    """45 runs that start together on an empty database all go on."""
    fork = multiprocessing.get_context("fork")
    start = fork.Barrier(45)
    processes = [fork.Process(target=_ensure, args=(empty_erp, start)) for _ in range(45)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)

    assert [process.exitcode for process in processes] == [0] * 45
    assert empty_erp.replace().articles == 5


def test_columns_that_lack_are_named_all_at_once_with_their_alter_table(empty_erp: Erp) -> None:
    """Nothing is changed, not even the table that is absent; run as printed, the statements help."""
    double, time = ("DOUBLE PRECISION", "TIMESTAMP WITH TIME ZONE") if empty_erp.is_postgres else ("DOUBLE", "TEXT")
    ensure_tables(empty_erp.engine)
    empty_erp.execute(
        "ALTER TABLE markdown_recommendations DROP COLUMN cover_weeks",
        "ALTER TABLE markdown_recommendations DROP COLUMN predicted_at",
        "ALTER TABLE markdown_price_path DROP COLUMN price",
        "DROP VIEW markdown_status",
        "DROP TABLE markdown_refreshes",
    )

    with pytest.raises(MissingColumns) as error:
        ensure_tables(empty_erp.engine)

    assert error.value.missing == {
        "markdown_recommendations": ("cover_weeks", "predicted_at"),
        "markdown_price_path": ("price",),
    }
    assert error.value.statements == (
        f"ALTER TABLE markdown_recommendations ADD COLUMN cover_weeks {double};",
        f"ALTER TABLE markdown_recommendations ADD COLUMN predicted_at {time};",
        "ALTER TABLE markdown_price_path ADD COLUMN price NUMERIC(14, 2);",
    )
    assert "Nothing was changed" in str(error.value)
    assert all(statement in str(error.value) for statement in error.value.statements)
    assert "markdown_refreshes" not in inspect(empty_erp.engine).get_table_names()

    empty_erp.execute(*error.value.statements)
    ensure_tables(empty_erp.engine)
    assert empty_erp.replace().articles == 5


def test_the_alter_table_names_the_schema(postgres_erp: Erp) -> None:
    """It then changes the tables that are meant, whatever the search path."""
    engine = engine_for(postgres_erp.url, postgres_erp.user, postgres_erp.password, schema="Test")
    ensure_tables(engine)
    postgres_erp.execute('ALTER TABLE "Test".markdown_price_path DROP COLUMN price')

    with pytest.raises(MissingColumns, match=r'ALTER TABLE "Test"\.markdown_price_path ADD COLUMN price NUMERIC'):
        ensure_tables(engine)


def test_further_nullable_columns_are_left_alone(erp: Erp) -> None:
    """The pricing department may have a column of its own."""
    erp.execute("ALTER TABLE markdown_recommendations ADD COLUMN decided_price NUMERIC(14, 2)")
    ensure_tables(erp.engine)

    erp.replace()

    assert {row.decided_price for row in erp.read("SELECT decided_price FROM markdown_recommendations")} == {None}


def test_a_further_column_that_must_be_filled_is_refused_with_its_name(erp: Erp) -> None:
    """We cannot know what belongs there; the old rows stay."""
    erp.execute("DROP TABLE markdown_price_path")
    erp.execute(
        "CREATE TABLE markdown_price_path (country TEXT, article_id TEXT, week DATE, price NUMERIC(14,2),"
        " expected_units REAL, expected_stock REAL, buyer TEXT NOT NULL)"
    )

    with pytest.raises(ErpRefused, match=r"(?i)buyer"):
        erp.replace()

    assert erp.runs() == []


def test_every_table_has_its_rights_listed() -> None:
    """The doctor and the error message ask for what is there."""
    assert NEEDED_RIGHTS.keys() == METADATA.tables.keys()


def test_sqlite_lets_readers_read_while_a_writer_writes(sqlite_erp: Erp) -> None:
    """The file keeps a write-ahead log, whoever opens it."""
    ensure_tables(sqlite_erp.engine)

    with sqlite3.connect(sqlite_erp.url.removeprefix("sqlite:///")) as stranger:
        mode = stranger.execute("PRAGMA journal_mode").fetchone()[0]
    stranger.close()

    assert mode == "wal"


def test_the_folder_of_the_sqlite_file_is_made_on_first_use(tmp_path: Path) -> None:
    """Asking for an engine makes nothing."""
    file = tmp_path / "a" / "b" / "erp.sqlite"

    engine = engine_for(f"sqlite:///{file}", None, None)

    assert not file.parent.exists()
    ensure_tables(engine)
    assert file.exists()


def test_of_a_file_that_is_named_by_a_uri_its_own_folder_is_made_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, file = tmp_path / "here", tmp_path / "a folder" / "erp.sqlite"
    here.mkdir()
    monkeypatch.chdir(here)

    ensure_tables(engine_for(f"sqlite:///file:{tmp_path}/a%20folder/erp.sqlite?uri=true", None, None))

    assert file.exists()
    assert list(here.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """A file stands in the way."""
    (tmp_path / "a").write_text("")

    with pytest.raises(ErpDenied, match=r"a/erp\.sqlite.*folder"):
        ensure_tables(engine_for(f"sqlite:///{tmp_path}/a/erp.sqlite", None, None))


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    """The file is left as it is."""
    file = tmp_path / "erp.sqlite"
    file.write_text("not a database, " * 100)

    with pytest.raises(ErpRefused, match="not a database"):
        ensure_tables(engine_for(f"sqlite:///{file}", None, None))

    assert file.read_text().startswith("not a database")


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("erp", "is not a SQLAlchemy URL"),
        ("postgresql://erp:s3cret@db/erp", "holds a password"),
        ("postgresql://erp@db/erp?password=s3cret", "holds a password"),
        ("mysql://db/erp", "is neither PostgreSQL nor SQLite"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite+pysqlite:///file::memory:?uri=true", "names no file"),
        ("sqlite://data/erp.sqlite", "is SQLite with the name of a host"),
        ("postgresql://db:port/erp", "is not a SQLAlchemy URL"),
    ],
)
def test_a_url_that_cannot_be_used_says_why_without_showing_itself(url: str, why: str) -> None:
    """There may be a password in it."""
    with pytest.raises(BadErpUrl, match=why) as error:
        engine_for(url, None, None)

    assert "s3cret" not in str(error.value)


def test_sqlite_refuses_a_schema() -> None:
    """A test that asks for its own schema never writes to production's file."""
    with pytest.raises(BadErpUrl, match="a file of its own"):
        engine_for("sqlite:////tmp/erp.sqlite", None, None, schema="markdown_test")


def test_an_engine_never_shows_its_password() -> None:
    """Neither the engine's text nor its URL has it."""
    engine = engine_for("postgresql://db.example.com/erp", "erp", "s3cret")

    assert "s3cret" not in f"{engine!r} {engine} {engine.url!r} {engine.url}"
    assert engine.url.password == "s3cret"
    assert engine.url.drivername == "postgresql+psycopg"
    assert engine.url.username == "erp"


def test_a_missing_driver_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """What to install stands in the message."""
    monkeypatch.setitem(__import__("sys").modules, "psycopg", None)

    with pytest.raises(MissingDriver, match=r"psycopg.*\.\[postgres\]"):
        engine_for("postgresql://db/erp", "erp", "s3cret")


def test_sqlite_keeps_times_as_iso_text_in_utc(sqlite_erp: Erp) -> None:
    """Text order is time order."""
    ensure_tables(sqlite_erp.engine)
    sqlite_erp.replace()

    row = sqlite_erp.read("SELECT predicted_at, week FROM markdown_recommendations")[0]

    assert row.predicted_at == "2026-02-09T07:01:02.345678+00:00"
    assert row.week == WEEK.isoformat()
