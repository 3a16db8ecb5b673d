"""Rows are sorted by article and week, whether they come so or not, and those that come so cost no sorting."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from markdown_pricing.training_data.intake import BadTrainingData, take_in
from markdown_pricing.training_data.ordered import Order
from markdown_pricing.training_data.schema import SnapshotColumn

WEEK = date(2026, 2, 9)


def delivered(articles: int = 5, weeks: int = 4) -> pa.Table:
    """Articles of which each week is delivered, sorted; the last one has neither category nor stock to come."""
    ids = [f"{number:03}" for number in range(articles) for _ in range(weeks)]
    days = [WEEK - timedelta(weeks=ago) for _ in range(articles) for ago in reversed(range(weeks))]
    number = np.arange(len(ids))
    return pa.table(
        {
            "article_id": ids,
            "week": pa.array(days, pa.date32()),
            "category": ["shoes" if own % 3 else "shirts" for own in number],
            "season": ["AW25"] * len(ids),
            "launch_week": pa.array([WEEK - timedelta(weeks=8)] * len(ids), pa.date32()),
            "end_week": pa.array([WEEK + timedelta(weeks=4)] * len(ids), pa.date32()),
            "list_price": 20.0 + number,
            "price": 15.0 + number,
            "units": pa.array([None if day == WEEK else 3 for day in days], pa.int32()),
            "stock": pa.array(100 + number, pa.int32()),
            "stores": pa.array([2] * len(ids), pa.int32()),
            "salvage_price": [0.0] * len(ids),
            "price_until": pa.array([WEEK if day == WEEK and own % 2 else None for own, day in enumerate(days)]),
            "stock_to_come": pa.array([None if own % 3 else 7 for own in number], pa.int32()),
            "attr_colour": [None if own % 4 == 0 else f"colour {own}" for own in number],
            "attr_size": pa.array([None if own % 5 == 0 else own for own in number], pa.int16()),
        }
    )


def order_of(table: pa.Table) -> Order:
    return Order.of(*(SnapshotColumn.of(table[name], name) for name in ("article_id", "week")))


@pytest.mark.parametrize("parts", [1, 3])
def test_rows_that_come_sorted_are_those_that_come_in_any_order(parts) -> None:
    table = delivered()
    mixed = table.take(np.random.default_rng(1).permutation(table.num_rows))
    rows = table.num_rows // parts + 1
    in_parts = pa.concat_tables([table.slice(start, rows) for start in range(0, table.num_rows, rows)])
    assert order_of(in_parts).places is None
    assert order_of(mixed).places is not None
    expected = take_in(mixed, WEEK, "DEU").rows
    pd.testing.assert_frame_equal(take_in(in_parts, WEEK, "DEU").rows, expected, check_exact=True)


def test_what_becomes_of_the_rows_never_reaches_the_table() -> None:
    table = delivered()
    before = table.take(np.arange(table.num_rows))
    rows = take_in(table, WEEK, "DEU").rows
    for name in ("price", "list_price", "stock", "units", "salvage_price"):
        rows.loc[:, name] = 0
    assert table.equals(before)


def test_rows_that_come_sorted_and_stand_twice_are_found() -> None:
    table = delivered(articles=10)
    twice = pa.concat_tables([table.slice(0, 3), table.slice(2)])
    taken = take_in(twice, WEEK, "DEU")
    [aside] = taken.set_aside
    assert aside.article_id == "000"
    assert "the same article and week twice" in aside.what
    four = pa.concat_tables([table.slice(0, 16), table.slice(0, 16), table.slice(16)])
    with pytest.raises(BadTrainingData, match="the same article and week twice"):
        take_in(four, WEEK, "DEU")


def test_many_articles_of_far_weeks_keep_their_order() -> None:
    """A number for article and week is larger than 32 bits hold."""
    far = [date(1, 1, 1), date(9999, 12, 27)]
    ids = np.repeat(np.arange(2_000), 2)
    column = SnapshotColumn.of(pa.chunked_array([pa.array(far * 2_000, pa.date32())]), "week")
    article = SnapshotColumn.of(pa.chunked_array([pa.array([f"{own:05}" for own in ids])]), "article_id")
    order = Order.of(article, column)
    assert order.places is None
    assert (np.diff(order.key) > 0).all()


def test_rows_that_nobody_knows_are_no_doubles() -> None:
    table = delivered(articles=2, weeks=2).take([0, 0, 1, 2])
    order = order_of(table)
    assert order.repeated(np.array([False] * 4)).tolist() == [True, True, False, False]
    assert order.repeated(np.array([False, True, False, False])).tolist() == [False] * 4
