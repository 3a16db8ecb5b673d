"""The effect of the plan against the old habit, with an interval by randomisation inference.

The draw is the only chance that is counted. Were the plan worth τ, in percent, in each cell, then the cells' revenue
without it would be known, and any other draw would have told about the same of it: τ is in the interval when the draw
that was made is not among the 2.5 % most extreme ones, on either side (Fisher 1935; for what the cells brought before,
Rosenbaum 2002, "Covariance adjustment in randomized experiments"). Each draw's difference is divided by its own
standard error: then the interval also holds the mean effect where the plan is worth more in some cells than in others
(Wu & Ding 2021, "Randomization tests for weak null hypotheses in randomized experiments").
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from markdown_pricing.arrays import BoolArray, FloatArray, IntArray
from markdown_pricing.codes import ON_PLAN

DRAWS = 1999
"""So many other draws are tried: with the one that was made they are 2,000."""
SIDE = 0.025
"""The share of draws beyond each end of the 95 % interval."""
POWER_AND_SIZE = 1.96 + 0.84
"""An effect of so many standard errors is found with 4 chances in 5, by a 95 % interval (normal approximation)."""
LEAST = 2
"""Of so many cells an arm of a stratum has a standard error."""
NO_ERROR, ROUNDING = 1e-12, 1e-9
"""A standard error stands at least for this much, and scores that differ by no more are equal."""
LOWEST, HIGHEST = -0.9, 9.0
"""The effects between which the ends of an interval are looked for."""
BISECTIONS = 30


@dataclass(frozen=True)
class Cells:
    """What cells brought, (cells,) each.

    stratum    : cells with the same number were drawn among each other ; on_plan : whether the cell had the plan
    list_value : what the stock would bring at list price, by which cells are weighed, above 0
    ratio      : revenue over list value
    before     : the same of the articles before the season; NaN where there were none
    """

    stratum: IntArray
    on_plan: BoolArray
    list_value: FloatArray
    ratio: FloatArray
    before: FloatArray

    @classmethod
    def of(cls, frame: pd.DataFrame) -> "Cells":
        """From rows with stratum, arm, list_value, revenue and before."""
        value = frame["list_value"].to_numpy(dtype=np.float64)
        return cls(
            stratum=np.unique(frame["stratum"].to_numpy(), return_inverse=True)[1].astype(np.int64),
            on_plan=(frame["arm"] == ON_PLAN).to_numpy(dtype=np.bool_),
            list_value=value,
            ratio=frame["revenue"].to_numpy(dtype=np.float64) / value,
            before=frame["before"].to_numpy(dtype=np.float64),
        )


@dataclass(frozen=True)
class Effect:
    """How much more revenue the plan brings than the habit, as a share of the habit's: .03 is 3 %.

    low, high  : the 95 % interval ; detectable : what would have been found with 4 chances in 5
    held, cells : cells on the habit, and all cells
    """

    value: float
    low: float
    high: float
    detectable: float
    held: int
    cells: int


def effect_of(cells: Cells, seed: int, draws: int = DRAWS) -> Effect | None:
    """The effect; None where no stratum has LEAST cells of each arm.

    seed : of the draws that are tried; the same one gives the same interval
    """
    counts = (np.bincount(cells.stratum, arm)[cells.stratum] for arm in (cells.on_plan, ~cells.on_plan))
    comparable = np.logical_and.reduce([count >= LEAST for count in counts])
    if not comparable.any():
        return None
    cells = _some(cells, comparable)
    tried = np.concatenate([cells.on_plan[np.newaxis], _draws(cells, seed, draws)])
    unexplained = _unexplained(cells)
    fixed, moved = (np.where(arm, 0.0, cells.ratio) for arm in (cells.on_plan, ~cells.on_plan))

    def without(effect: float) -> FloatArray:
        """What each cell would have brought without the plan, were the plan worth that."""
        return fixed + moved / (1 + effect)

    def beyond(effect: float, sign: float) -> float:
        """The share of draws, the one that was made among them, that tell of as much more as that one, or less."""
        difference, error = _differences(cells, tried, unexplained @ without(effect))
        score = sign * difference / np.maximum(error, NO_ERROR)
        return float(np.mean(score >= score[0] - ROUNDING))

    def own(effect: float) -> float:
        return float(_differences(cells, tried[:1], unexplained @ without(effect))[0][0])

    value = _bisect(lambda effect: own(effect) > 0)
    low, high = _bisect(lambda effect: beyond(effect, 1.0) <= SIDE), _bisect(lambda effect: beyond(effect, -1.0) > SIDE)
    spread = _spread(cells, tried, without(value))
    return Effect(value, low, high, POWER_AND_SIZE * spread, int((~cells.on_plan).sum()), len(cells.on_plan))


def spread_of_draws(cells: Cells, seed: int, draws: int) -> float:
    """The standard deviation over draws of the difference that they tell of where there is none, over the mean ratio.

    The draws hold as many cells of each stratum as `on_plan` leaves without the plan.
    """
    return _spread(cells, _draws(cells, seed, draws), cells.ratio)


def _spread(cells: Cells, tried: BoolArray, ratio: FloatArray) -> float:
    differences, _ = _differences(cells, tried, _unexplained(cells) @ ratio)
    return float(np.std(differences) / np.average(ratio, weights=cells.list_value))


def _some(cells: Cells, rows: BoolArray) -> Cells:
    stratum = np.unique(cells.stratum[rows], return_inverse=True)[1].astype(np.int64)
    return Cells(stratum, cells.on_plan[rows], cells.list_value[rows], cells.ratio[rows], cells.before[rows])


def _draws(cells: Cells, seed: int, draws: int) -> BoolArray:
    """Other draws with as many cells on the plan in each stratum, (draws, cells)."""
    rng = np.random.default_rng(seed)
    drawn = np.tile(cells.on_plan, (draws, 1))
    for stratum in np.unique(cells.stratum):
        rows = np.flatnonzero(cells.stratum == stratum)
        drawn[:, rows] = rng.permuted(drawn[:, rows], axis=1)
    return drawn


def _differences(cells: Cells, on_plan: BoolArray, left: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The difference between the arms that each draw tells of, and its standard error, (draws,) both.

    on_plan : (draws, cells) ; left : (cells,), what strata and the ratios before leave unexplained of the ratios
    It is the mean over strata, by their list value, of the weighed mean of the plan's cells less that of the habit's.
    """
    difference, variance = np.zeros(len(on_plan)), np.zeros(len(on_plan))
    for stratum in np.unique(cells.stratum):
        rows = cells.stratum == stratum
        weight = cells.list_value[rows] / cells.list_value.sum()
        for sign, arm in ((1.0, on_plan[:, rows]), (-1.0, ~on_plan[:, rows])):
            mean, error = _weighed_mean(arm.astype(np.float64), weight, left[rows])
            difference += sign * weight.sum() * mean
            variance += (weight.sum() * error) ** 2
    return difference, np.sqrt(variance)


def _weighed_mean(arm: FloatArray, weight: FloatArray, values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The weighed mean of each draw's cells and its standard error, that of a ratio estimate, (draws,) both.

    arm : (draws, cells), 1 where a cell is in it ; weight, values : (cells,)
    """
    of_weight, count = arm @ weight, arm.sum(axis=1)
    mean = arm @ (weight * values) / of_weight
    squares = arm @ (weight * values) ** 2 - 2 * mean * (arm @ (weight**2 * values)) + mean**2 * (arm @ weight**2)
    return mean, np.sqrt(np.maximum(squares, 0.0) * count / (count - 1)) / of_weight


def _unexplained(cells: Cells) -> FloatArray:
    """The matrix, (cells, cells), that takes from ratios what strata and the ratios before explain of them."""
    by_stratum = cells.stratum[:, np.newaxis] == np.unique(cells.stratum)
    known, value = np.isfinite(cells.before), cells.list_value
    mean = np.average(cells.before[known], weights=value[known]) if known.any() else 0.0
    explain = np.column_stack([by_stratum, np.where(known, cells.before - mean, 0.0)]).astype(np.float64)
    root = np.sqrt(value)[:, np.newaxis]
    projection: FloatArray = explain @ np.linalg.pinv(root * explain) * root.T
    return np.eye(len(value)) - projection


def _bisect(is_above: Callable[[float], bool]) -> float:
    """Where the answer turns from true to false, between LOWEST and HIGHEST."""
    low, high = LOWEST, HIGHEST
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if is_above(middle) else (low, middle)
    return (low + high) / 2
