"""The contract's training data is checked as a whole: one error lists every fault, with a count and an example."""

from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from markdown_pricing.training_data.schema import (
    COLUMNS,
    BadTrainingData,
    check_training_data,
    columns_to_read,
)

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


def faults_of(table: pa.Table, week: date = WEEK) -> dict[str, tuple[int, str]]:
    with pytest.raises(BadTrainingData) as caught:
        check_training_data(table, week, "DEU")
    return {fault.what: (fault.count, fault.example) for fault in caught.value.faults}


def test_rows_come_sorted_and_typed():
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


def test_the_contracts_columns_and_the_attributes_are_read_and_nothing_else():
    assert columns_to_read(["foo", "attr_size", *COLUMNS]) == ["attr_size", *COLUMNS]
    frame = check_training_data(delivered(attr_size=list(range(6)), foo=[1] * 6), WEEK, "DEU")
    assert frame["attr_size"].tolist() == [3, 4, 5, 0, 1, 2]
    assert "foo" not in frame


def test_units_of_the_snapshot_week_count_for_nothing():
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
def test_another_width_of_the_same_type_is_the_same(changes):
    expected = check_training_data(delivered(), WEEK, "DEU")
    pd.testing.assert_frame_equal(check_training_data(delivered(**changes), WEEK, "DEU"), expected)


def test_part_files_with_dictionaries_of_their_own_are_joined():
    table = delivered()
    parts = [
        part.set_column(0, "article_id", part["article_id"].dictionary_encode()) for part in (table[:3], table[3:])
    ]
    frame = check_training_data(pa.concat_tables(parts), WEEK, "DEU")
    assert frame["article_id"].tolist() == ["a"] * 3 + ["b"] * 3


def replaced(column: str, row: int, value: Any) -> Any:
    table = delivered()
    values = table[column].to_pylist()
    values[row] = value
    return pa.array(values, table.schema.field(column).type)


@pytest.mark.parametrize(
    ("column", "value", "what"),
    [
        ("stock", -5, "stock negative"),
        ("stores", -1, "stores negative"),
        ("price", 0.0, "price not positive"),
        ("price", float("inf"), "price not positive"),
        ("price", float("nan"), "price missing"),
        ("list_price", -3.0, "list_price not positive"),
        ("salvage_price", -0.5, "salvage_price negative"),
        ("salvage_price", float("nan"), "salvage_price missing"),
        ("salvage_price", float("inf"), "salvage_price negative"),
        ("category", None, "category missing"),
        ("article_id", None, "article_id missing"),
        ("stock", None, "stock missing"),
        ("units", None, "units missing in a week before the snapshot"),
        ("end_week", date(2026, 3, 4), "end_week is no Monday"),
        ("launch_week", date(2026, 1, 25), "launch_week is no Monday"),
        ("week", date(2026, 1, 27), "week is no Monday"),
        ("week", WEEK + timedelta(weeks=1), "week after the snapshot week"),
        ("week", WEEK - timedelta(weeks=1), "the same article and week twice"),
    ],
)
def test_a_fault_in_a_row_is_named_with_its_count_and_an_example(column, value, what):
    found = faults_of(delivered(**{column: replaced(column, 0, value)}))
    assert list(found) == [what]
    count, example = found[what]
    assert count == 1
    assert example.startswith("article_id ")


def test_missing_columns_are_all_named():
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
def test_a_wrong_type_is_named_with_what_was_found_and_expected(column, values):
    _count, example = faults_of(delivered(**{column: values}))["columns of a wrong type"]
    assert example.startswith(f"{column} is ")
    assert ", expected " in example


def test_every_fault_is_in_one_error():
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


def test_a_snapshot_without_rows_to_price_says_which_week_is_the_latest():
    found = faults_of(delivered(), week=WEEK + timedelta(weeks=1))
    assert "2026-02-09" in found["no rows of the snapshot week, so nothing to price"][1]


def test_an_empty_country_is_a_fault():
    assert faults_of(delivered()[:0]) == {"no rows at all": (1, "country=DEU is empty")}


def test_the_message_says_what_where_and_what_to_do():
    with pytest.raises(BadTrainingData, match=r"DEU, week 2026-02-09(.|\n)*stock negative: 1, for(.|\n)*deliver week"):
        check_training_data(delivered(stock=replaced("stock", 0, -5)), WEEK, "DEU")
