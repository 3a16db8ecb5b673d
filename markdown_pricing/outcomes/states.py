"""Whether a price that was decided, or else recommended, was asked in the shops: the state of a row of the ledger."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from markdown_pricing.arrays import BoolArray, FloatArray, ObjectArray
from markdown_pricing.codes import APPLIED, APPLIED_LATE, END, LAUNCH, MIDDLE, NOT_APPLIED, OPEN, OVERTAKEN, UNKNOWN
from markdown_pricing.decisions.followed import SAME_PRICE_SHARE

ROUNDING = 1e-9
"""Prices are whole cents, so that a difference this small is none."""


def is_followed(outcomes: pd.DataFrame) -> BoolArray:
    """Of which rows the recommendation was followed, (rows,); not of those whose price in the shops is unknown."""
    return _said(outcomes, True)


def has_other_price(outcomes: pd.DataFrame) -> BoolArray:
    """Of which rows another price than the recommended one was asked, (rows,); not where it is unknown."""
    return _said(outcomes, False)


def _said(outcomes: pd.DataFrame, answer: bool) -> BoolArray:
    # The column may hold None, which is neither.
    said: BoolArray = (outcomes["followed"] == answer).to_numpy(dtype=np.bool_)
    return said


@dataclass(frozen=True)
class AskedPrices:
    """The prices of articles, (articles,) each, in the currency of the week that was sold; NaN where none is known.

    list_price  : of that week
    wanted      : the decided price, or the recommended one where nobody decided
    next, after : of the first snapshot after the week, and of the one after that
    wanted_next : what was wanted in the week of the first snapshot
    has_after   : whether there is a second snapshot
    """

    list_price: FloatArray
    wanted: FloatArray
    next: FloatArray
    after: FloatArray
    wanted_next: FloatArray
    has_after: bool


def is_same(price: FloatArray, other: FloatArray, list_price: FloatArray) -> BoolArray:
    """Whether a price counts as the other one, (articles,): within 1.5 % of the list price; not where one is NaN."""
    same: BoolArray = np.abs(price - other) <= float(SAME_PRICE_SHARE) * list_price + ROUNDING
    return same


def states_of(asked: AskedPrices) -> ObjectArray:
    """The state of each article's price, (articles,).

    A price that is not there may still come with the second snapshot, and is `open` until that is there. It is
    `overtaken` when something else was wanted by then.
    """
    in_time, late = (is_same(price, asked.wanted, asked.list_price) for price in (asked.next, asked.after))
    stood = is_same(asked.wanted_next, asked.wanted, asked.list_price) | np.isnan(asked.wanted_next)
    states: ObjectArray = np.select(
        [np.isnan(asked.next), in_time, np.full(len(in_time), not asked.has_after), late, ~stood],
        [UNKNOWN, APPLIED, OPEN, APPLIED_LATE, OVERTAKEN],
        NOT_APPLIED,
    ).astype(object)
    return states


def phases_of(life_share: FloatArray) -> ObjectArray:
    """The third of its life in which each article was, (articles,); None where its dates are not known.

    life_share : the share of the weeks from launch to end that were over when the week began
    """
    third = np.select([life_share < 1 / 3, life_share < 2 / 3], [LAUNCH, MIDDLE], END).astype(object)
    third[np.isnan(life_share)] = None
    return third
