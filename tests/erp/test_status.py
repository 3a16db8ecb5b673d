"""Readers see on Monday morning which week each country's rows are for."""

from datetime import UTC, datetime, timedelta

from markdown_pricing.erp.tables import ensure_tables
from markdown_pricing.weeks import ONE_WEEK, monday_of
from tests.erp.conftest import Erp
from tests.erp.samples import make_rows

THIS_WEEK = monday_of(datetime.now(UTC).date())


def test_each_country_has_one_line_which_says_whether_its_rows_are_of_this_week(erp: Erp) -> None:
    """The newest receipt's; one of last week is late."""
    erp.replace(make_rows(THIS_WEEK - ONE_WEEK, "AUT"), run_id="aut")
    erp.replace(make_rows(THIS_WEEK - ONE_WEEK), run_id="last")
    first = erp.replace(make_rows(THIS_WEEK), run_id="first")
    again = erp.replace(make_rows(THIS_WEEK, articles=4), run_id="again", launched_at=first.launched_at + timedelta(1))

    rows = erp.read("SELECT country, week, run_id, content_hash, articles, late FROM markdown_status ORDER BY country")

    assert [(row.country, str(row.week), row.run_id, row.articles, bool(row.late)) for row in rows] == [
        ("AUT", str(THIS_WEEK - ONE_WEEK), "aut", 5, True),
        ("DEU", str(THIS_WEEK), "again", 4, False),
    ]
    assert rows[1].content_hash == again.content_hash


def test_the_view_is_made_beside_tables_that_are_there(erp: Erp) -> None:
    """The first refresh after an upgrade makes it."""
    erp.execute("DROP VIEW markdown_status")

    ensure_tables(erp.engine)

    assert erp.read("SELECT * FROM markdown_status") == []
