"""Which markdowns an article has had, as its prices tell: falls that stay and falls that creep, but no promotions.

Prices are read as shares of their own week's list price, so that a list price that moves with the price moves nothing.
"""

from dataclasses import dataclass

import numpy as np

from markdown_pricing.arrays import BoolArray, FloatArray, IntArray

LEAST_MOVE = 0.03
"""A price that is so many of its list price's parts away from the reference has moved; less is noise of cents."""
TAKEN_BACK_WITHIN = 4
"""A fall that is half regained within so many weeks was a promotion."""
TAKEN_BACK = 0.5
"""The part of a fall that has to be regained."""
ROUNDING = 1e-9
"""Shares are quotients of whole cents, so that a difference this small is none."""


@dataclass(frozen=True)
class PriceHistory:
    """The prices of articles, each with its rows in the order of their weeks, of which the last is the snapshot's.

    All arrays but `rows` are (articles, most rows); an article's own rows come first.
    rows  : (articles,), how many rows an article has
    week  : weeks from the snapshot, 0 or below ; price, list_price : whole cents
    changed : the latest week before the snapshot, or the row's own, in which the price can have changed to the row's
    """

    rows: IntArray
    week: IntArray
    price: IntArray
    list_price: IntArray
    changed: IntArray

    @classmethod
    def of(
        cls, article: IntArray, week: IntArray, price: IntArray, list_price: IntArray, launch: IntArray, articles: int
    ) -> "PriceHistory":
        """The rows of all articles, sorted by article and week, as a grid.

        article : (rows,), numbers from 0 to `articles` - 1 ; week, launch : (rows,), weeks from the snapshot
        """
        rows = np.bincount(article, minlength=articles).astype(np.int64)
        place = np.arange(len(article)) - (np.cumsum(rows) - rows)[article]
        shape = articles, int(rows.max(initial=1))

        def grid(values: IntArray, otherwise: int) -> IntArray:
            cells = np.full(shape, otherwise, dtype=np.int64)
            cells[article, place] = values
            return cells

        # The price of a first row may have changed at any time since the launch, that of another since the row before.
        since = np.where(place == 0, launch, np.roll(week, 1))
        unseen = np.where(place == 0, week > launch, week - since > 1)
        changed = np.where((week == 0) & unseen, -1, week)
        return cls(rows, grid(week, 1), grid(price, 0), grid(list_price, 1), grid(changed, 1))


@dataclass(frozen=True)
class Markdowns:
    """What each article's prices tell, (articles,).

    taken   : the markdowns that count ; last : the week of the latest, from the snapshot; `never` without one
    counted : the price that was valid before the latest move down, as a share of the list price: a temporary price goes
        back to it
    """

    taken: IntArray
    last: IntArray
    counted: FloatArray


def find_markdowns(history: PriceHistory, back_in: IntArray, never: int) -> Markdowns:
    """The markdowns of each article.

    back_in : (articles,), the week in which a temporary price ends, 0 or above; `never` where there is none
    """
    share = history.price / history.list_price
    fell, depth, counted = _falls(history, share)
    returned = fell & _taken_back(history, share, depth)
    # A temporary price is taken back when it ends. It is the latest fall, if no rise came after it.
    latest = np.where(fell.any(axis=1), fell.shape[1] - 1 - fell[:, ::-1].argmax(axis=1), 0)
    every = np.arange(len(fell))
    ends_soon = back_in <= history.changed[every, latest] + TAKEN_BACK_WITHIN
    returned[every, latest] |= fell[every, latest] & ends_soon
    counts = fell & ~returned
    last = np.where(counts, history.changed, -never).max(axis=1, initial=-never)
    return Markdowns(counts.sum(axis=1).astype(np.int64), last, counted)


def _falls(history: PriceHistory, share: FloatArray) -> tuple[BoolArray, FloatArray, FloatArray]:
    """Where a price fell below the reference, and how far, both (articles, most rows); and `Markdowns.counted`."""
    articles, most = share.shape
    fell, depth = np.zeros(share.shape, dtype=np.bool_), np.zeros(share.shape)
    reference, counted = np.ones(articles), np.ones(articles)
    for place in range(most):
        known = place < history.rows
        before = history.price[:, place - 1] if place else history.list_price[:, 0]
        now = share[:, place]
        falls = known & (now <= reference - LEAST_MOVE + ROUNDING) & (history.price[:, place] < before)
        rises = known & (now >= reference + LEAST_MOVE - ROUNDING)
        fell[:, place], depth[:, place] = falls, reference - now
        counted = np.where(falls, reference, np.where(rises, np.minimum(now, 1.0), counted))
        reference = np.where(falls, now, np.where(rises, np.minimum(now, 1.0), reference))
    return fell, depth, counted


def _taken_back(history: PriceHistory, share: FloatArray, depth: FloatArray) -> BoolArray:
    """Where enough of a fall is regained soon enough, (articles, most rows). It says nothing where nothing fell."""
    returned = np.zeros(share.shape, dtype=np.bool_)
    for later in range(1, min(TAKEN_BACK_WITHIN, share.shape[1] - 1) + 1):
        known = np.arange(later, share.shape[1]) < history.rows[:, np.newaxis]
        in_time = history.changed[:, later:] <= history.changed[:, :-later] + TAKEN_BACK_WITHIN
        regained = share[:, later:] - share[:, :-later] >= TAKEN_BACK * depth[:, :-later] - ROUNDING
        returned[:, :-later] |= known & in_time & regained
    return returned
