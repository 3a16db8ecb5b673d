"""What a price path is expected to bring, and whether a demand model's units can be planned with."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from markdown_pricing.errors import FinalError
from markdown_pricing.markdown.candidates import Ladders
from markdown_pricing.markdown.dynamic_programme import ROUNDING
from markdown_pricing.markdown.ladder import FloatArray, IntArray
from markdown_pricing.markdown.limits import Limits, deepest_rungs
from markdown_pricing.markdown.sales import expected_sales
from markdown_pricing.markdown.shelf import SHELF_SHARES, Shelf


class BadUnits(FinalError):
    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__(f"The demand model's units can't be planned with: {'; '.join(faults)}. Correct the model.")


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


def deepest_sales(
    ladders: Ladders, limits: Limits, units: FloatArray, dispersion: FloatArray, shelf: FloatArray | None = None
) -> FloatArray:
    """(articles,): units sold at most if every markdown came as early and as deep as the rules allow.

    "At most" is each week's mean and 1.28 standard deviations, as if all weeks were lucky together: a season in ten.
    """
    season = ladders.season
    at_rungs = np.take_along_axis(units, deepest_rungs(limits)[:, np.newaxis, :], axis=1)[:, 0]
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
