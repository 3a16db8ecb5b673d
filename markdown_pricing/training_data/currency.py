"""Read a country's history in the currency of its snapshot, and find a change of currency that nobody has told of."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from markdown_pricing.arrays import BoolArray, FloatArray, IntArray
from markdown_pricing.currencies import Changeover
from markdown_pricing.errors import Fault
from markdown_pricing.training_data.schema import MONEY

ALIKE = 0.1
"""Moves count as one when they differ by at most this part of their median."""
MOST_ARTICLES = 0.9
"""From this part of the articles on a move is common to all of them."""
SMALLER, LARGER = 0.8, 1.25
"""A common move between these is one of prices, such as inflation."""
LOW, HIGH = SMALLER * (1 + ALIKE), LARGER * (1 - ALIKE)
"""Whatever is within ALIKE of a median outside of SMALLER and LARGER is outside of these."""
LEAST_ARTICLES = 5
"""Fewer articles say nothing of a currency. Chosen on 2026-11-27."""


@dataclass(frozen=True)
class Step:
    """How prices moved from one delivered week to the next, over the articles that have rows in both.

    week    : the later week
    later   : (articles,), the places of the later rows; each earlier row stands right before
    lists, prices : (articles,), list price and price, later over earlier
    """

    week: date
    later: IntArray
    lists: FloatArray
    prices: FloatArray

    @property
    def factor(self) -> float:
        """The median move of the list prices."""
        return float(np.median(self.lists))

    @property
    def alike(self) -> BoolArray:
        """The articles whose list price and price both moved by the median, nearly; a flag for each, (articles,)."""
        near = [np.abs(moves / self.factor - 1) <= ALIKE for moves in (self.lists, self.prices)]
        return near[0] & near[1]

    @property
    def is_common(self) -> bool:
        """Whether nearly all articles moved by one factor that is too large for prices."""
        beyond = not SMALLER <= self.factor <= LARGER
        return beyond and len(self.later) >= LEAST_ARTICLES and bool(self.alike.mean() >= MOST_ARTICLES)


def in_one_currency(
    rows: pd.DataFrame, article: IntArray, week: date, changeovers: Sequence[Changeover]
) -> tuple[pd.DataFrame, list[str], list[Fault]]:
    """The rows with all prices in the currency of `week`; remarks; and changes of currency that no line tells of.

    rows : sorted by article and week ; article : (rows,), a number for each article ; changeovers : by `since`
    """
    if not changeovers and not _list_prices_jump(rows, article):
        return rows, [], []  # as nearly always: what follows costs a tenth of the intake
    weeks = rows["week"].to_numpy().astype("datetime64[D]")
    steps = {step.week: step for step in _steps(rows, article, weeks, [change.since for change in changeovers])}
    announced, remarks, divisor = set(), [], np.ones(len(rows))
    snapped: list[tuple[Step, Changeover]] = []
    for change in changeovers:
        step = _step_to(steps, change.since, weeks)
        if step is None or change.since > week:
            continue
        if change.factor == 1:
            announced.add(step.week)
        elif abs(1 / step.factor / change.factor - 1) <= ALIKE:
            announced.add(step.week)
            divisor[weeks < np.datetime64(change.since)] *= change.factor
            snapped.append((step, change))
        else:
            remarks.append(
                f"History before {change.since} is taken as converted to {change.currency} already, because prices do "
                f"not show the factor {change.factor:g}."
            )
    unannounced = [_unannounced(step, rows) for step in steps.values() if step.is_common and step.week not in announced]
    if unannounced or not snapped:
        return rows, remarks, unannounced
    return _converted(rows, article, weeks, divisor, snapped), remarks, []


def _list_prices_jump(rows: pd.DataFrame, article: IntArray) -> bool:
    """Whether any article's list price moved from one of its rows to the next as far as by another currency."""
    lists = rows["list_price"].to_numpy(dtype=np.float64)
    moved = np.flatnonzero((lists[1:] != lists[:-1]) & (article[1:] == article[:-1]))
    before, after = lists[moved], lists[moved + 1]
    return bool(((after < 1.001 * LOW * before) | (after > 0.999 * HIGH * before)).any())


def _unannounced(step: Step, rows: pd.DataFrame) -> Fault:
    moved, count = step.factor - 1, int(np.count_nonzero(step.alike))
    how = f"fell by {-100 * moved:.0f} %" if moved < 0 else f"rose by {100 * moved:.0f} %"
    what = f"articles whose prices {how} with their list prices in week {step.week}: another currency?"
    row = int(step.later[step.alike][0])
    before, after = rows["list_price"].iloc[row - 1], rows["list_price"].iloc[row]
    example = f"article {rows['article_id'].iloc[row]}, list_price {before:g}, then {after:g}"
    remedy = f"a line in currencies.csv with since {step.week} and factor {1 / step.factor:.5g} converts history"
    return Fault(what, count, f"{example}; {remedy}, and one with factor 1 says that prices really moved")


def _steps(
    rows: pd.DataFrame, article: IntArray, weeks: NDArray[np.datetime64], asked: Sequence[date]
) -> Iterator[Step]:
    """The steps in which most prices moved much, and those into the first delivered week from an `asked` one on."""
    lists, prices = (rows[name].to_numpy(dtype=np.float64) for name in ("list_price", "price"))
    days = weeks.astype(np.int64)
    since_first = (days - days.min()) // 7
    there = np.bincount(since_first) > 0
    delivered, number = days.min() + 7 * np.flatnonzero(there), (np.cumsum(there) - 1)[since_first]
    later = 1 + np.flatnonzero((article[1:] == article[:-1]) & (np.diff(number) == 1))
    by_list, by_price = lists[later] / lists[later - 1], prices[later] / prices[later - 1]
    moved = ((by_list < LOW) | (by_list > HIGH)) & ((by_price < LOW) | (by_price > HIGH))
    in_week = np.bincount(number[later], minlength=len(delivered))
    moved_in_week = np.bincount(number[later], weights=moved, minlength=len(delivered))
    wanted = (in_week > 0) & (moved_in_week >= MOST_ARTICLES * in_week)
    firsts = np.searchsorted(delivered, np.array(asked, dtype="datetime64[D]").astype(np.int64))
    wanted[firsts[(firsts > 0) & (firsts < len(delivered))]] = True
    for place in np.flatnonzero(wanted & (in_week > 0)):
        here = number[later] == place
        yield Step(weeks[later[here][0]].item(), later[here], by_list[here], by_price[here])


def _step_to(steps: dict[date, Step], since: date, weeks: NDArray[np.datetime64]) -> Step | None:
    """The step into the first delivered week from `since` on; None when there is no history on one of its sides."""
    after = weeks[weeks >= np.datetime64(since)]
    return steps.get(after.min().item()) if len(after) else None


def _converted(
    rows: pd.DataFrame,
    article: IntArray,
    weeks: NDArray[np.datetime64],
    divisor: FloatArray,
    snapped: Sequence[tuple[Step, Changeover]],
) -> pd.DataFrame:
    """The rows with earlier prices in the later currency.

    Where a price was only converted, and perhaps rounded anew, it counts as the same price: the weeks before in which
    it stood have the price of the week after.
    """
    money = {name: rows[name].to_numpy(dtype=np.float64) / divisor for name in MONEY}
    money = {name: np.where(divisor == 1, rows[name], np.round(values, 2)) for name, values in money.items()}
    money["list_price"], money["price"] = (np.maximum(money[name], 0.01) for name in ("list_price", "price"))
    place = np.arange(len(rows))
    for step, change in snapped:
        later = step.later[step.alike]
        after = np.full(int(article.max()) + 1, -1)
        after[article[later]] = later
        own, before = after[article], weeks < np.datetime64(change.since)
        last = np.maximum(own - 1, 0)
        stood = before & (own >= 0)
        same = stood & (money["price"] == money["price"][last]) & (money["list_price"] == money["list_price"][last])
        other = np.full(len(after), -1)
        np.maximum.at(other, article[stood & ~same], place[stood & ~same])
        same &= place > other[article]
        for name in ("list_price", "price"):
            money[name] = np.where(same, money[name][own], money[name])
    return rows.assign(**money)
