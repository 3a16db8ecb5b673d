"""The effect of the plan against the old habit, with an interval by randomisation inference.

The draw is the only chance that is counted. Were the plan worth τ, in percent, in each cell, then the cells' revenue
without it would be known, and any other draw would have told about the same of it: τ is in the interval when the draw
that was made is not among the 2.5 % most extreme ones, on either side (Fisher 1935; Rosenbaum 2002, ch. 2 and, for what
the cells brought before, "Covariance adjustment in randomized experiments", Statistical Science 17).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from markdown_pricing.markdown.season import ON_PLAN

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

DRAWS = 1999
"""So many other draws are tried: with the one that was made they are 2,000."""
SIDE = 0.025
"""The share of draws beyond each end of the 95 % interval."""
POWER_AND_SIZE = 1.96 + 0.84
"""An effect of so many standard errors is found with 4 chances in 5, by a 95 % interval (normal approximation)."""
LOWEST, HIGHEST = -0.9, 9.0
"""The effects between which the ends of an interval are looked for."""
BISECTIONS = 40


@dataclass(frozen=True)
class Cells:
    """What cells brought, (cells,) each.

    stratum    : cells with the same number were drawn among each other ; on_plan : whether the cell had the plan
    list_value : what the stock would bring at list price, by which cells are weighed, above 0
    ratio      : revenue over list value
    before     : the same of the articles before the season; NaN where there were none
    """

    stratum: npt.NDArray[np.int64]
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
    """The effect; None where no stratum has cells of both arms.

    seed : of the draws that are tried; the same one gives the same interval
    """
    two_armed = np.array([_has_both(cells.on_plan[cells.stratum == each]) for each in cells.stratum], dtype=np.bool_)
    if not two_armed.any():
        return None
    cells = _some(cells, two_armed)
    other = _contrasts(cells, _draws(cells, seed, draws))
    own = _contrasts(cells, cells.on_plan[np.newaxis])[0]
    # With u = 1 / (1 + τ), what a cell would have brought on the habit is ratio · u where it had the plan.
    fixed, moved = np.where(cells.on_plan, 0.0, cells.ratio), np.where(cells.on_plan, cells.ratio, 0.0)
    own_at, others_at = (own @ fixed, own @ moved), (other @ fixed, other @ moved)

    def beyond(effect: float, sign: float) -> float:
        """The share of draws, with the one that was made, that tell of as much more as that one, or of as much less."""
        u = 1 / (1 + effect)
        told, others = own_at[0] + u * own_at[1], others_at[0] + u * others_at[1]
        return float(((sign * others >= sign * told - 1e-12).sum() + 1) / (len(others) + 1))

    def at_zero(effect: float) -> float:
        return float(own_at[0] + own_at[1] / (1 + effect))

    value = _bisect(lambda effect: at_zero(effect) > 0)
    low = _bisect(lambda effect: beyond(effect, 1.0) <= SIDE)
    high = _bisect(lambda effect: beyond(effect, -1.0) > SIDE)
    u = 1 / (1 + value)
    spread = float(np.std(others_at[0] + u * others_at[1]))
    mean = float(np.average(fixed + u * moved, weights=cells.list_value))
    return Effect(value, low, high, POWER_AND_SIZE * spread / mean, int((~cells.on_plan).sum()), len(cells.on_plan))


def spread_of_draws(cells: Cells, seed: int, draws: int) -> float:
    """The standard deviation over draws of the difference that they tell of where there is none, over the mean ratio.

    The draws hold as many cells of each stratum as `on_plan` leaves without the plan.
    """
    told = _contrasts(cells, _draws(cells, seed, draws)) @ cells.ratio
    return float(np.std(told) / np.average(cells.ratio, weights=cells.list_value))


def _has_both(on_plan: BoolArray) -> bool:
    return bool(on_plan.any() and not on_plan.all())


def _some(cells: Cells, rows: BoolArray) -> Cells:
    chosen = (cells.on_plan, cells.list_value, cells.ratio, cells.before)
    stratum = np.unique(cells.stratum[rows], return_inverse=True)[1].astype(np.int64)
    return Cells(stratum, *(values[rows] for values in chosen))  # type: ignore[arg-type]


def _draws(cells: Cells, seed: int, draws: int) -> BoolArray:
    """Other draws with as many cells on the plan in each stratum, (draws, cells)."""
    rng = np.random.default_rng(seed)
    drawn = np.tile(cells.on_plan, (draws, 1))
    for stratum in np.unique(cells.stratum):
        rows = np.flatnonzero(cells.stratum == stratum)
        drawn[:, rows] = rng.permuted(drawn[:, rows], axis=1)
    return drawn


def _contrasts(cells: Cells, on_plan: BoolArray) -> FloatArray:
    """The weights, (draws, cells), with which ratios add up to the difference that each draw tells of.

    It is the mean over strata of the weighed mean of the plan's cells less that of the habit's, of what a straight line
    through strata and what the cells brought before leaves unexplained.
    """
    weights = np.zeros(on_plan.shape)
    for stratum in np.unique(cells.stratum):
        rows = cells.stratum == stratum
        value, plan = cells.list_value[rows], on_plan[:, rows]
        share = value.sum() / cells.list_value.sum()
        of_plan, of_habit = (arm * value / (arm @ value)[:, np.newaxis] for arm in (plan, ~plan))
        weights[:, rows] = share * (of_plan - of_habit)
    return weights @ _unexplained(cells)


def _unexplained(cells: Cells) -> FloatArray:
    """The matrix, (cells, cells), that takes from ratios what strata and the ratios before explain of them."""
    by_stratum = cells.stratum[:, np.newaxis] == np.unique(cells.stratum)
    known = np.isfinite(cells.before)
    value = cells.list_value
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
