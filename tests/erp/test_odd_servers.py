"""The ERP as it really is: behind a pooler, with settings of its own, and with triggers and types that others made."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import OperationalError

from markdown_pricing.erp.errors import ErpInterrupted, ErpRefused, erp_errors
from markdown_pricing.erp.insert import KeyTooLong
from markdown_pricing.erp.read_back import OtherRowsInErp
from markdown_pricing.erp.refresh import content_hash, last_receipts, newest_refreshed_week
from markdown_pricing.erp.rights import check_rights
from markdown_pricing.erp.rows import BadRows
from markdown_pricing.erp.space import ended_after
from markdown_pricing.erp.tables import engine_for, ensure_tables
from tests.erp.conftest import Erp
from tests.erp.samples import NEXT_WEEK, make_rows
from tests.postgres.bouncer import PgbouncerMissing, pgbouncer
from tests.postgres.server import PostgresServer
from tests.real_parts import missing


@pytest.fixture(scope="module")
def bouncer(postgres: PostgresServer) -> Iterator[int]:
    """The port of a pgbouncer before the server."""
    try:
        with pgbouncer(postgres) as port:
            yield port
    except PgbouncerMissing as why:
        missing("pgbouncer", str(why))


@pytest.fixture
def pooled(postgres_erp: Erp, bouncer: int) -> Erp:
    """The same database through the pooler."""
    url = make_url(postgres_erp.url).set(port=bouncer, host="127.0.0.1", query={"sslmode": "disable"})
    return Erp(url.render_as_string(hide_password=False), postgres_erp.user, postgres_erp.password, postgres_erp.server)


def test_refreshes_go_through_a_pooler_in_transaction_mode(pooled: Erp) -> None:
    """One connection of the server for all clients: nothing of ours is met by the next one."""
    ensure_tables(pooled.engine)
    for number in range(3):
        receipt = pooled.replace(run_id=f"run-{number}")

    assert content_hash(pooled.engine, "DEU") == receipt.content_hash
    assert last_receipts(pooled.engine) == {"DEU": receipt}
    assert all(finding.ok for finding in check_rights(pooled.engine)[:3])


def test_nothing_stays_in_a_connection_that_a_pooler_hands_on(pooled: Erp) -> None:
    """No prepared statement, no lock and no setting."""
    ensure_tables(pooled.engine)
    pooled.replace()
    left = pooled.read(
        "SELECT (SELECT count(*) FROM pg_prepared_statements) AS prepared,"
        " (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()) AS locks,"
        " current_setting('statement_timeout') AS statement, current_setting('lock_timeout') AS lock"
    )

    assert tuple(left[0]) == (0, 0, "0", "0")


@pytest.mark.parametrize("code", ["42P05", "26000"])
def test_statements_that_a_pooler_mixed_up_are_no_fault_of_the_rows(postgres_erp: Erp, code: str) -> None:
    """It may be repeated at once."""
    with pytest.raises(ErpInterrupted), erp_errors(postgres_erp.engine):
        postgres_erp.execute(f"DO $$ BEGIN RAISE 'prepared statement' USING ERRCODE = '{code}'; END $$")


def test_a_database_that_a_pooler_does_not_know_is_no_passing_fault(pooled: Erp) -> None:
    """pgbouncer has its own words for the server's."""
    url = make_url(pooled.url).set(database="nowhere").render_as_string(hide_password=False)

    says = check_rights(engine_for(url, pooled.user, None))[0].says

    assert "nowhere" in says
    assert "Check DB_USER" in says


@pytest.mark.parametrize("style", ["German", "SQL, DMY", "Postgres, MDY"])
def test_another_style_of_dates_and_fewer_digits_are_the_servers_own(postgres_erp: Erp, style: str) -> None:
    """Days, times and numbers come back as they were written."""
    name = make_url(postgres_erp.url).database
    postgres_erp.execute(f"ALTER DATABASE {name} SET datestyle = '{style}'")
    postgres_erp.execute(f"ALTER DATABASE {name} SET extra_float_digits = '-15'")
    ensure_tables(postgres_erp.engine)
    done = datetime(2026, 3, 2, 7, 30, 1, 123456, tzinfo=UTC)

    receipt = postgres_erp.replace(make_rows(expected_units=1 / 3), now=lambda: done)

    assert last_receipts(postgres_erp.engine) == {"DEU": receipt}
    assert content_hash(postgres_erp.engine, "DEU") == receipt.content_hash
    assert newest_refreshed_week(postgres_erp.engine, "DEU") == receipt.week


@pytest.mark.parametrize(("encoding", "doctor_is_content"), [("SQL_ASCII", True), ("LATIN1", False)])
def test_a_database_of_another_encoding_is_written_and_read_in_utf_8(
    postgres: PostgresServer, encoding: str, doctor_is_content: bool
) -> None:
    """SQL_ASCII keeps any bytes; others lack signs, which the doctor says before a refresh is refused."""
    name = make_url(postgres.fresh_database()).database + "_odd"
    postgres.execute(f"CREATE DATABASE {name} ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
    erp = Erp(postgres.database(name), postgres.user, postgres.password, postgres)
    erp.execute(f"ALTER DATABASE {name} SET client_encoding = 'SQL_ASCII'")
    ensure_tables(erp.engine)

    receipt = erp.replace(make_rows(reason="Stock für später"))

    assert content_hash(erp.engine, "DEU") == receipt.content_hash
    assert all(finding.ok for finding in check_rights(erp.engine) if "encoding" in finding.what) == doctor_is_content
    if not doctor_is_content:
        with pytest.raises(ErpRefused, match=f'no equivalent in encoding "{encoding}"'):
            erp.replace(make_rows(NEXT_WEEK, reason="запас"), run_id="run-2")


SKIP = "IF NEW.article_id = 'A000001' THEN RETURN NULL; END IF; RETURN NEW;"
CHANGE = "NEW.{column} := {value}; RETURN NEW;"


def meddle(erp: Erp, body: str, when: str, kind: str = "TRIGGER", deferred: str = "") -> None:
    erp.execute(
        f"CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$",
        f"CREATE {kind} meddles {when} {deferred} FOR EACH ROW EXECUTE FUNCTION meddle()",
    )


@pytest.mark.parametrize(
    ("body", "when", "says"),
    [
        (SKIP, "BEFORE INSERT ON markdown_recommendations", "5 rows were written and 4 are there, .*A000001"),
        (
            CHANGE.format(column="recommended_price", value="9"),
            "BEFORE INSERT ON markdown_recommendations",
            r"recommended_price of article_id A000000 is 9\.00 where 13\.95 was written",
        ),
        (CHANGE.format(column="reason", value="NULL"), "BEFORE INSERT ON markdown_recommendations", "reason"),
        (CHANGE.format(column="run_id", value="'me'"), "BEFORE INSERT ON markdown_recommendations", "run_id .* is me"),
        (SKIP, "BEFORE INSERT ON markdown_price_path", "10 rows were written and 8 are there"),
        ("RETURN NULL;", "BEFORE INSERT ON markdown_refreshes", "markdown_refreshes .* receipt is missing"),
        (
            "IF OLD.article_id = 'A000004' THEN RETURN NULL; END IF; RETURN OLD;",
            "BEFORE DELETE ON markdown_recommendations",
            "4 rows were written and 5 are there, with one of article_id A000004",
        ),
    ],
)
def test_a_trigger_that_drops_or_changes_rows_is_noticed(postgres_erp: Erp, body: str, when: str, says: str) -> None:
    """Nothing changes; the refresh names a row that is not as it was written."""
    ensure_tables(postgres_erp.engine)
    postgres_erp.replace()
    before = postgres_erp.everything()
    if "reason" in body:
        postgres_erp.execute("ALTER TABLE markdown_recommendations ALTER reason DROP NOT NULL")
    meddle(postgres_erp, body, when)

    with pytest.raises(OtherRowsInErp, match=says):
        postgres_erp.replace(make_rows(NEXT_WEEK, articles=4 if "DELETE" in when else 5), run_id="run-2")

    assert postgres_erp.everything() == before


def test_a_trigger_that_waits_for_the_commit_is_noticed(postgres_erp: Erp) -> None:
    """It is called before the rows are read back."""
    ensure_tables(postgres_erp.engine)
    body = "DELETE FROM markdown_price_path WHERE article_id = NEW.article_id; RETURN NULL;"
    when = "AFTER INSERT ON markdown_recommendations"
    meddle(postgres_erp, body, when, "CONSTRAINT TRIGGER", "DEFERRABLE INITIALLY DEFERRED")

    with pytest.raises(OtherRowsInErp, match="10 rows were written and 0 are there"):
        postgres_erp.replace()

    assert postgres_erp.runs() == []


def test_on_sqlite_a_trigger_is_noticed_too(sqlite_erp: Erp) -> None:
    """Whatever the database."""
    ensure_tables(sqlite_erp.engine)
    sqlite_erp.replace()
    before = sqlite_erp.everything()
    sqlite_erp.execute(
        "CREATE TRIGGER meddles AFTER INSERT ON markdown_recommendations WHEN NEW.article_id = 'A000002' BEGIN"
        " UPDATE markdown_recommendations SET stock = stock + 1 WHERE article_id = 'A000002'; END"
    )

    with pytest.raises(OtherRowsInErp, match="stock of article_id A000002 is 25 where 24 was written"):
        sqlite_erp.replace(make_rows(NEXT_WEEK), run_id="run-2")

    assert sqlite_erp.everything() == before


def test_a_column_that_turns_texts_into_numbers_is_noticed_on_sqlite(sqlite_erp: Erp) -> None:
    """An id of digits loses its zeros in a column of whole numbers."""
    ensure_tables(sqlite_erp.engine)
    sqlite_erp.execute("DROP TABLE markdown_price_path")
    sqlite_erp.execute(
        "CREATE TABLE markdown_price_path (country TEXT, article_id INTEGER, week DATE, price NUMERIC,"
        " expected_units DOUBLE, expected_stock DOUBLE)"
    )

    with pytest.raises(OtherRowsInErp, match="comes back in another form"):
        sqlite_erp.replace(make_rows(article_id=[f"00{number}" for number in range(5)]))


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_a_rule_or_a_policy_that_hides_rows_is_noticed(postgres_erp: Erp, driver: str) -> None:
    """Rules meet INSERT, policies whoever is neither owner nor superuser."""
    ensure_tables(postgres_erp.engine)
    name = f"role_{make_url(postgres_erp.url).database}"
    postgres_erp.execute(
        f"CREATE ROLE {name} LOGIN PASSWORD 'word'",
        f"GRANT SELECT, INSERT, DELETE ON ALL TABLES IN SCHEMA public TO {name}",
        "ALTER TABLE markdown_recommendations ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY hides ON markdown_recommendations USING (article_id <> 'A000003') WITH CHECK (true)",
    )
    url = postgres_erp.url.replace(f"//{postgres_erp.user}@", "//").replace("postgresql:", f"postgresql+{driver}:")

    try:
        with pytest.raises(OtherRowsInErp, match=r"5 rows were written and 4 are there, without .*A000003"):
            Erp(url, name, "word", postgres_erp.server).replace()
    finally:
        postgres_erp.execute(f"DROP OWNED BY {name}", f"DROP ROLE {name}")

    assert postgres_erp.runs() == []


def test_tables_behind_a_view_are_written(postgres_erp: Erp) -> None:
    """PostgreSQL copies into no view, but inserts through it."""
    ensure_tables(postgres_erp.engine)
    postgres_erp.execute(
        "ALTER TABLE markdown_price_path RENAME TO plans", "CREATE VIEW markdown_price_path AS SELECT * FROM plans"
    )

    postgres_erp.replace()

    assert len(postgres_erp.read("SELECT * FROM plans")) == 10


LOSING = {
    "recommended_price": "numeric(10,0)",
    "expected_units": "real",
    "stock": "smallint",
    "week": "timestamp with time zone",
    "article_id": "character(20)",
    "reason": "character varying(40)",
    "predicted_at": "timestamp(0) with time zone",
}


def test_columns_that_lose_something_are_named_with_what_widens_them(postgres_erp: Erp) -> None:
    """By the doctor; run as printed, the statements help. What holds everything is let be."""
    ensure_tables(postgres_erp.engine)
    table = "markdown_recommendations"
    wide = {"country": "character(3)", "list_price": "numeric", "reason_code": "varchar", "expected_revenue": "float8"}
    for column, wanted in {**LOSING, **wide}.items():
        postgres_erp.execute(f"ALTER TABLE {table} ALTER {column} TYPE {wanted} USING CAST({column} AS {wanted})")

    [finding] = [finding for finding in check_rights(postgres_erp.engine) if finding.what == "column types"]

    said, *statements = finding.says.split("\n  ")
    assert not finding.ok
    assert set(said.partition(". Values")[0].split("; ")) == {
        f"{table}.{name} is {its}" for name, its in LOSING.items()
    }
    postgres_erp.execute(*statements)
    assert "column types" not in [finding.what for finding in check_rights(postgres_erp.engine)]


def test_the_own_tables_lose_nothing(postgres_erp: Erp) -> None:
    """The doctor is content with what a first run makes."""
    ensure_tables(postgres_erp.engine)

    assert [finding.what for finding in check_rights(postgres_erp.engine) if "column" in finding.what] == []


def test_what_a_narrow_column_has_lost_is_not_written(postgres_erp: Erp) -> None:
    """PostgreSQL rounds without a word; the price would be another one."""
    ensure_tables(postgres_erp.engine)
    postgres_erp.execute("ALTER TABLE markdown_recommendations ALTER recommended_price TYPE numeric(10,0)")

    with pytest.raises(OtherRowsInErp, match=r"recommended_price of article_id A000000 is 14\.00 where 13\.95"):
        postgres_erp.replace()


def test_an_article_id_that_no_index_takes_is_named(postgres_erp: Erp) -> None:
    """An id of thousands of different letters; repetitive ones are compressed and fit."""
    ensure_tables(postgres_erp.engine)
    long = "A000004" + "".join(chr(0x4E00 + number * 7919 % 20_000) for number in range(5_000))

    with pytest.raises(KeyTooLong, match=r"article_id being that of 5,007 characters that begins with 'A000004"):
        postgres_erp.replace(make_rows(article_id=["A0", "A1", "A2", "A3", long]))

    assert postgres_erp.replace(make_rows(article_id=["A0", "A1", "A2", "A3", "x" * 10_000])).articles == 5


def test_a_country_whose_total_no_amount_holds_is_named_before_anything_is_written(erp: Erp) -> None:
    """On every database, with the articles that are worth most."""
    with pytest.raises(BadRows, match=r"sum of markdown_recommendations\.expected_revenue is 1[\d.]+") as error:
        erp.replace(make_rows(expected_revenue=[4e11, 5e11, 3e11, 1.0, 1.0]))

    assert "The cause is in the data: stock and price of article A000001 (stock 17," in str(error.value)
    assert erp.runs() == []


def test_the_vacuum_has_an_end(postgres_erp: Erp) -> None:
    """The server is asked to end it, without a setting that would stay in the connection."""
    with postgres_erp.engine.connect() as connection:
        connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        with pytest.raises(OperationalError, match="canceling statement"), ended_after(connection, 0.05):
            connection.execute(text("SELECT pg_sleep(30)"))
