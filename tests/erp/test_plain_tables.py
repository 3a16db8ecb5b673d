"""Plain tables of PostgreSQL hold what they were given, and nothing is read back; all others are read."""

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import pytest
from sqlalchemy import make_url

from markdown_pricing.erp import refresh
from markdown_pricing.erp.refresh import content_hash
from markdown_pricing.erp.tables import ensure_tables
from tests.erp.conftest import Erp
from tests.erp.samples import NEXT_WEEK, make_rows

TEXTS = ["plain", "a\ttab", "two\nlines", "a \\ backslash", "\\N", "", " „Mäntel“ ", "blanks at the end   "]
DOES_NOTHING = "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$"


@pytest.fixture
def tables_read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tables that refreshes have read back from now on."""
    read: list[str] = []
    check = refresh.check_taken

    def noted(connection: object, table: object, *what: object) -> None:
        read.append(str(table))
        check(connection, table, *what)  # type: ignore[arg-type]

    monkeypatch.setattr(refresh, "check_taken", noted)
    return read


def test_own_tables_hold_what_was_written_and_are_not_read_back(postgres_erp: Erp, tables_read: list[str]) -> None:
    """Numbers of any size, any text and times, whatever the database's time zone."""
    postgres_erp.execute(f"ALTER DATABASE {make_url(postgres_erp.url).database} SET timezone = 'Asia/Kathmandu'")
    ensure_tables(postgres_erp.engine)
    random = np.random.default_rng(seed=3)
    articles = 4000
    sizes = 10.0 ** random.integers(-30, 15, articles)
    units = np.concatenate([(random.random(articles) * sizes)[:-6], [0.0, 5.0, 1e-5, 1e10, 2.0**52, 123456789012345.0]])

    receipt = postgres_erp.replace(
        make_rows(
            articles=articles,
            expected_leftover=units,
            reason=random.choice(np.array(TEXTS), articles),
            predicted_at=[datetime(2026, 3, 2, 7, 30, 1, number * 10, tzinfo=UTC) for number in range(articles)],
        )
    )

    assert tables_read == []
    assert content_hash(postgres_erp.engine, "DEU") == receipt.content_hash


def test_wider_types_of_the_erp_hold_everything_too(postgres_erp: Erp, tables_read: list[str]) -> None:
    ensure_tables(postgres_erp.engine)
    for column, wide in {"country": "character(3)", "list_price": "numeric", "stock": "bigint"}.items():
        postgres_erp.execute(f"ALTER TABLE markdown_recommendations ALTER {column} TYPE {wide}")

    receipt = postgres_erp.replace()

    assert tables_read == []
    assert content_hash(postgres_erp.engine, "DEU") == receipt.content_hash


@pytest.mark.parametrize(
    "statements",
    [
        pytest.param(
            (
                DOES_NOTHING,
                "CREATE TRIGGER audit AFTER INSERT ON markdown_refreshes EXECUTE FUNCTION nothing()",
            ),
            id="a trigger, even of another table and once for all rows",
        ),
        pytest.param(
            (
                "ALTER TABLE markdown_options ADD FOREIGN KEY (country, article_id)"
                " REFERENCES markdown_recommendations (country, article_id) DEFERRABLE INITIALLY DEFERRED",
            ),
            id="a foreign key, which may cascade",
        ),
        pytest.param(
            ("CREATE RULE audit AS ON DELETE TO markdown_options DO ALSO SELECT 1",),
            id="a rule",
        ),
        pytest.param(
            ("CREATE TABLE archive () INHERITS (markdown_price_path)",),
            id="a table that inherits",
        ),
        pytest.param(
            (
                "ALTER TABLE markdown_price_path RENAME TO plans",
                "CREATE TABLE markdown_price_path (LIKE plans) PARTITION BY LIST (country)",
                "CREATE TABLE plans_of_deu PARTITION OF markdown_price_path FOR VALUES IN ('DEU')",
            ),
            id="partitions",
        ),
        pytest.param(
            ("ALTER TABLE markdown_price_path RENAME TO plans", "CREATE VIEW markdown_price_path AS TABLE plans"),
            id="a view",
        ),
        pytest.param(
            ("ALTER TABLE markdown_recommendations ALTER reason TYPE varchar(255)",),
            id="a type that cuts blanks",
        ),
        pytest.param(
            ("ALTER TABLE markdown_recommendations ALTER stock TYPE numeric(20,1)",),
            id="a type that may lose something",
        ),
    ],
)
def test_tables_with_something_of_the_erps_own_are_read_back(
    postgres_erp: Erp, tables_read: list[str], statements: Sequence[str]
) -> None:
    """Here it changes nothing. `test_odd_servers` has those that do, and policies, which meet other accounts only."""
    ensure_tables(postgres_erp.engine)
    postgres_erp.execute(*statements)

    receipt = postgres_erp.replace()

    assert tables_read == ["markdown_price_path", "markdown_options", "markdown_recommendations"]
    assert content_hash(postgres_erp.engine, "DEU") == receipt.content_hash


def test_a_foreign_table_is_read_back(postgres_erp: Erp, tables_read: list[str]) -> None:
    """Another server has it, and may do there what it likes."""
    ensure_tables(postgres_erp.engine)
    here = make_url(postgres_erp.url)
    postgres_erp.execute("ALTER TABLE markdown_price_path RENAME TO plans")
    postgres_erp.execute(
        "CREATE EXTENSION postgres_fdw",
        "CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw"
        f" OPTIONS (host '{here.host}', port '{here.port}', dbname '{here.database}')",
        f"CREATE USER MAPPING FOR CURRENT_USER SERVER far OPTIONS (user '{postgres_erp.user}')",
        "CREATE SCHEMA far",
        "IMPORT FOREIGN SCHEMA public LIMIT TO (plans) FROM SERVER far INTO far",
        "ALTER FOREIGN TABLE far.plans RENAME TO markdown_price_path",
        "ALTER FOREIGN TABLE far.markdown_price_path SET SCHEMA public",
    )

    receipt = postgres_erp.replace()

    assert "markdown_price_path" in tables_read
    assert content_hash(postgres_erp.engine, "DEU") == receipt.content_hash


def test_blanks_that_a_type_has_cut_are_noticed(postgres_erp: Erp) -> None:
    """PostgreSQL refuses a text that is too long, but for the blanks at its end."""
    ensure_tables(postgres_erp.engine)
    postgres_erp.execute("ALTER TABLE markdown_recommendations ALTER reason TYPE varchar(255)")

    with pytest.raises(refresh.OtherRowsInErp, match="reason of article_id A000000 is "):
        postgres_erp.replace(make_rows(NEXT_WEEK, reason="long" + 300 * " "))
