"""The peers of bench/peers.py know only the past, and the ladder rule does what it says."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from bench import plain_peer
from bench.mlforecast_ladder import sent, too_slow
from bench.mlforecast_service import FEATURES, UNITS, with_features, without_gaps
from bench.plain_peer import PlainPeer
from markdown_pricing.demand.plain_boosting import PlainBoosting
from tests.demand.market import WEEK, market

NOW = pd.Timestamp(WEEK)


def test_stock_that_will_not_be_sold_by_the_end_goes_down_a_rung() -> None:
    supply, weeks_left = np.array([10.0, 10.0, 10.0]), np.array([2, 3, 0])
    units = np.full((3, 4), 4.0)

    assert too_slow(supply, units, weeks_left, slow=1.0).tolist() == [True, False, True]
    assert too_slow(supply, units, weeks_left, slow=1.3).tolist() == [False, False, True]


def test_an_article_without_a_forecast_keeps_its_price() -> None:
    assert not too_slow(np.array([10.0]), np.full((1, 4), np.nan), np.array([4]), slow=1.0).any()


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same trees; two threads wait for each other where other tests run."""
    monkeypatch.setattr(plain_peer, "THREADS", 1)


@pytest.fixture(scope="module")
def sold() -> tuple[pd.DataFrame, pd.DataFrame]:
    return market(articles=60)


def question(sold: tuple[pd.DataFrame, pd.DataFrame]) -> pd.DataFrame:
    history, articles = sold
    return without_gaps(sent(articles, history), NOW, weeks=3)


def test_a_week_that_began_without_stock_is_not_taken_for_a_week_without_demand(
    sold: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    history, articles = sold
    stock = np.where(np.arange(len(history)) % 3 == 0, 0, history["stock"])
    units = sent(articles, history.assign(stock=stock))[UNITS][: len(history)]

    assert units[stock == 0].isna().all()
    assert units[stock > 0].notna().all()


def test_returns_count_as_nothing_sold(sold: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    history, articles = sold

    assert sent(articles, history.assign(units=-1.0))[UNITS].dropna().eq(0).all()


def test_every_asked_article_has_a_row_for_each_week_from_its_first_to_the_last_asked(
    sold: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    history, articles = sold
    some = history[history.groupby("article_id").cumcount() != 2]  # a gap in each article's third week
    rows = without_gaps(sent(articles, some), NOW, weeks=3)

    steps = rows.groupby("article_id")["week"].diff().dropna()
    ends = rows.groupby("article_id")["week"].max()
    asked = ends.index.isin(articles["article_id"])

    assert set(steps) == {pd.Timedelta(weeks=1)}
    assert set(ends[asked]) == {NOW + timedelta(weeks=2)}
    assert (ends[~asked] < NOW).all()
    assert rows[UNITS].isna().equals(rows["week"] >= NOW)


def test_the_weeks_to_come_are_asked_about_at_todays_price(sold: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    rows = question(sold)
    coming = rows[rows["week"] >= NOW]
    today = sold[1].set_index("article_id")["price"]

    assert len(coming)
    assert (coming["price"] == coming["article_id"].map(today)).all()


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_features_of_a_week_change_with_no_later_price(factor: float, sold: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    rows = question(sold)
    until = NOW - timedelta(weeks=10)
    later = (rows["week"] > until).to_numpy()
    other = rows.assign(price=np.where(later, factor * rows["price"], rows["price"]))

    before, after = with_features(rows)[FEATURES], with_features(other)[FEATURES]

    pd.testing.assert_frame_equal(before[~later], after[~later])
    assert not before[later].equals(after[later])


def test_the_plain_peer_looks_thirteen_weeks_back_and_falls_with_the_price(
    sold: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    history, articles = sold
    model = PlainPeer()
    model.fit(history, WEEK, seed=1)
    prices = articles["price"].to_numpy()[:, np.newaxis] * np.array([[1.0, 0.9, 0.7, 0.5]])
    units = model.forecast(articles, history, WEEK).at(prices, 4).units

    assert model.trees is not None
    assert model.trees.num_trees() == 400
    assert {"units_8", "mean_13"} <= set(model.features)
    assert not {"units_5", "units_6", "units_7"} & set(model.features)
    assert (units[:, -1].sum() / units[:, 0].sum()) > 1.2


@pytest.mark.parametrize("kind", [PlainPeer, PlainBoosting])
def test_what_a_week_sells_later_changes_no_forecast_of_it(
    kind: type[PlainBoosting], sold: tuple[pd.DataFrame, pd.DataFrame]
) -> None:
    """The model is fitted once. It is asked about an earlier week, with other sales in that week and those after it."""
    history, _ = sold
    model = kind()
    model.fit(history, WEEK, seed=1)
    then = NOW - timedelta(weeks=4)
    asked = history[history["week"] == then].reset_index(drop=True)
    prices = asked[["price"]].to_numpy()
    told = [
        model.forecast(asked.assign(units=units), history[history["week"] < then], then.date()).at(prices, 3).units
        for units in (np.nan, 99.0)
    ]

    assert np.array_equal(*told)
