"""A believable market: in the contract's form, repeatable, and with the traps that real history has."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from markdown_pricing.countries import Country
from markdown_pricing.markdown.ladder import ladder_cents
from markdown_pricing.sample.market import SCHEMA, Market, article_id
from markdown_pricing.sample.season import SampleTooEarly, sample_market, usual_articles
from markdown_pricing.training_data.intake import take_in
from markdown_pricing.training_data.stockouts import mark_stockouts
from tests.sample.conftest import COUNTRIES, WEEK, country
from tests.sample.policies import fixed_ladder, holding, knowing_the_truth, whole_seasons


def prices_by_week(market: Market) -> pd.DataFrame:
    """Whole cents of every article in every week it was sold, none missing: a row per article, a column per week."""
    weeks = [pd.Series(sales.price, index=sales.rows, name=sales.week) for sales in market.sold]
    return pd.concat(weeks, axis=1).sort_index().copy()


def slope_of_log_sales_on_log_price(frame: pd.DataFrame, *within: str) -> float:
    """Least squares; `within`: effects that are taken out first, of article, tenth of the life, or week by category."""
    sold = frame[frame["units"] > 0].reset_index(drop=True)
    weeks, life = (pd.to_timedelta(sold[late] - sold["launch_week"]).dt.days // 7 for late in ("week", "end_week"))
    effects = {
        "all": pd.Series(0, index=sold.index),
        "article": sold["article_id"],
        "age": sold["category"] + (10 * weeks // (life + 1)).astype(str),
        "week": sold["category"] + sold["week"].astype(str),
    }
    logs = pd.DataFrame({"price": np.log(sold["price"] / sold["list_price"]), "units": np.log(sold["units"])})
    for effect in ("all", *within) * 20:
        logs -= logs.groupby(effects[effect]).transform("mean")
    return float((logs["price"] * logs["units"]).sum() / (logs["price"] ** 2).sum())


def test_it_has_the_contracts_columns_and_types(market: Market) -> None:
    contract = [
        ("article_id", pa.string()), ("week", pa.date32()), ("category", pa.string()), ("season", pa.string()),
        ("launch_week", pa.date32()), ("end_week", pa.date32()), ("list_price", pa.float64()),
        ("price", pa.float64()), ("units", pa.int32()), ("stock", pa.int32()), ("stores", pa.int32()),
        ("salvage_price", pa.float64()),
    ]  # fmt: skip
    assert [(field.name, field.type) for field in SCHEMA if not field.name.startswith("attr_")] == contract
    assert market.table().schema == SCHEMA


def test_training_data_finds_no_fault_in_it(market: Market, code: str) -> None:
    checked = take_in(market.table(), WEEK, code).rows
    assert len(checked) == market.table().num_rows


def test_units_are_null_in_the_snapshot_week_and_only_there(frame: pd.DataFrame) -> None:
    assert (frame["units"].isna() == (frame["week"] == WEEK)).all()


def test_every_article_on_sale_has_one_row_to_price(frame: pd.DataFrame, code: str) -> None:
    """Those past their end in the snapshot week are at most a week past it, and few."""
    to_price = frame[frame["week"] == WEEK]
    assert to_price["article_id"].is_unique
    assert len(to_price) == usual_articles(code)
    assert (to_price["launch_week"] <= WEEK).all()
    past_end = to_price["end_week"] < WEEK
    assert past_end.mean() < 0.1
    assert (to_price.loc[past_end, "end_week"] == WEEK - timedelta(weeks=1)).all()


def test_history_is_two_years_of_weeks_from_launch_to_end_with_a_few_missing(frame: pd.DataFrame) -> None:
    assert frame["week"].min() == WEEK - timedelta(weeks=103)
    history = frame[frame["week"] < WEEK]
    assert history["week"].between(history["launch_week"], history["end_week"]).all()
    gaps = history.groupby("article_id")["week"].apply(lambda weeks: (weeks.max() - weeks.min()).days // 7 + 1)
    missing = 1 - len(history) / gaps.sum()
    assert 0.002 < missing < 0.03


def test_the_number_of_articles_can_be_chosen() -> None:
    for code in ("DEU", "MLT"):
        frame = sample_market(country(code), WEEK, articles=5).table().to_pandas()
        assert (frame["week"] == WEEK).sum() == 5


def test_countries_are_large_and_small_and_a_new_one_has_a_size_too() -> None:
    sizes = [usual_articles(code) for code in COUNTRIES]
    assert max(sizes) == usual_articles("DEU") == 164
    assert min(sizes) == usual_articles("MLT") == 20
    assert 40 < np.mean(sizes) < 80
    assert usual_articles("ISL") >= 20


def test_the_same_seed_gives_the_same_sample_and_another_seed_another(markets: dict[str, Market]) -> None:
    assert sample_market(country("MLT"), WEEK).table() == markets["MLT"].table()
    assert sample_market(country("MLT"), WEEK, seed=1).table() != markets["MLT"].table()


def test_next_weeks_sample_continues_this_weeks(frames: dict[str, pd.DataFrame]) -> None:
    following = sample_market(country("MLT"), WEEK + timedelta(weeks=1)).table().to_pandas()
    this = frames["MLT"]
    old = this[(this["week"] < WEEK) & (this["week"] > this["week"].min())]
    new = following[following["week"] < WEEK]
    pd.testing.assert_frame_equal(old.reset_index(drop=True), new.reset_index(drop=True))


def test_a_week_too_early_is_refused_with_the_first_that_is_not() -> None:
    with pytest.raises(SampleTooEarly, match="1992-07-27"):
        sample_market(Country("DEU"), date(1992, 7, 20))
    assert sample_market(Country("MLT"), date(1992, 7, 27), articles=2).table().num_rows > 2


def test_an_article_is_the_same_in_every_country_and_about_as_good(markets: dict[str, Market]) -> None:
    """Same id: same category and looks; interest in it, relative to what the category sells there, goes together."""
    large, small = markets["DEU"].articles, markets["BEL"].articles
    common, left, right = np.intersect1d(large.number, small.number, return_indices=True)
    assert len(common) > 200
    for field in ("category", "colour", "fabric"):
        assert (getattr(large, field)[left] == getattr(small, field)[right]).all()
    quality = [np.log(articles.level / articles.stores) for articles in (large, small)]
    assert 0.6 < np.corrcoef(quality[0][left], quality[1][right])[0, 1] < 0.98


def test_history_hides_that_customers_mind_the_price(market: Market, frame: pd.DataFrame) -> None:
    """Every true elasticity is at least 1.1, yet pooled over the history sales hardly rise where prices are low."""
    assert market.articles.elasticity.min() >= 1.1
    rows = market.on_sale[market.articles.end[market.on_sale] >= market.week]
    list_price = market.articles.price_list[rows]
    at_list, at_half = (
        market.expected_units(rows, market.week, price, market.articles.bought[rows])
        for price in (list_price, list_price / 2)
    )
    assert np.allclose(np.log2(at_half / at_list), market.articles.elasticity[rows])

    assert abs(slope_of_log_sales_on_log_price(frame)) < 0.4


def test_articles_of_one_category_and_age_still_hide_it(frame: pd.DataFrame) -> None:
    """It is not only that old articles are cheap: at the same age and in the same week the slow ones were.

    A third of the mean true elasticity, 3, is left of it at most.
    """
    assert abs(slope_of_log_sales_on_log_price(frame, "age", "week")) < 1.0


def test_the_true_response_shows_when_an_article_is_compared_with_itself(market: Market, frame: pd.DataFrame) -> None:
    """The trap is fair: with effects of article, age and week the slope is the true elasticity, within 0.2.

    The mean of those whose price moved: a slope weighs an article by the spread of its prices.
    """
    true = dict(zip(map(article_id, market.articles.number), market.articles.elasticity, strict=True))
    sold = frame[frame["units"] > 0]
    moved = np.log(sold["price"] / sold["list_price"]).groupby(sold["article_id"]).transform("var", ddof=0)
    slope = slope_of_log_sales_on_log_price(frame, "article", "age", "week")
    assert abs(slope + np.average(sold["article_id"].map(true), weights=moved)) < 0.2


def test_slow_sellers_were_marked_down_because_they_were_slow(market: Market) -> None:
    """Among articles that have ended, the deeper the last discount, the less interest there was per unit bought."""
    ended = np.flatnonzero((market.articles.end < market.week) & (market.articles.launch >= market.week - 103))
    interest = np.log(market.articles.level[ended] / market.articles.bought[ended])
    discount = 1 - market.price[ended] / market.articles.price_list[ended]
    assert np.corrcoef(interest, discount)[0, 1] < -0.4


def test_the_past_manager_kept_to_the_ladder_and_its_rules(market: Market) -> None:
    """Prices stand on a rung of the country's endings, fall at most four times, two weeks apart, and never rise."""
    prices = prices_by_week(market)
    articles = market.articles.take(prices.index.to_numpy())
    rungs = ladder_cents(articles.price_list, (10, 20, 30, 40, 50, 60, 70), market.country.price_endings)
    rungs = np.column_stack([articles.price_list, rungs])
    for column in prices:
        on_rung = (prices[column].to_numpy()[:, None] == rungs).any(axis=1)
        assert on_rung[prices[column].notna()].all()
    falls = (prices.diff(axis=1) < 0).to_numpy()
    assert not (prices.diff(axis=1) > 0).to_numpy().any()
    assert falls.sum(axis=1).max() == 4
    assert not (falls[:, 1:] & falls[:, :-1]).any()
    assert (prices.min(axis=1).to_numpy() >= articles.salvage).all()


def test_list_prices_are_in_the_countrys_money(frames: dict[str, pd.DataFrame]) -> None:
    forint, euro = (frames[code]["list_price"] for code in ("HUN", "DEU"))
    assert 300 < forint.median() / euro.median() < 500
    assert (forint % 100 == 90).all()
    assert set((euro * 100).round() % 100) <= {99, 95}


def test_some_articles_sold_out_and_stay_listed_with_nothing_to_sell(frame: pd.DataFrame) -> None:
    history = frame[frame["units"].notna()]
    sold_out = history[history["stock"] == 0]
    assert 0.03 < len(sold_out) / len(history) < 0.25
    assert (sold_out[["stores", "units"]] == 0).all(axis=None)
    assert (frame.loc[frame["stock"] > 0, "stores"] > 0).all()


def test_sold_out_weeks_are_recognised_as_such(market: Market, code: str) -> None:
    checked = mark_stockouts(take_in(market.table(), WEEK, code).rows)
    sold_all = checked["units"] == checked["stock"]
    assert (checked.loc[sold_all & (checked["stock"] > 0), "censored"]).all()
    assert (sold_all & (checked["stock"] > 0)).sum() > 10


def test_returns_take_a_small_countrys_units_below_0_at_times(frames: dict[str, pd.DataFrame]) -> None:
    below = (frames["MLT"]["units"] < 0).mean()
    assert 0 < below < 0.02


def test_stock_is_what_was_there_less_what_was_sold(frame: pd.DataFrame) -> None:
    week_later = frame["week"].shift(-1) - frame["week"] == timedelta(weeks=1)
    follows = (frame["article_id"].shift(-1) == frame["article_id"]) & week_later
    assert (frame["stock"].shift(-1) == frame["stock"] - frame["units"])[follows].all()


def test_winter_clothes_sell_in_winter_and_summer_clothes_in_summer(frames: dict[str, pd.DataFrame]) -> None:
    frame = frames["DEU"].assign(month=pd.to_datetime(frames["DEU"]["week"]).dt.month)
    units = frame.pivot_table(index="month", columns="category", values="units", aggfunc="sum")
    winter, summer = units.loc[[11, 12, 1]].sum(), units.loc[[5, 6, 7]].sum()
    assert winter["knitwear"] > 2 * summer["knitwear"]
    assert summer["dresses"] > 1.5 * winter["dresses"]


def test_the_price_decides_how_much_a_season_brings() -> None:
    """The buyer buys too much: at list price a third and more is left, and a good plan beats the fixed ladder."""
    policies = {"holding": holding, "ladder": fixed_ladder, "truth": knowing_the_truth}
    first = (WEEK - date(1990, 1, 1)).days // 7
    seasons = {
        name: np.mean([whole_seasons(country("DEU"), policy, seed, first) for seed in range(3)], axis=0)
        for name, policy in policies.items()
    }
    revenue = {name: season[0] / seasons["truth"][0] for name, season in seasons.items()}
    sell_through = {name: season[1] for name, season in seasons.items()}
    assert revenue["holding"] < 0.92
    assert 0.85 < revenue["ladder"] < 0.96
    assert 0.4 < sell_through["holding"] < 0.68
    assert sell_through["holding"] < sell_through["ladder"] < sell_through["truth"]


def test_the_past_manager_cleared_most_of_what_was_bought(market: Market) -> None:
    ended = np.flatnonzero((market.articles.end < market.week) & (market.articles.launch >= market.week - 103))
    sell_through = 1 - market.stock[ended] / market.articles.bought[ended]
    assert 0.88 < sell_through.mean() < 0.99
    assert (sell_through < 0.8).mean() > 0.02
