"""What a demand model says of articles from one week on: the value that is handed from demand to plan.

A `Forecast` can be asked for any prices. Asked for the prices of ladders it becomes a `Demand`, whose arrays the plan
computes with. `Forecast.at` is the one place where a model's answers are taken, and where they are checked.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from markdown_pricing.arrays import BoolArray, FloatArray
from markdown_pricing.errors import FinalError

SHELF_SHARES = np.linspace(0, 1, 33)
"""The shares of the stock at which a forecast says how demand falls with the stock. It is all that is to be sold:
today's, and what is on its way."""
USUAL_DISPERSION = 0.5
"""The dispersion of a model that gives none. The fit in `demand/pooling.py` begins its search there, too."""
ROUNDING = 1e-6
"""A shelf curve may miss 1, or fall, by so much, because it is the outcome of sums."""
SAME_UNITS = 1e-9
"""A higher price may sell more by so much, relative to 1 + units, because units are the outcome of sums."""


class BrokenModel(FinalError):
    def __init__(self, model: str, fault: str) -> None:
        super().__init__(f"The demand model {model} broke its contract: {fault}. Correct the model.")


@dataclass(frozen=True)
class Demand:
    """A forecast at the prices of ladders, after its checks.

    units      : (articles, rungs, weeks), mean demand of a week with the whole stock on the shelves, >= 0
    dispersion : (articles,), >= 0; a week's demand is negative binomial with variance mean + dispersion · mean²
    shelf      : (articles, 33), demand relative to that when SHELF_SHARES of the stock are left; it is above 0 and
                 rises to 1 at the whole stock; None when demand does not fall with the stock
    level_sd   : (articles, weeks), how unsure the units are, as the standard deviation of their log; an article that
                 sells more than expected does so in all weeks; None when the units are certain
    """

    units: FloatArray
    dispersion: FloatArray
    shelf: FloatArray | None = None
    level_sd: FloatArray | None = None

    def dispersion_in(self, week: int) -> FloatArray:
        """The dispersion of what is sold `week` weeks ahead, the uncertainty of the level included, (articles,)."""
        if self.level_sd is None:
            return self.dispersion
        return with_level_unknown(self.dispersion, self.level_sd[:, week] ** 2)


@dataclass(frozen=True)
class Forecast:
    """What a demand model knows of articles from a week on. Its answers are in the order of the articles.

    model      : its name, for the message when an answer breaks the contract
    units      : a function of prices and a number of weeks. Prices are (articles, rungs) in local currency, above 0,
                 and do not rise along the rungs. The answer is the mean demand of each week, (articles, rungs, weeks),
                 if there were stock for all of it and with the whole stock on the shelves. It is finite, >= 0 and never
                 higher at a higher price. Week 0 is the forecast's own
    dispersion : (articles,), or one number for all; see `Demand`
    shelf      : (articles, 33) at SHELF_SHARES; see `Demand`
    level_sd   : a function of a number of weeks, whose answer is (articles, weeks); see `Demand`
    elasticity : each article's elasticity (>= 0: sales move with price ** -elasticity) and its standard error, both
                 (articles,); None when the model has none
    ids        : the articles' ids, for the message; without them they are counted from 0. No model need give them
    """

    model: str
    units: Callable[[FloatArray, int], FloatArray]
    dispersion: FloatArray | float = USUAL_DISPERSION
    shelf: FloatArray | None = None
    level_sd: Callable[[int], FloatArray] | None = None
    elasticity: tuple[FloatArray, FloatArray] | None = None
    ids: Sequence[str] | None = None

    @classmethod
    def fixed(cls, model: str, demand: Demand) -> Self:
        """The forecast whose answer is `demand`, which must be that of the prices and weeks that will be asked for."""
        level_sd = demand.level_sd
        return cls(
            model,
            units=lambda prices, weeks: demand.units,
            dispersion=demand.dispersion,
            shelf=demand.shelf,
            level_sd=None if level_sd is None else lambda weeks: level_sd,
        )

    @classmethod
    def for_no_articles(cls, model: str) -> Self:
        """The empty answer, with each part that a forecast may have."""
        nothing = np.zeros(0)
        return cls(
            model,
            units=lambda prices, weeks: np.zeros((0, prices.shape[1], weeks)),
            dispersion=nothing,
            shelf=np.ones((0, len(SHELF_SHARES))),
            level_sd=lambda weeks: np.zeros((0, weeks)),
            elasticity=(nothing, nothing),
        )

    def at(self, prices: FloatArray, weeks: int) -> Demand:
        """The demand at these prices, (articles, rungs), not rising along the rungs, in `weeks` weeks.

        Raises BrokenModel when an answer of the model breaks the contract.
        """
        dispersion = np.asarray(self.dispersion, dtype=np.float64)
        demand = Demand(
            units=np.asarray(self.units(prices, weeks), dtype=np.float64),
            dispersion=dispersion if dispersion.ndim else np.full(len(prices), dispersion),
            shelf=None if self.shelf is None else np.asarray(self.shelf, dtype=np.float64),
            level_sd=None if self.level_sd is None else np.asarray(self.level_sd(weeks), dtype=np.float64),
        )
        of = self.ids if self.ids is not None else range(len(prices))
        faults = [*_faults_of_units(demand.units, prices, weeks, of), *_other_faults(demand, len(prices), weeks, of)]
        if self.elasticity is not None and any(values.shape != (len(prices),) for values in self.elasticity):
            faults.append("its elasticity is not two numbers for each article")
        if faults:
            raise BrokenModel(self.model, "; ".join(faults))
        return demand

    def along(self, prices: FloatArray) -> tuple[FloatArray, Demand]:
        """The mean demand of each week at that week's own price, (articles, weeks), and the demand it is taken from.

        prices : (articles, weeks), the price of each week, which may fall and rise
        Raises BrokenModel.
        """
        falling = -np.sort(-prices, axis=1)
        demand = self.at(falling, prices.shape[1])
        rung = (falling[:, :, np.newaxis] == prices[:, np.newaxis, :]).argmax(axis=1)
        return np.take_along_axis(demand.units, rung[:, np.newaxis, :], axis=1)[:, 0, :], demand


def with_level_unknown(dispersion: FloatArray, variance: FloatArray) -> FloatArray:
    """The dispersion of a demand whose mean is log-normal itself: relative variances combine as in a product.

    dispersion : any shape ; variance : the same shape, the variance of the log of the mean
    """
    unsure = np.expm1(np.minimum(variance, 2.0))
    widened: FloatArray = dispersion + unsure * (1.0 + dispersion)
    return widened


def _faults_of_units(units: FloatArray, prices: FloatArray, weeks: int, ids: Sequence[object]) -> Iterator[str]:
    wanted = (*prices.shape, weeks)
    if units.shape != wanted:
        yield f"its units have the shape {units.shape}, asked for were {wanted}"
        return

    def first(wrong: BoolArray) -> str:
        article, rung, week = np.argwhere(wrong)[0]
        said = f"{units[article, rung, week]:g} at the price {prices[article, rung]:.2f}, {week} weeks ahead"
        return f"the units of article {ids[article]} are {said}"

    if not np.isfinite(units).all():
        yield f"{first(~np.isfinite(units))}, which is not finite"
    elif (units < 0).any():
        yield f"{first(units < 0)}, which is below 0"
    elif (rising := np.diff(units, axis=1) < -SAME_UNITS * (1 + units[:, :-1])).any():
        yield f"{first(rising)}, and less at the next lower price"


def _other_faults(demand: Demand, articles: int, weeks: int, ids: Sequence[object]) -> Iterator[str]:
    dispersion, shelf, level_sd = demand.dispersion, demand.shelf, demand.level_sd

    def first(name: str, values: FloatArray, wrong: BoolArray) -> str:
        at = tuple(np.argwhere(wrong)[0])
        return f"its {name} of article {ids[int(at[0])]} is {values[at]:g}"

    for name, values, shape in (("dispersion", dispersion, (articles,)), ("level_sd", level_sd, (articles, weeks))):
        if values is not None and values.shape != shape:
            yield f"its {name} has the shape {values.shape}, asked for was {shape}"
        elif values is not None and not (good := np.isfinite(values) & (values >= 0)).all():
            yield f"{first(name, values, ~good)}, which is not a number at or above 0"
    if shelf is None:
        return
    if shelf.shape != (articles, len(SHELF_SHARES)):
        yield f"its shelf has the shape {shelf.shape}, asked for was {(articles, len(SHELF_SHARES))}"
    elif not (good := np.isfinite(shelf) & (shelf > 0) & (shelf <= 1 + ROUNDING)).all():
        yield f"{first('shelf', shelf, ~good)}, which is not above 0 and at most 1"
    elif (falls := np.diff(shelf, axis=1) < -ROUNDING).any():
        yield f"{first('shelf', shelf, falls)} and does not rise with the stock"
    elif (not_1 := np.abs(shelf[:, -1:] - 1) > ROUNDING).any():
        yield f"{first('shelf', shelf[:, -1:], not_1)} at the whole stock, and does not rise with the stock to 1"
