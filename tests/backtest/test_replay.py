"""Past weeks forecast as they were: nothing of them is known before their Monday."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from markdown_pricing.backtest.replay import origins, replay
from markdown_pricing.countries import Country
from markdown_pricing.pricing import CountryWeek, make_training_data
from markdown_pricing.sample.season import sample_market

WEEK = date(2025, 3, 3)


@pytest.fixture(scope="module")
def sold() -> CountryWeek:
    table = sample_market(Country("MLT", "EUR"), WEEK, articles=12, seed=2).table()
    return CountryWeek.of(make_training_data(table, WEEK, "MLT"), WEEK, "MLT")


@pytest.fixture(scope="module")
def replayed(sold: CountryWeek) -> pd.DataFrame:
    return pd.concat(replay(sold, "log_linear", 3))


def test_the_last_weeks_before_the_snapshot_are_replayed(sold: CountryWeek, replayed: pd.DataFrame) -> None:
    assert origins(sold, 3) == [WEEK - timedelta(weeks=back) for back in (3, 2, 1)]
    ahead = replayed.groupby("origin")["ahead"].max()
    assert ahead.to_dict() == {WEEK - timedelta(weeks=back): back - 1 for back in (3, 2, 1)}


def test_what_was_asked_and_sold_is_what_the_lake_says(sold: CountryWeek, replayed: pd.DataFrame) -> None:
    weeks = pd.to_datetime(replayed["origin"]) + pd.to_timedelta(7 * replayed["ahead"], unit="D")
    rows = sold.history.set_index(["article_id", "week"])
    at = pd.MultiIndex.from_arrays([replayed["article_id"], weeks])
    np.testing.assert_array_equal(rows.loc[at, "units"], replayed["actual"])
    np.testing.assert_array_equal(rows.loc[at, "price"], replayed["price"])
    assert not rows.loc[at, "censored"].any()


def test_each_row_says_how_its_price_moved_and_how_old_the_article_is(
    sold: CountryWeek, replayed: pd.DataFrame
) -> None:
    cut = replayed["cut"]
    assert (replayed.loc[cut, "step"] < 1).all()
    deep = replayed["step"] < 0.95
    np.testing.assert_allclose(replayed.loc[deep, "change"], replayed.loc[deep, "step"] - 1)
    launch = replayed["article_id"].map(sold.history.groupby("article_id")["launch_week"].last())
    np.testing.assert_array_equal(replayed["age"], (replayed["week"] - launch).dt.days // 7)


def test_forecasts_are_finite_and_within_their_band_on_the_whole(replayed: pd.DataFrame) -> None:
    assert np.isfinite(replayed[["expected", "q10", "q90"]]).all(axis=None)
    assert (replayed["q10"] <= replayed["q90"]).all()
    assert 0.5 < replayed["expected"].sum() / replayed["actual"].sum() < 2


def test_a_forecast_does_not_know_what_came_later(sold: CountryWeek, replayed: pd.DataFrame) -> None:
    """Other sales from the last origin on change what is compared, not what was foretold for the first."""
    later = sold.history["week"] >= pd.Timestamp(WEEK - timedelta(weeks=3))
    units = np.where(later, 3 * sold.history["units"] + 1, sold.history["units"])
    other = CountryWeek(sold.week, sold.country, sold.history.assign(units=units), sold.articles)
    again = next(replay(other, "log_linear", 3))
    first = replayed[replayed["origin"] == origins(sold, 3)[0]]
    pd.testing.assert_series_equal(again["expected"], first["expected"])
    assert not np.array_equal(again["actual"], first["actual"])
