"""A simulated season: any policy is played in the contract's form, counted alike, under the same luck."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from markdown_pricing.backtest.twin import PLANNER, RULES, Setting, Twin, play_setting, twin_of
from markdown_pricing.countries import read_countries
from markdown_pricing.markdown.candidates import candidate_prices
from markdown_pricing.markdown.rules import RuleBook
from markdown_pricing.markdown.simple_policies import hold
from markdown_pricing.markdown.simulation import MarketView, Played, WeekPrices, play
from markdown_pricing.sample.families import FAMILIES

BOOK = RuleBook()
WEEKS = 20


def setting(family: str = "constant_elasticity") -> Setting:
    return Setting(family, read_countries()["MLT"], articles=16, weeks=WEEKS, seed=0)


@cache
def season(family: str, policy: str) -> Played:
    """A season of that family under that policy, played once for all tests."""
    return play_setting(setting(family), policy, BOOK)


@pytest.fixture(scope="module", params=FAMILIES)
def played(request: pytest.FixtureRequest) -> dict[str, Played]:
    return {name: season(request.param, name) for name in [*RULES, PLANNER]}


def test_any_five_seeds_in_a_row_begin_all_round_the_year() -> None:
    for first in range(52):
        weeks = [Setting("linear_demand", read_countries()["MLT"], 16, WEEKS, first + i).week for i in range(5)]
        of_year = sorted((week - weeks[0]).days // 7 % 52 for week in weeks)
        assert max(np.diff([*of_year, 52])) <= 11


def test_what_was_sold_and_what_is_left_is_what_there_was(played: dict[str, Played]) -> None:
    for one in played.values():
        articles = one.articles
        assert (articles["sold"] + articles["leftover"] == articles["stock"]).all()
        assert 0 < len(one.seasons(launched=True)) < len(one.seasons()) < len(articles)


def test_every_policy_starts_from_the_same_stock(played: dict[str, Played]) -> None:
    stocks = [one.articles.set_index("article_id")["stock"] for one in played.values()]
    assert all(stock.equals(stocks[0]) for stock in stocks)


@pytest.mark.parametrize("name", RULES)
def test_rule_policies_price_everything_and_break_no_rule(played: dict[str, Played], name: str) -> None:
    assert played[name].broken == ()
    assert played[name].unpriced == 0
    assert (played[name].articles["markdowns"].sum() > 0) == (name != "hold")


@pytest.mark.parametrize("family", FAMILIES)
def test_knowing_the_truth_earns_more_than_holding(family: str) -> None:
    planner, held = (season(family, name) for name in (PLANNER, "hold"))
    assert planner.revenue() > 1.03 * held.revenue()
    assert planner.sell_through() > held.sell_through()


@pytest.mark.parametrize(("world", "substitution"), [("plain", 0.0), ("substitution", 0.5)])
def test_the_planner_of_the_category_counts_what_neighbours_lose(world: str, substitution: float) -> None:
    """Take out: in Twin.units_not_taken the market's substitution."""
    twin = twin_of(Setting("constant_elasticity", read_countries()["MLT"], 12, 8, 3, world=world))
    articles, history = twin.frames()
    ladders = candidate_prices(articles, history, twin.country, RuleBook(), twin.week)
    true, not_taken = twin.true_units(ladders), twin.units_not_taken(ladders)
    at_list_price = np.isclose(ladders.prices, articles[["list_price"]])
    assert at_list_price.any()
    np.testing.assert_array_equal(not_taken[at_list_price], true[at_list_price])
    extra, counted = (units[:, -1, 0] - units[:, 0, 0] for units in (true, not_taken))
    full_price = at_list_price[:, 0] & (extra > 0)
    np.testing.assert_allclose(counted[full_price], (1.0 - substitution) * extra[full_price])


def test_what_the_planner_expects_of_the_next_week_is_about_what_sells(played: dict[str, Played]) -> None:
    forecasts = played[PLANNER].forecasts
    assert abs(forecasts["expected"].sum() / forecasts["actual"].sum() - 1) < 0.1
    assert (forecasts["actual"] < forecasts["q10"]).mean() < 0.2
    assert (forecasts["actual"] <= forecasts["q90"]).mean() > 0.8


def test_the_same_policy_again_earns_the_same() -> None:
    first, second = season("constant_elasticity", "tuned_rule"), play_setting(setting(), "tuned_rule", BOOK)
    assert first.articles.equals(second.articles)


def lowest_rung_at_once(view: MarketView) -> WeekPrices:
    return WeekPrices(np.round(view.articles["price"].to_numpy() / 2, 2))


def raise_by_a_cent(view: MarketView) -> WeekPrices:
    return WeekPrices(view.articles["price"].to_numpy() + 0.01)


@pytest.mark.parametrize(
    ("policy", "rule"),
    [
        (lowest_rung_at_once, "no_rung"),
        (lowest_rung_at_once, "too_soon"),
        (lowest_rung_at_once, "below_salvage"),
        (lowest_rung_at_once, "too_many"),
        (raise_by_a_cent, "raised"),
    ],
)
def test_a_broken_rule_is_counted(policy: Callable[[MarketView], WeekPrices], rule: str) -> None:
    assert any(
        line.endswith(f"against the rule {rule}") for line in play("bad", twin_of(setting()), policy, BOOK, 6).broken
    )


def test_an_article_without_a_price_keeps_its_own_and_is_counted() -> None:
    def no_price(view: MarketView) -> WeekPrices:
        return WeekPrices(np.full(len(view.articles), np.nan))

    twin = twin_of(setting())
    silent, held = (play("p", twin, policy, BOOK, 4) for policy in (no_price, hold))
    assert silent.unpriced == sum(len(week) for week in articles_by_week(twin, 4))
    assert silent.revenue() == held.revenue()


def articles_by_week(twin: Twin, weeks: int) -> list[np.ndarray]:
    seen = []
    for _ in range(weeks):
        articles, _ = twin.frames()
        seen.append(articles["article_id"].to_numpy())
        twin, _ = twin.sell(articles["price"].to_numpy())
    return seen
