"""From this week to end_week: the prices an article may take, what holds them, and what each path brings."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from markdown_pricing.countries import Country
from markdown_pricing.errors import FinalError
from markdown_pricing.markdown.dynamic_programme import ROUNDING
from markdown_pricing.markdown.ladder import FloatArray, IntArray, ladder_cents, to_price
from markdown_pricing.markdown.rules import RuleBook, Rules
from markdown_pricing.markdown.sales import expected_sales
from markdown_pricing.markdown.season import BoolArray, Season, read_season
from markdown_pricing.markdown.shelf import SHELF_SHARES as SHELF_SHARES
from markdown_pricing.markdown.shelf import Shelf

HABIT = ((0.6, 30), (0.8, 50))
"""The fixed ladder: from this share of the season on, this discount in percent."""


class BadUnits(FinalError):
    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__(f"The demand model's units can't be planned with: {'; '.join(faults)}. Correct the model.")


class GroupColumnMissing(FinalError):
    def __init__(self, column: str, country: Country, columns: Sequence[str]) -> None:
        attributes = [name for name in columns if name.startswith("attr_")]
        super().__init__(
            f"{country.code}: the rule same_price_by names {column}, which the snapshot does not have; it has "
            f"{', '.join(attributes) or 'no attr_ column'}. Correct the rules file or have the ETL deliver the column."
        )


@dataclass(frozen=True)
class Ladders:
    """The prices each article may take from now on, with the rules they come from.

    rules : the distinct rules; rule_of : (articles,), which of them
    cents : (articles, rungs), whole cents: the current price, then lower rungs; the last repeated to fill the row
    rungs : (articles,), how many of them are different prices, at least 1
    off_ladder : (articles,), the current price is neither the list price nor a rung
    whole_ladder_below_salvage : (articles,), no rung may ever be used
    group : (articles,), articles of the same number >= 0 share one price; -1: it is priced alone
    """

    season: Season
    rules: tuple[Rules, ...]
    rule_of: IntArray
    cents: IntArray
    rungs: IntArray
    off_ladder: BoolArray
    whole_ladder_below_salvage: BoolArray
    habit_cents: IntArray
    group: IntArray

    @property
    def prices(self) -> FloatArray:
        """(articles, rungs) in currency units: what the demand model is asked for."""
        return to_price(self.cents)

    @property
    def weeks(self) -> int:
        """Weeks the demand model is asked for: to the latest end_week, at least 1."""
        return max(int(self.season.weeks_left.max(initial=1)), 1)

    def per_article(self, values: Sequence[float]) -> FloatArray:
        """A value per entry of `rules`, spread over the articles."""
        spread: FloatArray = np.asarray(values, dtype=np.float64)[self.rule_of]
        return spread


@dataclass(frozen=True)
class Limits:
    """What holds each article's price.

    left, wait : (articles,), markdowns left; weeks until the interval allows the next one
    between    : (articles,), weeks from one markdown to the next
    touchable  : (articles, weeks), False in no-touch weeks
    moves      : (articles, from rung, to rung), lower rungs within the largest step
    label_cost : (articles,), of one markdown
    """

    left: IntArray
    wait: IntArray
    between: IntArray
    touchable: BoolArray
    moves: BoolArray
    label_cost: FloatArray

    @classmethod
    def of(cls, ladders: Ladders) -> "Limits":
        season, rules = ladders.season, ladders.rules
        between = ladders.per_article([own.weeks_between_markdowns for own in rules]).astype(np.int64)
        most = ladders.per_article([own.max_markdowns for own in rules]).astype(np.int64)
        return cls(
            left=np.maximum(most - season.markdowns_taken, 0),
            wait=np.maximum(between - season.weeks_since_markdown, 0),
            between=between,
            touchable=_touchable(ladders),
            moves=_allowed_moves(ladders),
            label_cost=ladders.per_article([own.relabel_cost_per_store for own in rules]) * season.stores,
        )


@dataclass(frozen=True)
class PathValue:
    """What a price path is expected to bring.

    rungs : (articles, weeks); units, stock : (articles, weeks), expected sales of a week and stock at its start
    leftover, revenue : (articles,); revenue = Σ price · units + salvage_price · leftover
    label_cost : (articles,), not taken off the revenue
    """

    rungs: IntArray
    units: FloatArray
    stock: FloatArray
    leftover: FloatArray
    revenue: FloatArray
    label_cost: FloatArray

    @property
    def gain(self) -> FloatArray:
        return self.revenue - self.label_cost


def candidate_prices(
    articles: pd.DataFrame, history: pd.DataFrame, country: Country, book: RuleBook, week: date
) -> Ladders:
    """The prices to ask the demand model for: today's, then each lower rung that is not below salvage_price.

    articles, history : checked training frames of this week and of the weeks before, sorted by article and week
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
    usable = (ladder < current) & (ladder >= floor) & (ladder > 0)
    cents, rungs = _filled(season.current_cents, np.where(usable, ladder, -1))
    return Ladders(
        season=season,
        rules=rules,
        rule_of=rule_of,
        cents=cents,
        rungs=rungs,
        off_ladder=(season.current_cents != season.list_cents) & ~(ladder == current).any(axis=1),
        whole_ladder_below_salvage=ladder.max(axis=1) < season.floor_cents,
        habit_cents=habit,
        group=_groups(articles, rules, rule_of, categories, country),
    )


def _groups(
    articles: pd.DataFrame, rules: Sequence[Rules], rule_of: IntArray, categories: pd.Series, country: Country
) -> IntArray:
    """(articles,): numbers of the price groups, from 0; -1 without one. Raises GroupColumnMissing."""
    names = pd.Series([None] * len(articles), index=articles.index, dtype=object)
    for index, own in enumerate(rules):
        if own.same_price_by:
            if own.same_price_by not in articles:
                raise GroupColumnMissing(own.same_price_by, country, [str(name) for name in articles.columns])
            value = articles[own.same_price_by]
            names = names.mask((rule_of == index) & value.notna(), categories + "\n" + value.astype(str))
    numbers: IntArray = pd.factorize(names)[0].astype(np.int64)
    return numbers


def _filled(current: IntArray, lower: IntArray) -> tuple[IntArray, IntArray]:
    """Current price and lower rungs (-1: none) as falling rows without gaps or repeats, filled with the last price."""
    falling = -np.sort(-lower, axis=1)
    falling[:, 1:][falling[:, 1:] == falling[:, :-1]] = -1
    falling = -np.sort(-falling, axis=1)
    rungs = 1 + (falling > 0).sum(axis=1)
    cents = np.concatenate([current[:, np.newaxis], falling], axis=1)[:, : int(rungs.max(initial=1))]
    last = np.take_along_axis(cents, rungs[:, np.newaxis] - 1, axis=1)
    return np.where(np.arange(cents.shape[1]) < rungs[:, np.newaxis], cents, last), rungs


def evaluate_path(
    ladders: Ladders, rungs: IntArray, units: FloatArray, dispersion: FloatArray, shelf: FloatArray | None = None
) -> PathValue:
    """What the path `rungs` (articles, weeks) brings along the mean stock: each week sells E[min(stock, demand)].

    units, dispersion, shelf : as `plan` takes them; a week's demand is that of the stock at its start
    """
    shelves = None if shelf is None else Shelf.of(np.asarray(shelf, dtype=np.float64))
    season = ladders.season
    price = np.take_along_axis(ladders.prices, rungs, axis=1)
    selling = np.arange(rungs.shape[1]) < season.weeks_left[:, np.newaxis]
    demand = np.where(selling, np.take_along_axis(units, rungs[:, np.newaxis, :], axis=1)[:, 0], 0.0)
    sold, stock = np.zeros_like(demand), np.zeros_like(demand)
    remaining = season.stock.astype(np.float64)
    for week in range(rungs.shape[1]):
        stock[:, week] = remaining
        if shelves is not None:
            demand[:, week] *= shelves.demand_left(remaining / np.maximum(season.stock, 1))
        sold[:, week] = expected_sales(remaining, demand[:, week], dispersion)
        remaining = remaining - sold[:, week]
    leftover = np.maximum(remaining, 0.0)
    markdowns = ((np.diff(rungs, axis=1, prepend=0) != 0) & selling).sum(axis=1)
    cost = ladders.per_article([own.relabel_cost_per_store for own in ladders.rules]) * season.stores
    revenue = (price * sold).sum(axis=1) + season.salvage_price * leftover
    return PathValue(rungs, sold, stock, leftover, revenue, markdowns * cost)


def deepest_rungs(ladders: Ladders, limits: Limits) -> IntArray:
    """(articles, weeks): the rungs when every markdown comes as early and as deep as the rules allow."""
    every, rung = np.arange(len(ladders.cents)), np.zeros(len(ladders.cents), dtype=np.int64)
    left, wait, path = limits.left, limits.wait, np.zeros(limits.touchable.shape, dtype=np.int64)
    deepest = ladders.cents.shape[1] - 1 - limits.moves[:, :, ::-1].argmax(axis=2)
    for week in range(ladders.weeks):
        free = (wait == 0) & (left > 0) & limits.touchable[:, week] & limits.moves[every, rung].any(axis=1)
        free &= week < ladders.season.weeks_left
        rung = np.where(free, deepest[every, rung], rung)
        left, wait = left - free, np.where(free, limits.between - 1, np.maximum(wait - 1, 0))
        path[:, week] = rung
    return path


def deepest_sales(
    ladders: Ladders, limits: Limits, units: FloatArray, dispersion: FloatArray, shelf: FloatArray | None = None
) -> FloatArray:
    """(articles,): units sold at most if every markdown came as early and as deep as the rules allow.

    "At most" is each week's mean and 1.28 standard deviations, as if all weeks were lucky together: a season in ten.
    """
    season = ladders.season
    at_rungs = np.take_along_axis(units, deepest_rungs(ladders, limits)[:, np.newaxis, :], axis=1)[:, 0]
    shelves = None if shelf is None else Shelf.of(np.asarray(shelf, dtype=np.float64))
    sold = np.zeros(len(at_rungs))
    for week in range(ladders.weeks):
        mean = np.where(week < season.weeks_left, at_rungs[:, week], 0.0)
        if shelves is not None:
            mean = mean * shelves.demand_left(1 - sold / np.maximum(season.stock, 1))
        sold += mean + 1.2816 * np.sqrt(mean + dispersion * mean**2)
    return sold


def check_units(ladders: Ladders, units: FloatArray, dispersion: FloatArray, shelf: FloatArray | None) -> None:
    faults = []
    wanted = (*ladders.cents.shape, ladders.weeks)
    if units.shape != wanted:
        faults.append(f"units have the shape {units.shape}, asked for were {wanted}")
    if dispersion.shape != wanted[:1]:
        faults.append(f"dispersion has the shape {dispersion.shape}, asked for was {wanted[:1]}")
    for name, values in (("units", units), ("dispersion", dispersion)):
        if bad := int((~(np.isfinite(values) & (values >= 0))).sum()):
            faults.append(f"{bad} {name} are not finite or below 0")
    if shelf is not None:
        if shelf.shape != (len(units), len(SHELF_SHARES)):
            faults.append(f"shelf has the shape {shelf.shape}, asked for was {(len(units), len(SHELF_SHARES))}")
        elif bad := int((~(np.isfinite(shelf) & (shelf > 0) & (shelf <= 1 + ROUNDING))).sum()):
            faults.append(f"{bad} values of shelf are not above 0 and at most 1")
        elif (np.diff(shelf, axis=1) < -ROUNDING).any() or (np.abs(shelf[:, -1] - 1) > ROUNDING).any():
            faults.append("shelf does not rise with the stock to 1 at today's")
    if faults:
        raise BadUnits(faults)


def habit_rungs(ladders: Ladders, limits: Limits) -> IntArray:
    """The fixed ladder from today's price on: the deepest rung that is due, when the rules first allow it."""
    season, every = ladders.season, np.arange(len(ladders.cents))
    left, wait, touchable = limits.left, limits.wait, limits.touchable
    match = ladders.habit_cents[:, :, np.newaxis] == ladders.cents[:, np.newaxis, :]
    target = np.where(match.any(axis=2), match.argmax(axis=2), 0)
    rung, path = np.zeros(len(every), dtype=np.int64), np.zeros(touchable.shape, dtype=np.int64)
    for week in range(touchable.shape[1]):
        season_share = (season.age_weeks + week) / season.life_weeks
        free = (wait == 0) & (left > 0) & touchable[:, week] & (week < season.weeks_left)
        to = rung
        for step, (share, _) in enumerate(HABIT):
            due = free & (season_share >= share) & limits.moves[every, rung, target[:, step]]
            to = np.where(due, target[:, step], to)
        moved = to != rung
        left, wait = left - moved, np.where(moved, limits.between - 1, np.maximum(wait - 1, 0))
        rung = to
        path[:, week] = rung
    return path


def _touchable(ladders: Ladders) -> BoolArray:
    weeks = [ladders.season.week + timedelta(weeks=index) for index in range(ladders.weeks)]
    by_rules = np.array([[week not in own.no_touch_weeks for week in weeks] for own in ladders.rules], dtype=np.bool_)
    return by_rules[ladders.rule_of]


def _allowed_moves(ladders: Ladders) -> BoolArray:
    """(articles, from, to): lower rungs within the largest step, measured to the whole point of the list price."""
    step = ladders.cents[:, :, np.newaxis] - ladders.cents[:, np.newaxis, :]
    most = ladders.per_article([own.max_step_pct for own in ladders.rules])[:, np.newaxis, np.newaxis]
    real = np.arange(ladders.cents.shape[1]) < ladders.rungs[:, np.newaxis]
    points = np.floor(step * 100 / ladders.season.list_cents[:, np.newaxis, np.newaxis] + 0.5)
    allowed: BoolArray = (step > 0) & real[:, np.newaxis, :] & ((points <= most) | (most >= 100))
    return allowed
