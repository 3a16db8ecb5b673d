"""How a country's rows get into PostgreSQL, and the room that the old ones leave."""

import pandas as pd
import pytest
from sqlalchemy import text

from markdown_pricing.erp.refresh import content_hash
from markdown_pricing.erp.tables import engine_for, ensure_tables
from tests.erp.conftest import Erp
from tests.erp.samples import make_rows

RUNS = 6


@pytest.fixture
def erp(postgres_erp: Erp) -> Erp:
    """PostgreSQL with our tables, empty."""
    ensure_tables(postgres_erp.engine)
    return postgres_erp


def awkward_rows() -> pd.DataFrame:
    """Cents that no float holds, the longest and the least numbers, NULL, and text that COPY has to escape."""
    return make_rows(
        articles=4,
        list_price=[0.1 + 0.2, 999_999_999_999.99, 0.95, 2.675],
        expected_units=[1 / 3, 1e-300, 1.7976931348623157e308, 0.1],
        reason=["tab\tline\nback\\slash", "\\N", "", "“ä” 🙂"],
        change_reason=[None, "\\.", None, "NULL"],
    )


def test_copy_and_insert_bring_the_same_rows(erp: Erp) -> None:
    """To the cent, the last digit and the sign that stands for NULL; psycopg copies, another driver inserts."""
    rows = awkward_rows()
    copied, by_copy = erp.replace(rows), erp.everything()
    inserting = Erp(erp.url.replace("postgresql://", "postgresql+psycopg2://"), erp.user, erp.password, erp.server)
    erp.execute("DELETE FROM markdown_refreshes")

    inserted = inserting.replace(rows, now=lambda: copied.refreshed_at)

    assert (engine_for(erp.url, None, None).driver, inserting.engine.driver) == ("psycopg", "psycopg2")
    assert inserted.content_hash == copied.content_hash == content_hash(erp.engine, "DEU")
    assert inserted.total_expected_revenue == copied.total_expected_revenue
    tables = ("markdown_recommendations", "markdown_price_path", "markdown_options")
    assert {table: erp.everything()[table] for table in tables} == {table: by_copy[table] for table in tables}


def size(erp: Erp) -> int:
    [(total,)] = erp.read(
        "SELECT sum(pg_total_relation_size(name::regclass))::bigint"
        " FROM (VALUES ('markdown_recommendations'), ('markdown_price_path'), ('markdown_options')) AS ours (name)"
    )
    return int(total)


def test_the_tables_stop_growing(erp: Erp) -> None:
    """Replaced half a dozen times, with readers that come and go: they stay as large as after the second time."""
    sizes = []
    for run in range(RUNS):
        erp.replace(make_rows(articles=200), run_id=f"run-{run}")
        sizes.append(size(erp))

    assert sizes[-1] <= 1.1 * sizes[1], sizes


def test_a_reader_holds_up_no_refresh_and_is_held_up_by_none(erp: Erp) -> None:
    """Neither by the transaction nor by the vacuum after it, however long the reader takes."""
    erp.replace(make_rows(articles=4), run_id="old")
    with erp.engine.connect() as reader:
        reader.execute(text("SET lock_timeout = '1s'"))
        reader.execute(text("SELECT count(*) FROM markdown_recommendations"))

        erp.replace(make_rows(articles=5), run_id="new")

        assert reader.scalar(text("SELECT count(*) FROM markdown_recommendations")) == 5
