"""A refresh replaces one country in one transaction, or changes nothing."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pandas as pd
import pytest
from sqlalchemy import make_url

from markdown_pricing.erp import refresh
from markdown_pricing.erp.errors import ErpRefused
from markdown_pricing.erp.refresh import (
    LaterRunInErp,
    LaunchedInTheFuture,
    NewerWeekInErp,
    content_hash,
    last_receipts,
    newest_refreshed_week,
    replace_country,
)
from markdown_pricing.erp.rows import BadRows, EmptySet
from markdown_pricing.erp.tables import engine_for, ensure_tables
from tests.erp.conftest import Erp
from tests.erp.samples import LAUNCHED, NEXT_WEEK, WEEK, make_options, make_path, make_rows, recommended


def test_the_first_refresh_writes_both_tables_and_a_receipt(erp: Erp) -> None:
    """All that went in is there, and the receipt says so."""
    done = datetime(2026, 2, 9, 7, 30, tzinfo=UTC)
    rows = make_rows(articles=3)

    receipt = erp.replace(rows, run_id="run-1", now=lambda: done)

    assert erp.runs() == [("run-1", 3)]
    assert len(erp.read("SELECT * FROM markdown_price_path")) == 6
    assert (receipt.country, receipt.week, receipt.run_id, receipt.launched_at) == ("DEU", WEEK, "run-1", LAUNCHED)
    assert (receipt.articles, receipt.previous_articles, receipt.refreshed_at) == (3, 0, done)
    assert receipt.total_expected_revenue == sum(Decimal(str(amount)) for amount in rows["expected_revenue"])
    assert last_receipts(erp.engine)["DEU"] == receipt


def test_the_next_week_replaces_every_row_of_the_country(erp: Erp) -> None:
    """Articles that are gone are gone in both tables; the receipt counts what was there."""
    erp.replace(make_rows(articles=5))

    receipt = erp.replace(make_rows(NEXT_WEEK, articles=2), run_id="run-2")

    assert erp.runs() == [("run-2", 2)]
    assert [row.n for row in erp.read("SELECT count(DISTINCT article_id) AS n FROM markdown_price_path")] == [2]
    assert receipt.previous_articles == 5
    assert newest_refreshed_week(erp.engine, "DEU") == NEXT_WEEK


def test_another_country_keeps_its_rows(erp: Erp) -> None:
    """A refresh touches its own country only, article ids being the same everywhere."""
    erp.replace(make_rows(country="AUT", articles=4), run_id="run-aut")
    before = content_hash(erp.engine, "AUT")

    erp.replace(make_rows(country="DEU"), run_id="run-deu")

    assert erp.runs("AUT") == [("run-aut", 4)]
    assert content_hash(erp.engine, "AUT") == before
    assert newest_refreshed_week(erp.engine, "POL") is None


def test_the_same_run_is_answered_with_its_receipt(erp: Erp) -> None:
    """A repeat, whatever it brings, writes nothing."""
    first = erp.replace(make_rows(articles=5))
    before = erp.everything()

    again = erp.replace(make_rows(articles=2))

    assert again == first
    assert erp.everything() == before


def test_the_same_run_is_answered_even_after_a_later_one(erp: Erp, at: Callable[[int], datetime]) -> None:
    """Its receipt says what it has done; asking for it writes nothing."""
    first = erp.replace(run_id="run-1")
    erp.replace(run_id="run-2", launched_at=at(5))
    erp.replace(make_rows(NEXT_WEEK), run_id="run-3", launched_at=at(9))

    assert erp.replace(run_id="run-1") == first
    assert erp.runs() == [("run-3", 5)]


def test_one_run_may_refresh_two_countries(erp: Erp) -> None:
    """The receipt belongs to country, week and run together."""
    erp.replace(make_rows(country="DEU"), run_id="run-1")
    receipt = erp.replace(make_rows(country="AUT"), run_id="run-1")

    assert receipt.country == "AUT"
    assert erp.runs("AUT") == [("run-1", 5)]


def test_an_older_week_is_refused(erp: Erp, at: Callable[[int], datetime]) -> None:
    """A catch-up never overwrites newer prices, however late it was launched."""
    erp.replace(make_rows(NEXT_WEEK), run_id="newer")
    before = erp.everything()

    with pytest.raises(NewerWeekInErp, match=r"DEU, week 2026-02-09 .*already holds week 2026-02-16 .*newer"):
        erp.replace(make_rows(WEEK), run_id="older", launched_at=at(600))

    assert erp.everything() == before


def test_the_newest_week_is_the_countrys_whenever_its_run_was_launched(erp: Erp, at: Callable[[int], datetime]) -> None:
    """A catch-up of the older week may well have been launched after the newer week's run."""
    erp.replace(make_rows(WEEK), run_id="catch-up", launched_at=at(600))

    newest = erp.replace(make_rows(NEXT_WEEK), run_id="round", launched_at=at(0))

    assert last_receipts(erp.engine)["DEU"] == newest
    with pytest.raises(NewerWeekInErp):
        erp.replace(make_rows(WEEK), run_id="again", launched_at=at(700))


def test_an_older_week_is_refused_by_the_rows_alone(erp: Erp, at: Callable[[int], datetime]) -> None:
    """The receipts are gone, as after a restore of some of the tables: the rows' own week is asked, too."""
    erp.replace(make_rows(NEXT_WEEK), run_id="newer")
    erp.execute("DELETE FROM markdown_refreshes")
    before = erp.everything()

    with pytest.raises(NewerWeekInErp, match=r"already holds week 2026-02-16 \(run newer\)"):
        erp.replace(make_rows(WEEK), run_id="older", launched_at=at(600))

    assert erp.everything() == before
    assert newest_refreshed_week(erp.engine, "DEU") == NEXT_WEEK


def test_an_older_week_is_refused_by_the_receipt_alone(erp: Erp) -> None:
    """The rows are gone: a newer week comes, not an older one."""
    erp.replace(make_rows(NEXT_WEEK), run_id="newer")
    erp.execute("DELETE FROM markdown_recommendations")

    with pytest.raises(NewerWeekInErp):
        erp.replace(make_rows(WEEK), run_id="older")


def test_a_run_that_is_created_ahead_of_the_erps_clock_is_refused(erp: Erp) -> None:
    """By more than two minutes: right corrections would be taken for late until the clock has caught up with it."""
    erp.replace(run_id="run-1")
    before = erp.everything()

    with pytest.raises(LaunchedInTheFuture, match="clock that stamped the run is fast"):
        erp.replace(run_id="run-2", launched_at=erp.time() + timedelta(minutes=10))

    assert erp.everything() == before
    assert erp.replace(run_id="run-3", launched_at=erp.time() + timedelta(minutes=1)).run_id == "run-3"


def test_an_erp_whose_clock_is_slow_is_named(erp: Erp, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run's own machine agrees with the one that created the run."""
    slow = datetime.now(UTC) - timedelta(hours=6)
    monkeypatch.setattr(refresh, "database_time", lambda _: slow)

    with pytest.raises(LaunchedInTheFuture, match=r"360 minutes ahead .*ERP's clock is slow"):
        erp.replace(launched_at=datetime.now(UTC))


def test_an_older_week_of_another_country_is_written(erp: Erp) -> None:
    """The fence is each country's own."""
    erp.replace(make_rows(NEXT_WEEK, "AUT"))

    erp.replace(make_rows(WEEK, "DEU"))

    assert newest_refreshed_week(erp.engine, "DEU") == WEEK


def test_a_run_launched_earlier_is_refused(erp: Erp, at: Callable[[int], datetime]) -> None:
    """A worker that was given up and comes back late finds the later run's rows."""
    erp.replace(run_id="later", launched_at=at(5))
    before = erp.everything()

    with pytest.raises(LaterRunInErp, match=r"run earlier, .*run later, "):
        erp.replace(run_id="earlier", launched_at=at(0))

    assert erp.everything() == before


@pytest.mark.parametrize("minutes", [0, 5])
def test_a_run_launched_later_replaces_the_week(erp: Erp, at: Callable[[int], datetime], minutes: int) -> None:
    """A re-delivery of the same week wins; so does a run launched at the very same moment."""
    erp.replace(run_id="run-1", launched_at=at(0))

    receipt = erp.replace(make_rows(articles=3), run_id="run-2", launched_at=at(minutes))

    assert erp.runs() == [("run-2", 3)]
    assert receipt.previous_articles == 5


def test_launch_times_are_compared_as_moments(erp: Erp) -> None:
    """09:30 in Berlin is before 09:00 UTC."""
    erp.replace(run_id="later", launched_at=datetime(2026, 2, 9, 9, 0, tzinfo=UTC))

    with pytest.raises(LaterRunInErp):
        erp.replace(run_id="earlier", launched_at=datetime.fromisoformat("2026-02-09T09:30:00+01:00"))


def test_a_launch_time_without_zone_is_a_mistake(erp: Erp) -> None:
    """It cannot be compared with another machine's."""
    with pytest.raises(ValueError, match="time zone"):
        erp.replace(launched_at=datetime(2026, 2, 9, 9, 0))


def test_an_empty_set_is_refused(erp: Erp) -> None:
    """The country keeps its rows."""
    erp.replace()
    before = erp.everything()

    with pytest.raises(EmptySet, match="DEU, week 2026-02-16"):
        erp.replace(make_rows(articles=5).iloc[:0], week=NEXT_WEEK, country="DEU", run_id="run-2")

    assert erp.everything() == before


def test_all_faults_of_the_rows_are_named_at_once(erp: Erp) -> None:
    """Nothing is deleted for rows that could not be inserted."""
    erp.replace()
    before = erp.everything()
    rows = make_rows(NEXT_WEEK, articles=4, stock=[1.5, 2, 3, 4], recommended_price=[1.0, None, 2.0, float("inf")])

    right = make_rows(NEXT_WEEK, articles=4)
    with pytest.raises(BadRows) as error:
        erp.replace(
            rows, price_path=make_path(right).drop(columns="price"), options=make_options(right), run_id="run-2"
        )

    assert [str(fault) for fault in error.value.faults] == [
        "markdown_recommendations.recommended_price is not an amount that NUMERIC(14,2) holds: 1, for example inf "
        "of article 'A000003'",
        "markdown_recommendations.recommended_price is empty: 1, for example article 'A000001'",
        "markdown_recommendations.stock is not a whole number that INTEGER holds: 1, for example 1.5 "
        "of article 'A000000'",
        "columns that are missing for markdown_price_path: 1, for example price",
    ]
    assert erp.everything() == before


def test_rows_that_do_not_belong_together_are_refused(erp: Erp) -> None:
    """Another country, another week, a plan that begins too early, the same key twice, a plan without its article."""
    rows = make_rows(articles=4)
    path, menu = make_path(rows), make_options(rows)
    path.loc[0, "week"] = path.loc[0, "week"].replace(day=2)
    path = pd.concat([path, path.tail(1)])
    rows.loc[1, "country"] = "AUT"
    rows.loc[2, "week"] = rows.loc[2, "week"].replace(day=16)
    rows.loc[3, "article_id"] = "A000000"

    with pytest.raises(BadRows) as error:
        erp.replace(rows, price_path=path, options=menu, week=WEEK, country="DEU")

    assert [str(fault) for fault in error.value.faults] == [
        "rows of another country than DEU: 1, for example AUT",
        "rows of another week than 2026-02-09: 1, for example 2026-02-16",
        "plans before week 2026-02-09: 1, for example A000000",
        "keys that come twice: 2, for example A000000",
        "plans of articles that are not priced: 1, for example A000003",
        "plans that do not start at the recommended price: 1, for example A000000",
        "options of articles that are not priced: 1, for example A000003",
        "articles without an option at the recommended price: 1, for example A000000",
    ]


def test_plans_of_other_rows_are_refused(erp: Erp) -> None:
    """A plan starts at the recommended price; that of an earlier run may start at another one."""
    erp.replace()
    before = erp.everything()
    rows = make_rows(articles=3)
    path = make_path(rows)
    path.loc[path["article_id"] == "A000001", "price"] += 1

    with pytest.raises(BadRows, match=r"do not start at the recommended price: 1, for example A000001"):
        erp.replace(rows, price_path=path, run_id="run-2")

    assert erp.everything() == before


def test_options_of_other_rows_are_refused(erp: Erp) -> None:
    """The recommended price is one of those that an article has."""
    rows = make_rows(articles=3)
    menu = make_options(rows)

    with pytest.raises(BadRows, match="without an option at the recommended price: 1, for example A000001"):
        erp.replace(rows, options=menu[(menu["article_id"] != "A000001") | (menu["step"] != 1)])


def test_an_insert_that_fails_leaves_the_old_set(erp: Erp) -> None:
    """A constraint of the ERP's own, met after the delete, takes everything back."""
    erp.replace()
    before = erp.everything()
    erp.execute("CREATE UNIQUE INDEX one_reason ON markdown_recommendations (country, stock)")

    with pytest.raises(ErpRefused, match=r"(?i)unique"):
        erp.replace(make_rows(NEXT_WEEK, stock=7), run_id="run-2")

    assert erp.everything() == before


def test_a_crash_before_the_commit_leaves_the_old_set(erp: Erp) -> None:
    """Whatever is raised inside the transaction takes it back."""
    erp.replace()
    before = erp.everything()

    def crash() -> datetime:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        erp.replace(make_rows(NEXT_WEEK), run_id="run-2", now=crash)

    assert erp.everything() == before


def test_a_refresh_before_the_tables_are_made_is_refused(empty_erp: Erp) -> None:
    """The error names the table and the command that looks at it."""
    with pytest.raises(ErpRefused, match=r"markdown_refreshes.*doctor"):
        empty_erp.replace()


def test_a_big_country_is_written_whole(erp: Erp) -> None:
    """Thousands of rows in one go."""
    receipt = erp.replace(make_rows(articles=3000))

    assert erp.runs() == [("run-1", 3000)]
    assert content_hash(erp.engine, "DEU") == receipt.content_hash


def test_the_fence_reads_what_is_there_after_the_lock(postgres_erp: Erp) -> None:
    """A database that defaults to REPEATABLE READ does not make the fence read the past."""
    erp = postgres_erp
    name = make_url(erp.url).database
    erp.execute(f"ALTER DATABASE {name} SET default_transaction_isolation = 'repeatable read'")

    with erp.engine.connect() as connection:
        level = connection.exec_driver_sql("SHOW transaction_isolation").scalar()

    assert level == "read committed"


def test_a_schema_of_its_own_leaves_the_default_tables_alone(postgres_erp: Erp) -> None:
    """A test environment on production's database writes beside it."""
    ensure_tables(postgres_erp.engine)
    postgres_erp.replace()
    before = postgres_erp.everything()
    test_engine = engine_for(postgres_erp.url, postgres_erp.user, postgres_erp.password, schema="markdown_test")
    ensure_tables(test_engine)
    rows = make_rows(NEXT_WEEK, articles=2)

    replace_country(
        test_engine,
        recommended(rows),
        week=NEXT_WEEK,
        country="DEU",
        run_id="t",
        launched_at=LAUNCHED,
    )

    assert postgres_erp.everything() == before
    assert newest_refreshed_week(test_engine, "DEU") == NEXT_WEEK
    assert newest_refreshed_week(postgres_erp.engine, "DEU") == date(2026, 2, 9)
    assert content_hash(test_engine, "DEU") != content_hash(postgres_erp.engine, "DEU")
