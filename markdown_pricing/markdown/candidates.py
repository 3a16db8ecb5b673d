"""The prices that an article may have from this week to end_week: today's, and lower rungs not below salvage."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from markdown_pricing.arrays import BoolArray, FloatArray, IntArray
from markdown_pricing.countries import Country
from markdown_pricing.errors import FinalError
from markdown_pricing.markdown.ladder import ladder_cents, to_price
from markdown_pricing.markdown.rules import RuleBook, Rules
from markdown_pricing.markdown.season import Season, read_season
from markdown_pricing.old_habit import HABIT


class GroupColumnMissing(FinalError):
    def __init__(self, column: str, country: Country, columns: Sequence[str]) -> None:
        attributes = [name for name in columns if name.startswith("attr_")]
        super().__init__(
            f"{country.code}: the rule same_price_by names {column}, which the snapshot does not have; it has "
            f"{', '.join(attributes) or 'no attr_ column'}. Correct the rules file or have the ETL deliver the column."
        )


@dataclass(frozen=True)
class Ladders:
    """The prices that each article may have from now on, with the rules from which they come.

    rules       : the different rules ; rule_of : (articles,), which of them an article is under
    cents       : (articles, rungs), whole cents: the regular price, which is the current one unless that is temporary,
        then lower rungs; the last one fills up the row
    rungs       : (articles,), how many of these are different prices, at least 1
    below_salvage : (articles, prices), whole cents, falling: the further rungs that salvage forbids; -1 fills up
    off_ladder  : (articles,), whether the current price is neither the list price nor a rung
    whole_ladder_below_salvage : (articles,), whether salvage forbids every rung
    habit_cents : (articles, steps of the old habit), whole cents
    group       : (articles,), articles with the same number >= 0 must have one price; -1 is priced alone
    """

    season: Season
    rules: tuple[Rules, ...]
    rule_of: IntArray
    cents: IntArray
    rungs: IntArray
    below_salvage: IntArray
    off_ladder: BoolArray
    whole_ladder_below_salvage: BoolArray
    habit_cents: IntArray
    group: IntArray

    @property
    def prices(self) -> FloatArray:
        """The prices in currency units, (articles, rungs), for which the demand model is asked."""
        return to_price(self.cents)

    def prices_in(self, rungs: IntArray) -> FloatArray:
        """The prices of a path `rungs` in currency units, (articles, weeks): a temporary price, then the rungs' own."""
        by_rung = np.take_along_axis(self.prices, rungs, axis=1)
        temporary = np.arange(rungs.shape[1]) < self.season.temporary_weeks[:, np.newaxis]
        return np.where(temporary, to_price(self.season.current_cents)[:, np.newaxis], by_rung)

    @property
    def weeks(self) -> int:
        """The number of weeks for which the demand model is asked: to the latest end_week, and at least 1."""
        return max(int(self.season.weeks_left.max(initial=1)), 1)

    @property
    def label_cost(self) -> FloatArray:
        """What the labels of one markdown cost in all stores, (articles,), in currency units."""
        return self.per_article([own.relabel_cost_per_store for own in self.rules]) * self.season.stores

    def per_article(self, values: Sequence[float]) -> FloatArray:
        """The value of each article's rules, (articles,), from one value for each entry of `rules`."""
        spread: FloatArray = np.asarray(values, dtype=np.float64)[self.rule_of]
        return spread


def candidate_prices(
    articles: pd.DataFrame, history: pd.DataFrame, country: Country, book: RuleBook, week: date
) -> Ladders:
    """The prices for which the demand model is asked: today's, then each lower rung that is not below salvage_price.

    articles, history : checked training frames of this week and of the weeks before, sorted by article and week
    Raises GroupColumnMissing.
    """
    season = read_season(articles, history, week)
    categories = articles["category"].fillna("").astype(str)
    names, category_of = np.unique(categories.to_numpy(dtype=object), return_inverse=True)
    by_category = [book.rules_for(country.code, str(name)) for name in names]
    rules = tuple(dict.fromkeys(by_category)) or (book.default,)
    rule_of = np.array([rules.index(own) for own in by_category], dtype=np.int64)[category_of]

    columns = max(len(own.discounts_pct) for own in rules)
    ladder = np.full((len(articles), columns), -1, dtype=np.int64)
    for index, own in enumerate(rules):
        rows = np.flatnonzero(rule_of == index)
        ladder[rows, : len(own.discounts_pct)] = ladder_cents(
            season.list_cents[rows], own.discounts_pct, country.price_endings
        )
    habit = ladder_cents(season.list_cents, [discount for _, discount in HABIT], country.price_endings)
    habit[~(habit[:, :, np.newaxis] == ladder[:, np.newaxis, :]).any(axis=2)] = -1

    current, floor = season.current_cents[:, np.newaxis], season.floor_cents[:, np.newaxis]
    lower = (ladder < season.regular_cents[:, np.newaxis]) & (ladder > 0)
    cents, rungs = _filled(season.regular_cents, np.where(lower & (ladder >= floor), ladder, -1))
    return Ladders(
        season=season,
        rules=rules,
        rule_of=rule_of,
        cents=cents,
        rungs=rungs,
        below_salvage=_falling(np.where(lower & (ladder < floor), ladder, -1)),
        off_ladder=(season.current_cents != season.list_cents) & ~(ladder == current).any(axis=1),
        whole_ladder_below_salvage=ladder.max(axis=1) < season.floor_cents,
        habit_cents=habit,
        group=np.where(
            season.set_aside | (season.temporary_weeks > 0),
            -1,
            _groups(articles, rules, rule_of, categories, country),
        ),
    )


def _groups(
    articles: pd.DataFrame, rules: Sequence[Rules], rule_of: IntArray, categories: pd.Series, country: Country
) -> IntArray:
    """The number of each article's price group, (articles,), from 0; -1 without one. Raises GroupColumnMissing."""
    names = pd.Series([None] * len(articles), index=articles.index, dtype=object)
    for index, own in enumerate(rules):
        if own.same_price_by:
            if own.same_price_by not in articles:
                raise GroupColumnMissing(own.same_price_by, country, [str(name) for name in articles.columns])
            value = articles[own.same_price_by]
            names = names.mask((rule_of == index) & value.notna(), categories + "\n" + value.astype(str))
    numbers: IntArray = pd.factorize(names)[0].astype(np.int64)
    return numbers


def _filled(first: IntArray, lower: IntArray) -> tuple[IntArray, IntArray]:
    """The first prices and lower rungs as falling rows without gaps or repeats, filled up with their last price.

    first : (articles,) ; lower : (articles, rungs), where -1 stands for no rung
    returns the rows, each beginning with the first price, and how many different prices each has, (articles,)
    """
    falling = _falling(lower)
    rungs = 1 + (falling > 0).sum(axis=1)
    cents = np.concatenate([first[:, np.newaxis], falling], axis=1)[:, : int(rungs.max(initial=1))]
    last = np.take_along_axis(cents, rungs[:, np.newaxis] - 1, axis=1)
    return np.where(np.arange(cents.shape[1]) < rungs[:, np.newaxis], cents, last), rungs


def _falling(prices: IntArray) -> IntArray:
    """The different prices of each row, falling, and then -1, which stands for no price."""
    falling = -np.sort(-prices, axis=1)
    falling[:, 1:][falling[:, 1:] == falling[:, :-1]] = -1
    falling = -np.sort(-falling, axis=1)
    return falling[:, : int((falling > 0).sum(axis=1).max(initial=0))]
