"""A simulated season: any policy prices the sample market, whose truth is known, week by week.

Each week a model is fitted anew on what its own prices sold, and every article is planned anew, by the same steps that
price a country.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property, lru_cache

import numpy as np
import pandas as pd
import pyarrow as pa

from markdown_pricing.arrays import FloatArray, IntArray
from markdown_pricing.countries import Country
from markdown_pricing.demand.model import make_model, with_what_comes
from markdown_pricing.demand.shared import SharedDemand
from markdown_pricing.errors import FinalError
from markdown_pricing.forecast import SHELF_SHARES, Demand, Forecast
from markdown_pricing.learnt_together import learn_shared
from markdown_pricing.markdown.candidates import Ladders
from markdown_pricing.markdown.planning import plan
from markdown_pricing.markdown.rules import RuleBook
from markdown_pricing.markdown.sales import expected_sales
from markdown_pricing.markdown.simple_policies import TUNED_RULE, fixed_ladder, hold
from markdown_pricing.markdown.simulation import MarketView, Played, Policy, WeekPrices, play
from markdown_pricing.pricing import SEED, CountryWeek, HowToLearn, make_training_data
from markdown_pricing.sample.families import family_named
from markdown_pricing.sample.market import Market, share_finding_size
from markdown_pricing.sample.season import sample_market
from markdown_pricing.sample.seasonality import FIRST_MONDAY
from markdown_pricing.sample.world import PLAIN_WORLD, WORLDS

LEAST_SHELF = 1e-3
"""The shelf effect without stock. Nobody buys then, but the plan needs a number above 0."""

LEAST_UNITS = 1e-9
FIRST_WEEK = date(2025, 3, 3)
WEEKS_BETWEEN_STARTS = 11
"""With it five seeds in a row begin all round the year, and 52 seeds begin once in each week."""
PEER, PLANNER = "plain_boosting", "planner"
CATEGORY_PLANNER = "category_planner"
"""The planner who counts of a markdown's extra units those alone that its neighbours do not lose."""
RULES: Mapping[str, Policy] = {"hold": hold, "fixed_ladder": fixed_ladder, "tuned_rule": TUNED_RULE}


@dataclass(frozen=True)
class Twin:
    """A sample market in the form of the contract, checked as a snapshot is, for the simulation to play."""

    market: Market

    @property
    def country(self) -> Country:
        """The market's country."""
        return self.market.country

    @cached_property
    def week(self) -> date:
        """The Monday of the market's week."""
        return FIRST_MONDAY + timedelta(weeks=self.market.week)

    def frames(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The articles of this week and the rows before it, both taken in as a delivery is."""
        checked = make_training_data(self.market.table(), self.week, self.country.code)
        sold = CountryWeek.of(checked, self.week, self.country.code)
        return sold.articles, sold.history

    def sell(self, prices: FloatArray) -> "tuple[Twin, np.ndarray[tuple[int], np.dtype[np.int64]]]":
        """The market one week later, and the units sold at `prices`, both (articles,), in the order of the frames."""
        market, sales = self.market.sell(prices)
        return Twin(market), sales.units

    def true_units(self, ladders: Ladders) -> FloatArray:
        """The true mean demand at each of ladders.prices with today's stock, (articles, rungs, weeks)."""
        return self._units_at(ladders.cents, ladders.weeks)

    def units_not_taken(self, ladders: Ladders) -> FloatArray:
        """The same without what a markdown's extra units take from its neighbours, (articles, rungs, weeks)."""
        market, units = self.market, self.true_units(ladders)
        list_price = market.articles.price_list[market.on_sale]
        extra = np.maximum(units - self._units_at(list_price[:, np.newaxis], ladders.weeks), 0.0)
        not_taken: FloatArray = units - market.world.substitution * extra
        return not_taken

    def _units_at(self, cents: IntArray, weeks: int) -> FloatArray:
        market = self.market
        rows, ahead = market.on_sale, range(market.week, market.week + weeks)
        return np.stack([market.expected_units(rows, week, cents, market.stock[rows]) for week in ahead], axis=2)

    def demand(self, units: FloatArray) -> Demand:
        """The units, (articles, rungs, weeks), with the true dispersion and shelf of each article."""
        return Demand(units, self.true_dispersion(), self.true_shelf())

    def true_shelf(self) -> FloatArray:
        """The true demand at SHELF_SHARES of today's stock, relative to today's, (articles, shares)."""
        rows = self.market.on_sale
        stores, stock = self.market.articles.stores[rows, None], np.maximum(self.market.stock[rows, None], 1)
        relative = share_finding_size(stock * SHELF_SHARES, stores) / share_finding_size(stock.astype(float), stores)
        return np.maximum(relative, LEAST_SHELF)

    def true_dispersion(self) -> FloatArray:
        """The true dispersion of each article on sale, (articles,)."""
        return self.market.articles.dispersion[self.market.on_sale]


@dataclass(frozen=True)
class Lent:
    """The parts of the truth that are lent to a model, to see what it lacks.

    level    : the mean demand at today's price in every week to come, and the shelf effect; the response is its own
    response : demand at each price relative to today's; the level is its own
    """

    level: bool = False
    response: bool = False


NOTHING = Lent()


def planner(view: MarketView) -> WeekPrices:
    """The plan on the true mean demand: what a perfect model would earn."""
    return week_prices(view.ladders(), true_forecast(view))


def category_planner(view: MarketView) -> WeekPrices:
    """The same, but a markdown's extra units are only those that its neighbours do not lose."""
    ladders = view.ladders()
    known = _twin(view).demand(_twin(view).units_not_taken(ladders))
    return week_prices(ladders, Forecast.fixed(CATEGORY_PLANNER, known))


def model_policy(name: str, lent: Lent = NOTHING, shared: SharedDemand | None = None) -> Policy:
    """A demand model by name, fitted anew each week, and the plan on what it answers; UnknownModel when played."""

    def priced(view: MarketView) -> WeekPrices:
        model = make_model(name)
        model.fit(view.history, view.week, SEED, shared=shared)
        forecast = model.among(view.articles).forecast(with_what_comes(view.articles), view.history, view.week)
        if lent != NOTHING:
            forecast = _lend(forecast, true_forecast(view), lent, len(view.articles))
        return week_prices(view.ladders(), forecast)

    return priced


def true_forecast(view: MarketView) -> Forecast:
    """What a perfect model would answer, at the prices of the ladders alone."""
    twin = _twin(view)
    return Forecast.fixed(PLANNER, twin.demand(twin.true_units(view.ladders())))


def _lend(own: Forecast, truth: Forecast, lent: Lent, articles: int) -> Forecast:
    def units(prices: FloatArray, weeks: int) -> FloatArray:
        level, response = ((truth if known else own).units(prices, weeks) for known in (lent.level, lent.response))
        relative = response / np.maximum(response[:, :1], LEAST_UNITS)
        return np.asarray(level[:, :1] * relative)

    if not lent.level:
        return replace(own, units=units)
    # All other models are planned for an unsure level, so this one is, too, on the same grids.
    return replace(own, units=units, shelf=truth.shelf, level_sd=lambda weeks: np.zeros((articles, weeks)))


def week_prices(ladders: Ladders, forecast: Forecast) -> WeekPrices:
    """This week of the best path, with what it is expected to sell; raises BrokenModel."""
    own_plan = plan(ladders, forecast)
    mean, low, high = own_plan.this_week(ladders.season)
    rung = own_plan.best.rungs[:, 0]
    return WeekPrices(
        prices=ladders.prices[np.arange(len(rung)), rung],
        units=expected_sales(ladders.season.stock.astype(np.float64), mean, own_plan.demand.dispersion),
        q10=low,
        q90=high,
    )


def _twin(view: MarketView) -> Twin:
    if not isinstance(view.market, Twin):
        raise TypeError("only a market whose truth is known can lend it")
    return view.market


PLANNERS: Mapping[str, Policy] = {PLANNER: planner, CATEGORY_PLANNER: category_planner}


def policy_named(name: str, shared: SharedDemand | None = None) -> Policy:
    """A rule policy, a planner or a demand model, by name; raises UnknownModel.

    "gradient_boosting+level" and "gradient_boosting+response" are the model with a part of the truth lent.
    """
    if name in RULES:
        return RULES[name]
    if name in PLANNERS:
        return PLANNERS[name]
    model, _, lent = name.partition("+")
    make_model(model)
    return model_policy(model, Lent(level="level" in lent, response="response" in lent), shared)


class NotShared(FinalError):
    """A back-test that went on without it would compare something else than it says."""

    def __init__(self, policy: str, why: Mapping[str, str]) -> None:
        listed = "; ".join(f"{what}: {each}" for what, each in why.items())
        super().__init__(f"{policy} is not played, because it could not learn from all countries that share. {listed}.")


@dataclass(frozen=True)
class Setting:
    """One simulated run: everything that its luck depends on.

    sharing : the countries whose sales before the run the model learns from, too, as `shared_demand` does every week
    world   : the name of one of WORLDS
    """

    family: str
    country: Country
    articles: int
    weeks: int
    seed: int
    sharing: tuple[Country, ...] = ()
    world: str = PLAIN_WORLD

    @property
    def week(self) -> date:
        """The first of the run, the seed's own: a policy that earns in spring may fail before Christmas.

        >>> [str(Setting("linear_demand", Country("DEU"), 60, 26, seed).week) for seed in range(5)]
        ['2025-03-03', '2025-05-19', '2025-08-04', '2025-10-20', '2026-01-05']
        """
        return FIRST_WEEK + timedelta(weeks=self.seed * WEEKS_BETWEEN_STARTS % 52)


@lru_cache(maxsize=2)
def twin_of(setting: Setting) -> Twin:
    """The market before the first week of the run, with two years that a past manager priced; raises UnknownFamily."""
    family = family_named(setting.family)
    given = setting.country, setting.week, setting.articles, setting.seed, setting.weeks
    return Twin(sample_market(*given, family=family, world=WORLDS[setting.world]))


def play_setting(setting: Setting, policy: str, book: RuleBook) -> Played:
    """A policy by name, played in its own market; raises UnknownFamily and UnknownModel."""
    return play(policy, twin_of(setting), policy_named(policy, shared_with(setting, policy)), book, setting.weeks)


def shared_with(setting: Setting, policy: str) -> SharedDemand | None:
    """What the other countries know together, each as large as its size makes it; None: nothing is shared.

    policy : its name; a demand model may learn from these countries itself
    """
    if not setting.sharing or policy in {*RULES, *PLANNERS}:
        return None
    sharing, family = {country.code: country for country in setting.sharing}, family_named(setting.family)

    def sold_in(code: str) -> pa.Table:
        given = sharing[code], setting.week, None, setting.seed
        return sample_market(*given, family=family, world=WORLDS[setting.world]).table()

    model = policy.partition("+")[0]
    learnt = learn_shared(setting.week, sharing, sold_in, HowToLearn(model))
    if failed := {**learnt.left_out, **learnt.faults}:
        raise NotShared(policy, failed)
    return learnt.shared.for_country(setting.country.code, model)
