"""The intake believes nothing: what is bad in one row is set aside, and all faults of a delivery are in one error."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from markdown_pricing.training_data.intake import BadTrainingData, Intake, Outcome, take_in
from markdown_pricing.training_data.schema import COLUMNS, columns_to_read

WEEK = date(2026, 2, 9)


def delivered(**changes: Any) -> pa.Table:
    """Two articles, three weeks each, as Spark writes them; `changes` replace columns, None takes one out."""
    weeks = [WEEK - timedelta(weeks=2), WEEK - timedelta(weeks=1), WEEK] * 2
    columns: dict[str, Any] = {
        "article_id": ["b", "b", "b", "a", "a", "a"],
        "week": pa.array(weeks, pa.date32()),
        "category": ["shoes"] * 6,
        "season": ["AW25"] * 6,
        "launch_week": pa.array([WEEK - timedelta(weeks=2)] * 6, pa.date32()),
        "end_week": pa.array([WEEK + timedelta(weeks=4)] * 6, pa.date32()),
        "list_price": [20.0] * 6,
        "price": [20.0, 20.0, 18.0] * 2,
        "units": pa.array([3, -1, None] * 2, pa.int32()),
        "stock": pa.array([9, 6, 7] * 2, pa.int32()),
        "stores": pa.array([2] * 6, pa.int32()),
        "salvage_price": [0.0] * 6,
    }
    columns |= changes
    return pa.table({name: values for name, values in columns.items() if values is not None})


def check_training_data(table: pa.Table, week: date, country: str) -> pd.DataFrame:
    """The rows alone."""
    return take_in(table, week, country).rows


def faults_of(table: pa.Table, week: date = WEEK) -> dict[str, tuple[int, str]]:
    with pytest.raises(BadTrainingData) as caught:
        check_training_data(table, week, "DEU")
    return {fault.what: (fault.count, fault.example) for fault in caught.value.faults}


def test_rows_come_sorted_and_typed() -> None:
    frame = check_training_data(delivered(), WEEK, "DEU")
    assert frame["article_id"].tolist() == ["a"] * 3 + ["b"] * 3
    assert frame["week"].is_monotonic_increasing or frame["week"].tolist()[:3] == sorted(frame["week"].tolist()[:3])
    assert frame["units"].iloc[:2].tolist() == [3.0, -1.0]
    assert frame["week"].iloc[2] == pd.Timestamp(WEEK)
    kinds = {name: str(kind) for name, kind in frame.dtypes.items()}
    assert {kinds[name] for name in ("article_id", "category", "season")} == {"str"}
    assert {kinds[name] for name in ("week", "launch_week", "end_week")} == {"datetime64[s]"}
    assert {kinds[name] for name in ("list_price", "price", "units", "salvage_price")} == {"float64"}
    assert {kinds[name] for name in ("stock", "stores")} == {"int64"}


def test_the_contracts_columns_and_the_attributes_are_read_and_nothing_else() -> None:
    assert columns_to_read(["foo", "attr_size", *COLUMNS]) == ["attr_size", *COLUMNS]
    frame = check_training_data(delivered(attr_size=list(range(6)), foo=[1] * 6), WEEK, "DEU")
    assert frame["attr_size"].tolist() == [3, 4, 5, 0, 1, 2]
    assert "foo" not in frame


def test_units_of_the_snapshot_week_count_for_nothing() -> None:
    """It has not been sold yet, whatever the column says."""
    frame = check_training_data(delivered(units=pa.array([3, 1, 99] * 2, pa.int32())), WEEK, "DEU")
    assert np.isnan(frame.loc[frame["week"] == pd.Timestamp(WEEK), "units"]).all()


@pytest.mark.parametrize(
    "changes",
    [
        {"article_id": pa.array(["b"] * 3 + ["a"] * 3, pa.large_string())},
        {"category": pa.array(["shoes"] * 6).dictionary_encode()},
        {"units": pa.array([3, -1, None] * 2, pa.int8()), "stock": pa.array([9, 6, 7] * 2, pa.int64())},
        {"price": pa.array([20, 20, 18] * 2, pa.int32()), "list_price": pa.array([20.0] * 6, pa.float32())},
        {"launch_week": pa.array([WEEK - timedelta(weeks=2)] * 6, pa.date64())},
    ],
)
def test_another_width_of_the_same_type_is_the_same(changes) -> None:
    expected = check_training_data(delivered(), WEEK, "DEU")
    pd.testing.assert_frame_equal(check_training_data(delivered(**changes), WEEK, "DEU"), expected)


def test_part_files_with_dictionaries_of_their_own_are_joined() -> None:
    table = delivered()
    parts = [
        part.set_column(0, "article_id", part["article_id"].dictionary_encode()) for part in (table[:3], table[3:])
    ]
    frame = check_training_data(pa.concat_tables(parts), WEEK, "DEU")
    assert frame["article_id"].tolist() == ["a"] * 3 + ["b"] * 3


@pytest.mark.parametrize(
    ("codes", "texts"),
    [
        ([0, 1, 0, 2, 2, 2], ["b", "b", "a"]),
        ([0, 0, 0, 3, 3, 3], ["b", " ", "x\ny", "a"]),
        ([1, 1, 1, 2, 2, 2], [None, "b", "a"]),
    ],
    ids=["one text twice", "texts that no row has", "NULL as a text"],
)
def test_an_odd_dictionary_is_read_as_its_texts_are(codes, texts) -> None:
    ids = pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), pa.array(texts, pa.string()))
    frame = check_training_data(delivered(article_id=ids), WEEK, "DEU")
    pd.testing.assert_frame_equal(frame, check_training_data(delivered(), WEEK, "DEU"))


def test_null_in_a_dictionary_is_a_missing_text() -> None:
    ids = pa.DictionaryArray.from_arrays(pa.array([1, 0, 1, 2, 2, 2], pa.int32()), pa.array([None, "b", "a"]))
    taken = take_in(delivered(article_id=ids), WEEK, "DEU")
    assert [str(article) for article in taken.set_aside] == [
        "article without a usable id: article_id missing (week 2026-02-02, article_id NULL); its rows with "
        "faults are not learnt from"
    ]


def replaced(column: str, rows: int | Sequence[int], value: Any, count: int = 2) -> pa.Array:
    """The column of `count` delivered articles with another value in some rows."""
    table = many(count)
    values = table[column].to_pylist()
    for row in [rows] if isinstance(rows, int) else rows:
        values[row] = value
    return pa.array(values, table.schema.field(column).type)


def many(count: int) -> pa.Table:
    """The delivered rows for so many articles, three each, the snapshot's row last."""
    table = delivered() if count == 2 else pa.concat_tables([delivered()[:3]] * count)
    ids = [f"{number:04d}" for number in range(count) for _ in range(3)]
    return table if count == 2 else table.set_column(0, "article_id", pa.array(ids))


ODD = [
    ("stock", -5, "stock negative"),
    ("stock", None, "stock missing"),
    ("stores", -1, "stores negative"),
    ("stores", 2_000_000, "stores too large"),
    ("price", 0.0, "price not positive"),
    ("price", 0.004, "price not positive"),
    ("price", float("inf"), "price too large"),
    ("price", float("nan"), "price missing"),
    ("price", 1e300, "price too large"),
    ("list_price", -3.0, "list_price not positive"),
    ("salvage_price", -0.5, "salvage_price negative"),
    ("salvage_price", float("nan"), "salvage_price missing"),
    ("salvage_price", float("inf"), "salvage_price too large"),
    ("category", None, "category missing"),
    ("category", "sho\0es", "category has characters that can't be printed"),
    ("category", "sho\u202ees", "category has characters that can't be printed"),
    ("season", "x" * 10_001, "season is longer than 10,000 characters"),
    ("article_id", None, "article_id missing"),
    ("article_id", " ", "article_id is blank"),
    ("article_id", "a\nb", "article_id has characters that can't be printed"),
    ("end_week", date(2026, 3, 4), "end_week is no Monday"),
    ("end_week", date(1970, 1, 5), "end_week too long ago"),
    ("launch_week", date(2026, 1, 25), "launch_week is no Monday"),
    ("launch_week", date(1900, 1, 1), "launch_week too long ago"),
    ("launch_week", date(2099, 12, 28), "launch_week too far ahead"),
]
"""A column, an odd value in one of its rows, and what the intake calls it."""
IN_HISTORY = [
    *ODD,
    ("units", None, "units missing in a week before the snapshot"),
    ("units", 2**31 - 1, "units too large"),
    ("week", date(2026, 1, 27), "week is no Monday"),
    ("week", date(1970, 1, 5), "week too long ago"),
    ("week", WEEK + timedelta(weeks=1), "week after the snapshot week"),
    ("week", WEEK - timedelta(weeks=1), "the same article and week twice"),
]


@pytest.mark.parametrize(("column", "value", "what"), IN_HISTORY)
def test_a_fault_of_four_articles_is_one_of_the_delivery(column, value, what) -> None:
    """It is named with its count and an example, as more than one in a hundred articles have it."""
    rows = [0, 3, 6, 9]
    found = faults_of(many(5).set_column(COLUMNS.index(column), column, replaced(column, rows, value, 5)))
    assert list(found) == [what]
    count, example = found[what]
    assert count == (8 if what == "the same article and week twice" else 4)
    assert example.startswith("article_id ")


@pytest.mark.parametrize(("column", "value", "what"), IN_HISTORY)
def test_a_bad_row_of_history_is_left_out_and_its_article_keeps_its_price(column, value, what) -> None:
    taken = take_in(delivered(**{column: replaced(column, 0, value)}), WEEK, "DEU")
    rows = taken.rows
    assert len(rows) == (4 if what == "the same article and week twice" else 5)
    if column != "article_id":  # else nobody knows whose row it is
        assert [(own.article_id, own.outcome) for own in taken.set_aside] == [("b", Outcome.KEEPS_ITS_PRICE)]
        assert set(rows.loc[rows["set_aside"] != "", "article_id"]) == {"b"}
    assert what in taken.set_aside[0].what


@pytest.mark.parametrize(("column", "value", "what"), ODD)
def test_an_article_gets_no_row_where_its_id_or_price_is_bad_and_else_keeps_its_price(column, value, what) -> None:
    taken = take_in(delivered(**{column: replaced(column, 2, value)}), WEEK, "DEU")
    now = taken.rows[taken.rows["week"] == pd.Timestamp(WEEK)].set_index("article_id")
    has_row = column not in ("article_id", "price", "list_price")
    assert ("b" in now.index) == has_row
    assert what in taken.set_aside[0].what
    assert now.loc["a", "set_aside"] == ""
    if has_row:
        assert now.loc["b", "price"] == 18.0
        assert what in now.loc["b", "set_aside"]
        assert now.loc["b", column] == now.loc["a", column] or column == "stock"  # the last good value


def test_an_article_that_stands_twice_in_the_snapshot_week_gets_no_row() -> None:
    taken = take_in(delivered(week=replaced("week", 1, WEEK)), WEEK, "DEU")
    assert str(taken.set_aside[0]) == ("article b: the same article and week twice (week 2026-02-09); it gets no row")
    assert taken.rows["article_id"].tolist() == ["a", "a", "a", "b"]


def test_a_stock_that_stands_for_unlimited_is_set_aside() -> None:
    """What it is worth would be more than the ERP's amounts hold."""
    table = delivered(stock=replaced("stock", 2, 2**31 - 1), price=replaced("price", 2, 600.0))
    (aside,) = take_in(table, WEEK, "DEU").set_aside
    assert "stock 2147483647" in aside.what


def test_an_article_whose_price_and_stock_are_both_beyond_reason_has_no_stock() -> None:
    """Its last stock would be worth too much, too."""
    table = delivered(stock=pa.array([5_000] * 6, pa.int32()), list_price=replaced("list_price", 2, 9e8))
    rows = take_in(table, WEEK, "DEU").rows
    assert rows.loc[rows["set_aside"] != "", "stock"].tolist()[-1] == 0


def test_an_article_that_is_no_longer_sold_only_loses_rows() -> None:
    taken = take_in(
        delivered()[:5].append_column("x", pa.nulls(5)).set_column(9, "stock", pa.array([9, 6, 7, -1, 5])), WEEK, "DEU"
    )
    assert [own.outcome for own in taken.set_aside] == [Outcome.NOT_LEARNT]


def test_one_in_a_hundred_articles_may_be_set_aside() -> None:
    def odd(articles: int) -> Intake:
        rows = [3 * number + 2 for number in range(articles)]
        return take_in(many(400).set_column(9, "stock", replaced("stock", rows, -1, 400)), WEEK, "DEU")

    assert len(odd(4).set_aside) == 4
    with pytest.raises(BadTrainingData, match="stock negative: 5"):
        odd(5)


def test_a_country_of_which_nothing_is_left_is_refused() -> None:
    with pytest.raises(BadTrainingData, match="price not positive: 2"):
        take_in(delivered(price=replaced("price", [2, 5], 0.0)), WEEK, "DEU")


def text_of_bytes(values: list[bytes]) -> pa.Array:
    """A string column whose bytes nobody checked, as Spark writes it after CAST(binary AS STRING)."""
    raw = pa.array(values, pa.binary())
    return pa.Array.from_buffers(pa.string(), len(raw), raw.buffers())


@pytest.mark.parametrize("name", ["article_id", "category", "season"])
def test_text_that_is_no_utf_8_is_named_in_printable_form(name) -> None:
    values = [b"caf\xe9"] * 12 + [b"b"] * 3
    texts = text_of_bytes([text + b"%d" % (row // 3) for row, text in enumerate(values)])
    (what, (count, example)), *_ = faults_of(many(5).set_column(COLUMNS.index(name), name, texts)).items()
    assert (what, count) == (f"{name} is no UTF-8", 12)
    assert r"caf\xe9" in example


def test_odd_ids_and_categories_stay_what_they_are() -> None:
    """Case, trailing blanks, emoji, thousands of letters, and what a spreadsheet would run."""
    names = ["A", "a", "a ", "\N{PERSONAL COMPUTER}", "x" * 10_000, "=1+1"]
    table = many(6).set_column(0, "article_id", pa.array([name for name in names for _ in range(3)]))
    taken = take_in(table.set_column(2, "category", table["article_id"]), WEEK, "DEU")
    assert not taken.set_aside
    assert set(taken.rows["article_id"]) == set(names) == set(taken.rows["category"])


@pytest.mark.parametrize("kind", [pa.float32(), pa.decimal128(9, 2), pa.float64()])
def test_prices_of_another_width_are_the_same_to_the_last_bit(kind) -> None:
    prices = [19.99, 0.1, 1234.56] * 2
    assert take_in(delivered(price=pa.array(prices).cast(kind)), WEEK, "DEU").rows["price"].tolist() == prices


def test_whole_numbers_of_another_width_are_the_same() -> None:
    table = delivered(stock=pa.array([9, 6, 7] * 2, pa.uint64()), units=pa.array([3, -1, None] * 2, pa.int8()))
    pd.testing.assert_frame_equal(take_in(table, WEEK, "DEU").rows, take_in(delivered(), WEEK, "DEU").rows)
    taken = take_in(delivered(stock=pa.array([9, 6, 2**64 - 1, 9, 6, 7], pa.uint64())), WEEK, "DEU")
    assert "stock too large" in taken.set_aside[0].what


@pytest.mark.parametrize(
    ("column", "why"),
    [
        (pa.array([[1]] * 6), "its type is list<item: int64>"),
        (pa.array([b"x"] * 6), "its type is binary"),
        (pa.nulls(6), "its type is null"),
        (pa.array([1e200] * 6), "values are beyond 1e+30"),
        (text_of_bytes([b"\xe9"] * 6), "no UTF-8"),
    ],
)
def test_an_optional_column_that_cannot_be_used_is_left_out_and_said(column, why) -> None:
    taken = take_in(delivered(**{"attr_size[cm]": column}), WEEK, "DEU")
    assert "attr_size[cm]" not in taken.rows
    assert why in taken.left_out["attr_size[cm]"]
    assert "The column 'attr_size[cm]' is left out: " in taken.notes[0]


def test_an_attribute_that_comes_as_a_dictionary_is_what_its_texts_are() -> None:
    texts = pa.array(["red", None, "blue", "red", "red", "blue"])
    plain = check_training_data(delivered(attr_x=texts), WEEK, "DEU")
    encoded = check_training_data(delivered(attr_x=texts.dictionary_encode()), WEEK, "DEU")
    pd.testing.assert_frame_equal(encoded, plain)
    bad = pa.DictionaryArray.from_arrays(pa.array([0, 1] * 3), text_of_bytes([b"red", b"\xe9"]))
    assert take_in(delivered(attr_x=bad), WEEK, "DEU").left_out == {"attr_x": "it has texts that are no UTF-8"}


def test_an_optional_column_that_comes_twice_is_left_out() -> None:
    table = delivered(attr_a=[1] * 6)
    taken = take_in(table.append_column("attr_a", table["attr_a"]), WEEK, "DEU")
    assert taken.left_out == {"attr_a": "it comes twice"}


@pytest.mark.parametrize("kind", [pa.float32(), pa.decimal128(9, 1), pa.float16()])
def test_a_numeric_attribute_of_another_width_is_a_number(kind) -> None:
    values = pa.array([0.5, None, 2.5] * 2).cast(pa.float32() if kind == pa.float16() else pa.float64()).cast(kind)
    rows = take_in(delivered(attr_a=values), WEEK, "DEU").rows
    assert rows["attr_a"].dtype == np.float64
    assert rows["attr_a"].fillna(-1).tolist() == [0.5, -1, 2.5] * 2


def test_the_last_week_of_a_temporary_price_is_read() -> None:
    until = pa.array([None, None, WEEK + timedelta(weeks=1)] * 2, pa.date32())
    rows = take_in(delivered(price_until=until), WEEK, "DEU").rows
    assert rows["price_until"].iloc[2] == pd.Timestamp(WEEK + timedelta(weeks=1))
    assert rows["price_until"].isna().sum() == 4
    taken = take_in(delivered(price_until=["2026-02-16"] * 6), WEEK, "DEU")
    assert taken.left_out == {"price_until": "it is not one column of dates"}


def test_missing_columns_are_all_named() -> None:
    assert faults_of(delivered(stock=None, price=None, category=None))["columns missing"] == (
        3,
        "category, price, stock",
    )


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("price", ["20,00"] * 6),
        ("units", ["3"] * 6),
        ("units", [3.0] * 6),
        ("article_id", list(range(6))),
        ("week", pa.array([datetime(2026, 2, 9)] * 6, pa.timestamp("us"))),
        ("week", ["2026-02-09"] * 6),
    ],
)
def test_a_wrong_type_is_named_with_what_was_found_and_expected(column, values) -> None:
    _count, example = faults_of(delivered(**{column: values}))["columns of a wrong type"]
    assert example.startswith(f"{column} is ")
    assert ", expected " in example


def test_every_fault_is_in_one_error() -> None:
    """The ETL is corrected once, not once for each fault."""
    table = delivered(
        season=None,
        list_price=["x"] * 6,
        stock=replaced("stock", 1, -1),
        price=replaced("price", 2, -1.0),
        end_week=pa.array([date(2026, 3, 4)] * 6, pa.date32()),
        week=replaced("week", 1, WEEK - timedelta(weeks=2)),
    )
    found = faults_of(table)
    assert set(found) == {
        "columns missing",
        "columns of a wrong type",
        "stock negative",
        "price not positive",
        "end_week is no Monday",
        "the same article and week twice",
    }
    assert found["end_week is no Monday"][0] == 6


def test_a_snapshot_without_rows_to_price_says_which_week_is_the_latest() -> None:
    found = faults_of(delivered(), week=WEEK + timedelta(weeks=1))
    assert "2026-02-09" in found["no rows of the snapshot week, so nothing to price"][1]


def test_an_empty_country_is_a_fault() -> None:
    assert faults_of(delivered()[:0]) == {"no rows at all": (1, "country=DEU is empty")}


def test_the_message_says_what_where_and_what_to_do() -> None:
    with pytest.raises(BadTrainingData, match=r"DEU, week 2026-02-09(.|\n)*stock negative: 4, for(.|\n)*deliver week"):
        take_in(many(5).set_column(9, "stock", replaced("stock", [0, 3, 6, 9], -5, 5)), WEEK, "DEU")


def test_units_on_their_way_are_read_in_the_snapshot_week_alone() -> None:
    """NULL is none, and what stands in other weeks says nothing, not even that it is wrong."""
    to_come = pa.array([-5, None, 40, 7, 10**10, None], pa.int64())
    taken = take_in(delivered(stock_to_come=to_come), WEEK, "DEU")
    assert taken.rows["stock_to_come"].tolist() == [0, 0, 0, 0, 0, 40]
    assert (taken.set_aside, taken.left_out) == ((), {})


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (-5, "stock_to_come negative"),
        (2**31, "stock_to_come too large"),
        (2**31 - 1, "stock and stock_to_come at its price is more than amounts in the ERP hold"),
    ],
)
def test_units_on_their_way_that_cannot_be_set_their_article_aside(value, what) -> None:
    """It keeps its price, and is planned with nothing on its way."""
    prices = {"list_price": [999.0] * 6, "price": [999.0] * 6}
    table = delivered(stock_to_come=pa.array([None, None, value, None, None, 30], pa.int64()), **prices)
    taken = take_in(table, WEEK, "DEU")
    assert [(aside.outcome, what in aside.what) for aside in taken.set_aside] == [(Outcome.KEEPS_ITS_PRICE, True)]
    assert taken.rows["stock_to_come"].tolist() == [0, 0, 30, 0, 0, 0]
    assert taken.rows["stock"].iloc[5] == table["stock"][2].as_py()


@pytest.mark.parametrize("column", [["40"] * 6, [40.0] * 6, [[1]] * 6])
def test_units_on_their_way_that_are_no_whole_numbers_are_left_out(column) -> None:
    taken = take_in(delivered(stock_to_come=column), WEEK, "DEU")
    assert "stock_to_come" not in taken.rows
    assert taken.left_out == {"stock_to_come": "it is not one column of whole numbers"}
