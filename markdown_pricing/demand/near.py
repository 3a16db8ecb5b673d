"""The coming week's forecast beside the base's: learnt, weighed by how both did in the last weeks, and mixed.

log demand, h weeks ahead = base(h) + w(h) · (coming week's forecast − base(0)),   both at today's price

w(h) is 0 where the coming week's forecast has not helped in the last weeks, and falls with h. The base keeps what it is
good at: young articles, small counts, and weeks far ahead.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd

from markdown_pricing.arrays import FloatArray, IntArray
from markdown_pricing.demand.coming_week import ComingWeek
from markdown_pricing.demand.design import dates_of
from markdown_pricing.demand.drawn import draw_articles
from markdown_pricing.demand.level import Level
from markdown_pricing.demand.log_linear import Learnt, LogLinear
from markdown_pricing.demand.seen import LEAST_SEEN, SeenFrame
from markdown_pricing.demand.skill import HORIZONS, JUDGED_WEEKS, LARGEST_CORRECTION, best_weight, pairs_ahead
from markdown_pricing.demand.state import State, above_median
from markdown_pricing.demand.surroundings import Surroundings
from markdown_pricing.demand.terms import PRICE
from markdown_pricing.training_data.features import Age

LEAST_WEEKS, LEAST_ROWS = 20, 400
"""Before the judged weeks a history has at least so many weeks and rows to learn from, or the base stands alone.

Chosen by judgement on 2026-11-27."""

LEAST_WEIGHT = 0.4
"""With a smaller weight in the coming week the base stands alone, and a fit is saved.

In simulated seasons, where the base has nothing to learn from the other, the measured weight of the sample's 45
countries is 0.11 in the mean, and 0.35 at most. On the panels it is 0.4 and more, mostly above 0.6.
"""

FIRST_LOOK_ROWS, LEAST_HOPE = 10_000, 0.2
"""Where there are more rows, the weight is first measured on drawn articles that have about so many. If it is below
LEAST_HOPE there, the base stands alone, and the measurement on all rows is saved.

Measured on 2026-11-29 with five draws each: 0.4 to 0.75 on the panels and the groceries, 0 to 0.15 in a sample country
of 1,000, 2,000 and 12,000 articles on sale, where all rows say 0 to 0.05 and take eight times as long.
"""


@dataclass(frozen=True)
class Near:
    """The coming week's model, and its weight at each of HORIZONS, (horizons,)."""

    coming: ComingWeek
    weights: FloatArray

    def correction(
        self, base: LogLinear, state: State, history: pd.DataFrame, assortment: pd.DataFrame | None
    ) -> tuple[FloatArray, FloatArray]:
        """How far the coming week's forecast lies above the base's, (articles,), NaN for an article too young; weights.

        assortment : the rows of all articles of the week; None when only those that are asked for are known
        """
        frame = history if assortment is None else pd.concat([history, assortment.assign(units=np.nan)])
        around = Surroundings.of(frame.reset_index(drop=True), base.design)
        log_foreseen = _foreseen(state.frame, state.curve, state)
        seen = SeenFrame.of(base, state.frame, state.panel, state.rows, log_foreseen, around)
        today = state.articles[["price"]].to_numpy(dtype=np.float64)
        at_base = np.log(state.at_prices(state.ahead(1), today)[:, 0, 0])
        old_enough = seen.local.seen[state.now] >= LEAST_SEEN
        higher = np.where(old_enough, self.coming.log_mean(seen, state.now) - at_base, np.nan)
        return np.clip(higher, -LARGEST_CORRECTION, LARGEST_CORRECTION), self.weights

    def to_dict(self) -> dict[str, Any]:
        return {"coming": self.coming.to_dict(), "weights": self.weights.tolist()}

    @classmethod
    def from_dict(cls, saved: dict[str, Any]) -> Self:
        return cls(ComingWeek.from_dict(saved["coming"]), np.array(saved["weights"]))


def learn_near(base: LogLinear, learnt: Learnt, history: pd.DataFrame, seed: int, threads: int) -> Near | None:
    """The coming week's model and its weights; None when there is too little to learn from, or it does not help.

    A fit of more than FIRST_LOOK_ROWS rows is measured on a few of its articles first.
    history : of all articles. In a large country those that were drawn to learn from stand around each other while the
        weights are measured, and all of them around each other when the forecast is found to help.
    """
    few = _few_of(learnt, seed)
    if few is not learnt:
        hope, _ = _measured(base, few, seed, threads)
        if hope is not None and hope[0] < LEAST_HOPE:
            return None
    weights, seen = _measured(base, learnt, seed, threads)
    if weights is None or weights[0] < LEAST_WEIGHT:
        return None
    if len(history) > len(learnt.history):
        seen = _seen(base, learnt, history)
    # The anchor, which costs more than all else, has no part in the trial: with it the weights are hardly different.
    return Near(ComingWeek.fit(seen, learnt.demand, learnt.panel.weeks, seed, threads, with_anchor=True), weights)


def _few_of(learnt: Learnt, seed: int) -> Learnt:
    """Articles drawn from what was learnt, with about FIRST_LOOK_ROWS rows; all of them where there are no more."""
    share = FIRST_LOOK_ROWS / len(learnt.history)
    if share >= 1.0:
        return learnt
    return learnt.part(np.flatnonzero(draw_articles(len(learnt.guess), share, seed)))


def _measured(base: LogLinear, learnt: Learnt, seed: int, threads: int) -> tuple[FloatArray | None, SeenFrame]:
    """The weights at HORIZONS, (horizons,), or None when there is too little to learn from; and what was seen."""
    panel = learnt.panel
    until = panel.weeks - min(JUDGED_WEEKS, panel.weeks // 4)
    seen = _seen(base, learnt, learnt.history)
    early = seen.before(until)
    if until < LEAST_WEEKS or len(early) < LEAST_ROWS or len(early) == len(seen.learnable):
        return None, seen
    if learnt.demand[early].sum() <= 0.0:  # trees cannot learn from rows of which none sold
        return None, seen
    judge = _Judge.of(base.as_of(learnt, until), learnt, seen.learnable[panel.column[seen.learnable] >= until])
    trial = ComingWeek.fit(seen, learnt.demand, until, seed, threads)
    return judge.weights(trial.log_mean(seen, judge.judged, until)), seen


def _seen(base: LogLinear, learnt: Learnt, history: pd.DataFrame) -> SeenFrame:
    """What was learnt from, as the coming week's model sees it among the articles of `history`."""
    log_foreseen = _foreseen(learnt.history, learnt.curve, learnt)
    around = Surroundings.of(history, base.design)
    return SeenFrame.of(base, learnt.history, learnt.panel, learnt.rows, log_foreseen, around)


@dataclass(frozen=True)
class _Judge:
    """Rows that neither model has seen, and the base as it was fitted without them.

    judged : (judged,), the numbers of the rows ; level, life_share : the earlier base's, of all rows
    """

    earlier: LogLinear
    learnt: Learnt
    judged: IntArray
    level: Level
    life_share: FloatArray

    @classmethod
    def of(cls, earlier: LogLinear, learnt: Learnt, judged: IntArray) -> Self:
        rows = learnt.rows
        curve = earlier.curve(rows.terms, rows.category, rows.country, rows.week)
        level = earlier.levels(learnt.history, learnt.panel, rows, curve)
        return cls(earlier, learnt, judged, level, Age.of(*dates_of(learnt.history)).life_share)

    def weights(self, now: FloatArray) -> FloatArray:
        """The weights at HORIZONS, (horizons,); now : (judged,), the coming week's forecast of the rows."""
        panel, rows, judged = self.learnt.panel, self.learnt.rows, self.judged
        correction = np.full(len(rows.units), np.nan)
        correction[judged] = np.clip(now - self._base_at(judged, judged), -LARGEST_CORRECTION, LARGEST_CORRECTION)
        row_at = panel.grid(np.arange(len(rows.units)), -1.0).astype(np.int64)
        uncensored = judged[~rows.censored[judged]]
        weights = []
        for ahead in HORIZONS:
            origin, target = pairs_ahead(row_at, panel.row[uncensored], panel.column[uncensored], ahead)
            known = np.isfinite(correction[origin])
            origin, target = origin[known], target[known]
            dispersion, demand = self.earlier.dispersion[rows.category[target]], self.learnt.demand[target]
            log_base = self._base_at(origin, target)
            weights.append(best_weight(demand, log_base, correction[origin], dispersion, rows.week[target]))
        return np.array(weights)

    def _base_at(self, origin: IntArray, target: IntArray) -> FloatArray:
        """The log of mean demand in the rows `target` at their own prices, as the base foresaw it in `origin`."""
        panel, rows, base = self.learnt.panel, self.learnt.rows, self.earlier
        ahead = panel.column[target] - panel.column[origin]
        terms = rows.terms[target].copy()
        terms[ahead > 0, base.design.attribute_terms] = 0.0
        curve = base.curve(terms, rows.category[target], rows.country, rows.week[target])
        cell = panel.row[origin], panel.column[origin]
        mean, variance = self.level.at(cell, self.life_share[target], rows.terms[target, PRICE], ahead)
        log_mean: FloatArray = curve + mean + above_median(variance, ahead)
        return log_mean


def _foreseen(frame: pd.DataFrame, curve: FloatArray, known: State | Learnt) -> FloatArray:
    """The log of demand in each row of a frame as it was foreseen one week ahead, (rows,)."""
    life_share = Age.of(*dates_of(frame)).life_share
    cells = known.panel.row, known.panel.column
    return curve + known.level.at(cells, life_share, known.rows.terms[:, PRICE])[0]
