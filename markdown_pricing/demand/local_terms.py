"""Rows as differences from the mean of the past, in which an article's slow level has no part.

The mean of an article's past, with weights that fall by SPEED a week, follows a level that walks. A row's log demand
and its terms, each less its own mean of the past, obey the same regression without the level: generalised least squares
of a local level (Harvey 1989, Forecasting, structural time series models, chapter 7).
"""

from dataclasses import dataclass

import numpy as np

from markdown_pricing.arrays import FloatArray, IntArray
from markdown_pricing.demand.around import GroupSums
from markdown_pricing.demand.design import DesignRows
from markdown_pricing.demand.pooling import LOG_RANGE
from markdown_pricing.demand.sold_out import fill_sold_out
from markdown_pricing.demand.terms import PRICE
from markdown_pricing.training_data.features import Panel, lag

SPEED = 0.15
"""The share of a new week in the mean of the past. The error one week ahead is flat around it on the panels."""
ADDED_UNITS = 0.5
"""Added to demand before its log is taken."""


@dataclass(frozen=True)
class LocalRows:
    """What the coming week's model sees of rows. All arrays are (rows,) or (rows, terms), in the order of the frame.

    log_demand : log of demand, sold-out weeks filled; NaN without stock, and where units are unknown
    past       : the mean of log_demand before the row's week; NaN where there is none
    values     : the terms themselves, NaN where unknown ; terms : less their means of the past, 0 where unknown
    seen       : how many weeks are known before
    own        : how many of the terms are an article's own price and attributes of the week; they come first
    """

    log_demand: FloatArray
    past: FloatArray
    values: FloatArray
    terms: FloatArray
    seen: FloatArray
    own: int

    @classmethod
    def of(
        cls,
        panel: Panel,
        rows: DesignRows,
        log_foreseen: FloatArray,
        dispersion: FloatArray,
        category: GroupSums,
        own: FloatArray,
    ) -> "LocalRows":
        """The rows of a panel's frame.

        log_foreseen, dispersion : (rows,), of the demand that the base model foresaw one week ahead
        category                 : the values `own` of the articles of each category
        own                      : (rows, own), as `own_values` gives them
        """
        demand = _demand(rows, np.exp(np.clip(log_foreseen, *LOG_RANGE)), dispersion)
        log_demand = np.log(demand + ADDED_UNITS)
        known = np.isfinite(log_demand)
        values = terms_around(panel, rows.category, rows.week, own, category)
        cell = panel.row, panel.column
        past = past_mean(panel.grid(log_demand), SPEED)[cell]
        # A term's mean is over the weeks whose demand is known, as that of demand is.
        used = np.where(known[:, np.newaxis], values, np.nan)
        grids = np.stack([panel.grid(column) for column in used.T])
        means = np.ascontiguousarray(past_mean(grids, SPEED)[:, panel.row, panel.column].T)
        seen = np.cumsum(panel.grid(known, 0.0), axis=1)[cell] - known
        return cls(log_demand, past, values, np.nan_to_num(values - means), seen, own.shape[1])

    @property
    def difference(self) -> FloatArray:
        """Log demand less its mean of the past, (rows,)."""
        return self.log_demand - self.past


def own_values(rows: DesignRows, attributes: slice) -> FloatArray:
    """The log of an article's price over its first price, and its numeric attributes, (rows, own)."""
    return np.column_stack([rows.terms[:, PRICE], rows.terms[:, attributes]])


def terms_around(panel: Panel, category: IntArray, week: IntArray, own: FloatArray, around: GroupSums) -> FloatArray:
    """The article's own values, those of its last week, its category's other articles', and the category's last week's.

    A low price sells less in its second week than in its first, and what all articles of a category do at once is
    answered otherwise than what one does alone (Mundlak 1978). Returns (rows, 4 · own), NaN where unknown.
    """
    cell = panel.row, panel.column
    last = np.column_stack([lag(panel.grid(column), cell, 1) for column in own.T])
    return np.hstack([own, last, around.others(category, week, own), around.mean(category, week - 1)])


def past_mean(grid: FloatArray, speed: float) -> FloatArray:
    """The mean of the values before each week, (…, weeks); NaN values change nothing, and before them it is NaN.

    A new value has the share `speed`, and more among the first ones, which count alike.
    """
    by_week = np.ascontiguousarray(np.moveaxis(grid, -1, 0))  # so that what a step reads lies together
    means = np.full(by_week.shape, np.nan)
    mean, count = np.zeros(by_week.shape[1:]), np.zeros(by_week.shape[1:])
    for week, values in enumerate(by_week):
        means[week] = np.where(count > 0, mean, np.nan)
        known = np.isfinite(values)
        count = count + known
        share = np.maximum(speed, 1.0 / np.maximum(count, 1.0))
        mean = np.where(known, mean + share * (np.where(known, values, 0.0) - mean), mean)
    return np.moveaxis(means, 0, -1)


def _demand(rows: DesignRows, foreseen: FloatArray, dispersion: FloatArray) -> FloatArray:
    """Units, where the stock limited them the demand to expect there; NaN without stock or units, (rows,)."""
    known = np.isfinite(rows.units) & (rows.stock > 0)
    demand, _ = fill_sold_out(np.where(known, rows.units, 0.0), rows.censored & known, foreseen, dispersion)
    return np.where(known, demand, np.nan)
