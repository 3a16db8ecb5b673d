"""Values come back as they went in, to the cent, and the content hash says what they say."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, Date, Double, Integer, Text, select

from markdown_pricing.erp import texts
from markdown_pricing.erp.refresh import content_hash, last_receipts
from markdown_pricing.erp.rows import BadRows, CountryRows, country_rows
from markdown_pricing.erp.tables import Money, ensure_tables, options, price_path, recommendations
from markdown_pricing.erp.texts import JSON, lines
from markdown_pricing.erp.values import KINDS
from tests.erp.conftest import Erp
from tests.erp.samples import WEEK, make_rows, recommended

NULLABLE = [column.name for column in recommendations.columns if column.nullable]


def recommendations_of(erp: Erp, **changes: Any) -> Sequence[Any]:
    """What the ERP has after rows with these values were written."""
    erp.replace(make_rows(**changes))
    with erp.engine.connect() as connection:
        return connection.execute(select(recommendations).order_by(recommendations.c.article_id)).all()


AMOUNTS: dict[Any, str] = {
    19.99: "19.99",
    20: "20.00",
    0.0: "0.00",
    -0.001: "0.00",
    2.675: "2.68",
    1.005: "1.01",
    -1.005: "-1.01",
    np.float32(19.99): "19.99",
    Decimal("1.115"): "1.12",
    123456789012.35: "123456789012.35",
    999999999999.99: "999999999999.99",
}


def test_money_is_kept_to_the_cent(erp: Erp) -> None:
    """Half a cent goes away from zero, as in a NUMERIC column, whatever database it is."""
    rows = recommendations_of(erp, articles=len(AMOUNTS), list_price=list(AMOUNTS))

    assert [str(row.list_price) for row in rows] == list(AMOUNTS.values())


def test_the_total_is_that_of_the_cents_written(erp: Erp) -> None:
    """The receipt adds what the rows hold, not what they were rounded from."""
    receipt = erp.replace(make_rows(articles=3, expected_revenue=[0.005, 0.005, 10]))

    assert str(receipt.total_expected_revenue) == "10.02"
    assert last_receipts(erp.engine)["DEU"] == receipt


def test_money_adds_up_in_the_database(erp: Erp) -> None:
    """It is a number there, no text."""
    erp.replace(make_rows(articles=3, list_price=[0.10, 0.20, 1000.0], next_markdown_price=[3.99, None, 1.0]))

    row = erp.read("SELECT sum(list_price) AS total FROM markdown_recommendations WHERE list_price < 99.5")[0]

    assert round(Decimal(str(row.total)), 2) == Decimal("0.30")


def test_units_come_back_exactly(erp: Erp) -> None:
    """All bits of a double; whole ones come back as doubles too, zero without a sign."""
    units = [0.1, 1 / 3, 1e-300, 12345678.9, -0.0, 7, np.float32(0.5), np.int64(3)]

    rows = recommendations_of(erp, articles=len(units), expected_units=pd.Series(units, dtype=object))

    assert [repr(row.expected_units) for row in rows] == [repr(float(value) + 0.0) for value in units]


def test_weeks_come_back_as_dates(erp: Erp) -> None:
    """They do so whatever kind of day the frame had."""
    days = [date(2026, 3, 2), datetime(2026, 3, 2), pd.Timestamp("2026-03-02")]
    rows = recommendations_of(erp, articles=3, next_markdown_week=pd.Series(days, dtype=object))

    assert [row.next_markdown_week for row in rows] == [date(2026, 3, 2)] * 3


def test_times_come_back_in_utc(erp: Erp) -> None:
    """The same moment, to the microsecond."""
    row = recommendations_of(erp)[0]

    assert row.predicted_at == datetime(2026, 2, 9, 7, 1, 2, 345678, tzinfo=UTC)
    assert row.predicted_at.utcoffset() == timedelta(0)


def test_text_comes_back_whole(erp: Erp) -> None:
    """Quotes, other scripts, long text, an empty one."""
    text = "”Größe“ 'Ж' \\n ☃ 🛒 :name %s {x}" * 20

    row = recommendations_of(erp, reason=text, change_reason="")[0]

    assert (row.reason, row.change_reason) == (text, "")


def test_missing_values_are_null(erp: Erp) -> None:
    """NaN, NaT, NA and None alike; nothing becomes the text 'nan'."""
    nothing = [None, float("nan"), pd.NaT, pd.NA, np.datetime64("NaT")]
    changes = {column: pd.Series(nothing, dtype=object) for column in NULLABLE}

    rows = recommendations_of(erp, articles=len(nothing), **changes)

    assert {getattr(row, column) for row in rows for column in NULLABLE} == {None}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"stock": 2**31}, "stock is not a whole number"),
        ({"stock": np.nan}, "stock is empty: 5, for example article 'A000000'"),
        ({"stock": "12"}, "stock is not a whole number"),
        ({"list_price": 1e12}, r"list_price is not an amount that NUMERIC\(14,2\) holds: 5"),
        ({"list_price": "cheap"}, "list_price is not an amount"),
        ({"expected_units": float("inf")}, "expected_units is not a finite number"),
        ({"end_week": "2026-03-02"}, "end_week is not a day"),
        ({"end_week": pd.Timestamp("2026-03-02 01:00")}, "end_week is not a day"),
        ({"predicted_at": pd.Timestamp("2026-03-02 01:00")}, "predicted_at is not a time with its time zone"),
        ({"reason": 7}, "reason is not text"),
        ({"reason": "a\0b"}, "reason is not text"),
        ({"article_id": None}, "article_id is empty"),
    ],
)
def test_values_that_no_column_holds_are_faults(change: dict[str, Any], says: str) -> None:
    """The same on every database, before one is asked."""
    rows = make_rows()

    with pytest.raises(BadRows, match=says):
        country_rows(replace(recommended(rows), rows=make_rows(**change)), week=WEEK, country="DEU", run_id="run-1")


def test_an_error_names_the_article_and_says_whose_fault_it_is() -> None:
    """A stock that stands for unlimited is data; an amount out of nothing is not."""
    rows = make_rows().assign(expected_revenue=[1.0, 2e12, 1.0, 1.0, 1.0])
    with pytest.raises(BadRows, match=r"2000000000000\.0 of article 'A000001'\n.*its code has a fault"):
        country_rows(recommended(rows), week=WEEK, country="DEU", run_id="r")
    unlimited = rows.assign(stock=[10, 2**31 - 1, 10, 10, 10], list_price=[20.0, 600.0, 20.0, 20.0, 20.0])
    with pytest.raises(BadRows, match=r"in the data: stock and price of article A000001 \(stock 2147483647"):
        country_rows(replace(recommended(rows), rows=unlimited), week=WEEK, country="DEU", run_id="r")


EDGES = (1.2345678901234567e-05, 0.005, 999_999_999_999.994, 999_999_999_999.995)
HALF_CENTS = st.integers(-(10**13), 10**13).map(lambda n: n / 200)


@pytest.mark.parametrize("kind", [Money, Double])
@given(floats=st.lists(st.floats() | HALF_CENTS | st.sampled_from(EDGES)))
def test_a_column_of_floats_is_taken_as_its_floats_are(kind: type, floats: list[float]) -> None:
    """At once or one by one: the same amounts to the cent, the same doubles, the same faults."""
    at_once, bad = KINDS[kind].values(pd.Series(floats, dtype=float))
    one_by_one, also_bad = KINDS[kind].values(pd.Series(floats, dtype=object))

    assert at_once.equals(one_by_one)
    assert bad.tolist() == also_bad.tolist()


@given(floats=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_floats_are_written_as_json_has_them(floats: list[float]) -> None:
    """The shortest text that reads back the same, with exponents where Python has them."""
    text = b"".join(lines(pa.table({"units": floats}), JSON)).decode()

    assert text.splitlines() == [json.dumps([units]) for units in floats]


def test_the_hash_can_be_recomputed_from_the_tables(erp: Erp) -> None:
    """content_hash() reads both tables back, whatever numbers they hold."""
    random = np.random.default_rng(seed=5)
    units, prices = 10.0 ** random.uniform(-300, 300, 200), 10.0 ** random.uniform(-4, 11, 200)
    receipt = erp.replace(make_rows(articles=200, expected_units=units, list_price=prices))

    assert content_hash(erp.engine, "DEU") == receipt.content_hash


def test_the_hash_follows_its_description(erp: Erp, monkeypatch: pytest.MonkeyPatch) -> None:
    """An auditor who has only the tables and the docstring gets the same, in however many blocks it was made."""
    monkeypatch.setattr(texts, "ROWS_AT_ONCE", 5)
    receipt = erp.replace(make_rows(articles=12))
    said = []
    with erp.engine.connect() as connection:
        for table, key in ((recommendations, "week"), (price_path, "week"), (options, "price")):
            said.append(table.name)
            rows = [dict(row) for row in connection.execute(select(table)).mappings()]
            for row in sorted(rows, key=lambda row: (row["article_id"], row[key])):
                values = [
                    f"{value:.2f}" if isinstance(value, Decimal) else str(value) if isinstance(value, date) else value
                    for name, value in row.items()
                    if name not in ("run_id", "predicted_at")
                ]
                said.append(json.dumps(values, ensure_ascii=False, separators=(",", ":")))

    assert hashlib.sha256(("\n".join(said) + "\n").encode()).hexdigest() == receipt.content_hash


def test_the_hash_is_the_same_on_both_databases(sqlite_erp: Erp, postgres_erp: Erp) -> None:
    """Written and read back, in whatever order an id sorts there."""
    rows = make_rows(
        articles=6,
        article_id=["a1", "A1", "_x", "ä", "Z", "🛒"],
        expected_units=[0.1, 1 / 3, -0.0, 5, 1e-9, 1e15],
        list_price=[2.675, 1.005, 20, 0.1, 1e11 + 0.35, -0.001],
        next_markdown_week=[pd.NaT, pd.Timestamp("2026-03-02"), pd.NaT, pd.NaT, pd.NaT, pd.NaT],
    )
    hashes = set()
    for erp in (sqlite_erp, postgres_erp):
        ensure_tables(erp.engine)
        hashes |= {erp.replace(rows).content_hash, content_hash(erp.engine, "DEU")}

    assert len(hashes) == 1


def test_the_hash_ignores_who_wrote_and_when_and_in_what_order() -> None:
    """Same prices, same hash."""
    rows = make_rows(articles=9)
    made = recommended(rows)
    first = country_rows(made, week=WEEK, country="DEU", run_id="run-1")
    shuffled = rows.assign(predicted_at=pd.Timestamp("2026-02-10T08:00Z")).sample(frac=1, random_state=1)
    later = replace(made, rows=shuffled, price_path=made.price_path.sample(frac=1, random_state=2))
    second = country_rows(later, week=WEEK, country="DEU", run_id="run-2")

    assert second.content_hash() == first.content_hash()
    assert second.recommendations["run_id"].unique().to_pylist() == ["run-2"]


OTHER: dict[type, Any] = {Text: "?", Money: Decimal("0.07"), Integer: 7, Double: 0.07, Date: date(2019, 7, 1)}


@pytest.mark.parametrize(
    "column",
    [column for column in recommendations.columns if column.name not in ("run_id", "predicted_at")],
    ids=lambda column: column.name,
)
def test_the_hash_sees_every_other_column(column: Column[Any]) -> None:
    """A change in any of them changes it."""
    first = country_rows(recommended(make_rows()), week=WEEK, country="DEU", run_id="run-1")
    records = first.recommendations.to_pylist()
    records[2][column.name] = OTHER[type(column.type)]
    changed = CountryRows.of(
        pa.Table.from_pylist(records, first.recommendations.schema), first.price_path, first.options
    )

    assert changed.content_hash() != first.content_hash()


def test_the_hash_sees_the_plan() -> None:
    """The second table counts."""
    rows = make_rows()
    made = recommended(rows)
    dearer_later = made.price_path.assign(
        price=made.price_path["price"] + 0.01 * (made.price_path["week"] > pd.Timestamp(WEEK))
    )

    hashes = {
        country_rows(each, week=WEEK, country="DEU", run_id="run-1").content_hash()
        for each in (made, replace(made, price_path=dearer_later))
    }

    assert len(hashes) == 2


def test_the_frame_that_is_handed_in_stays_as_it_is() -> None:
    """The same frame goes to the lake."""
    rows = make_rows()
    before = rows.copy()

    country_rows(recommended(rows), week=WEEK, country="DEU", run_id="run-1")

    pd.testing.assert_frame_equal(rows, before)
