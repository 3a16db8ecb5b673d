"""The contract that any demand model meets, models by name, and how well one would have done."""

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Protocol, Self, runtime_checkable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from markdown_pricing import demand
from markdown_pricing.demand.elsewhere import SharedDemand
from markdown_pricing.errors import FinalError, UsageError

FloatArray = NDArray[np.float64]

EVALUATED_WEEKS = 4
EVALUATED_ARTICLES = 5_000
"""At most: 5,000 of 20,000 said 0.392 where all say 0.389."""
HELPERS = frozenset(
    {"backtest", "calendar", "design", "elsewhere", "level", "model", "pooling", "response", "shared", "step_down"}
)


@runtime_checkable
class DemandModel(Protocol):
    """All a data scientist writes to bring another framework.

    `history` are rows before `week`, `articles` the rows of `week`, one each, both in the training data's form with
    `country` and `censored`. Answers are in the order of `articles`. The same seed and threads give the same answers.
    """

    def fit(
        self, history: pd.DataFrame, week: date, seed: int, threads: int = 1, shared: SharedDemand | None = None
    ) -> None:
        """Learn from rows before `week`, no rows at all are allowed; `shared` is what other countries know."""

    def units(
        self, articles: pd.DataFrame, history: pd.DataFrame, week: date, prices: FloatArray, weeks: int
    ) -> FloatArray:
        """Mean demand per week, were there stock for it, and shelves as full as today's.

        prices : (articles, rungs), local currency, > 0, not rising along the rungs
        returns (articles, rungs, weeks), finite, >= 0, never more at a higher price; week 0 is `week` itself
        """

    def shelf(self, articles: pd.DataFrame, history: pd.DataFrame, week: date, shares: FloatArray) -> FloatArray:
        """Demand relative to today's when stock has fallen to `shares` (points,) of today's: (articles, points).

        From above 0 to 1, not falling with stock, 1 at a share of 1; all 1 in a model that knows no such effect.
        """

    def level_sd(self, articles: pd.DataFrame, history: pd.DataFrame, week: date, weeks: int) -> FloatArray:
        """(articles, weeks), >= 0: how unsure the model is of `units`, as standard deviation of their log.

        It is the same luck in all weeks: what selling on would teach. 0 in a model that can't tell.
        """

    def dispersion(self, articles: pd.DataFrame, history: pd.DataFrame, week: date) -> FloatArray:
        """(articles,), > 0; a week's demand is negative-binomial: variance = mean + dispersion·mean²."""

    def elasticity(
        self, articles: pd.DataFrame, history: pd.DataFrame, week: date
    ) -> tuple[FloatArray, FloatArray] | None:
        """Each article's elasticity (>= 0: sales move with price**-elasticity) and its standard error, if known."""

    def importance(self) -> dict[str, float]:
        """Share of each input in what the model learnt, largest first; empty when there is nothing to tell."""

    def to_bytes(self) -> bytes: ...

    @classmethod
    def from_bytes(cls, data: bytes) -> Self: ...


class UnknownModel(UsageError):
    def __init__(self, name: str, known: list[str], why: str) -> None:
        super().__init__(
            f"No demand model {name!r}: {why}. Known are {', '.join(known)}; "
            "another one is named package.module:Class and meets markdown_pricing.demand.model.DemandModel."
        )


class BrokenModel(FinalError):
    def __init__(self, model: str, fault: str) -> None:
        super().__init__(f"The demand model {model} broke its contract: {fault}. Correct the model.")


def model_names() -> list[str]:
    """The models that come with the package: a file of this folder each."""
    return sorted(module.name for module in pkgutil.iter_modules(demand.__path__) if module.name not in HELPERS)


def make_model(name: str) -> DemandModel:
    """A new model by name; raises UnknownModel.

    "gradient_boosting" is the class GradientBoosting of markdown_pricing/demand/gradient_boosting.py;
    "package.module:Class" is a model from outside.
    """
    module_name, _, class_name = name.partition(":")
    if not class_name:
        if name not in model_names():
            raise UnknownModel(name, model_names(), "there is no such file")
        module_name, class_name = f"{demand.__name__}.{name}", name.title().replace("_", "")
    try:
        made = getattr(importlib.import_module(module_name), class_name)()
    except (ImportError, AttributeError, TypeError) as error:
        raise UnknownModel(name, model_names(), str(error)) from error
    if not isinstance(made, DemandModel):
        lacking = [method for method in _METHODS if not hasattr(made, method)]
        raise UnknownModel(name, model_names(), f"{class_name} lacks {', '.join(lacking)}")
    return made


_METHODS = ("fit", "units", "shelf", "level_sd", "dispersion", "elasticity", "importance", "to_bytes", "from_bytes")


def forecast(
    model: DemandModel, articles: pd.DataFrame, history: pd.DataFrame, week: date, prices: FloatArray, weeks: int
) -> FloatArray:
    """`model.units`, checked against the contract: the one place where a model's answer is let in."""
    return checked_units(type(model).__name__, model.units(articles, history, week, prices, weeks), prices, weeks)


def checked_units(model: str, units: FloatArray, prices: FloatArray, weeks: int) -> FloatArray:
    """`units` when they keep the contract; raises BrokenModel, which says where they do not.

    prices : (articles, rungs), not rising along the rungs ; units : (articles, rungs, weeks)
    """
    if units.shape != (*prices.shape, weeks):
        raise BrokenModel(model, f"its answer has the shape {units.shape}, not {(*prices.shape, weeks)}")
    if not np.isfinite(units).all():
        raise BrokenModel(model, f"article {int(np.argwhere(~np.isfinite(units))[0][0])} of its answer is not finite")
    if (units < 0).any():
        raise BrokenModel(model, f"article {int(np.argwhere(units < 0)[0][0])} of its answer is below 0")
    rising = np.diff(units, axis=1) < -1e-9 * (1 + units[:, :-1])
    if rising.any():
        raise BrokenModel(model, f"article {int(np.argwhere(rising)[0][0])} sells more at a higher price")
    return units


@dataclass(frozen=True)
class FitReport:
    """What a model learnt from, and its error on the last weeks when it knew only what came before them.

    wape  : sum |expected − actual| over sum actual, of weeks that stock did not cut off; NaN when there are none
    naive : the same for "what it sold in the last week known"
    bias  : expected over actual, less 1
    """

    rows: int
    articles: int
    weeks_of_history: int
    wape: float
    naive_wape: float
    bias: float
    by_week: pd.DataFrame
    """week, actual, expected, naive: units of the articles compared"""


def evaluate(
    name: str, history: pd.DataFrame, week: date, seed: int, threads: int = 1, shared: SharedDemand | None = None
) -> FitReport:
    """The error of the model on the last EVALUATED_WEEKS weeks before `week`, fitted once on what came before them.

    Each week is forecast one week ahead: fitted once, but with the sales up to that week at hand.
    """
    first = week - timedelta(weeks=EVALUATED_WEEKS)
    model = make_model(name)
    model.fit(history[history["week"] < pd.Timestamp(first)], first, seed, threads)
    return compare(model, history, week)


def compare(model: DemandModel, history: pd.DataFrame, week: date) -> FitReport:
    """The error of a fitted model on the last EVALUATED_WEEKS weeks before `week`, each forecast one week ahead.

    Of more than EVALUATED_ARTICLES every second, every third, … is compared, by their ids.
    """
    starts = [week - timedelta(weeks=ahead) for ahead in range(EVALUATED_WEEKS, 0, -1)]
    of_late = np.sort(history.loc[history["week"] >= pd.Timestamp(starts[0]), "article_id"].unique())
    some = of_late[:: -(-len(of_late) // EVALUATED_ARTICLES) or 1]
    still_sold = history[history["article_id"].isin(some)]
    compared = pd.concat([_one_week_ahead(model, still_sold, start) for start in starts])
    by_week = compared.groupby("week", as_index=False)[["actual", "expected", "naive"]].sum()
    sold = compared["actual"].abs().sum()
    return FitReport(
        rows=len(history),
        articles=int(history["article_id"].nunique()),
        weeks_of_history=int(history["week"].nunique()),
        wape=_share((compared["expected"] - compared["actual"]).abs().sum(), sold),
        naive_wape=_share((compared["naive"] - compared["actual"]).abs().sum(), sold),
        bias=_share((compared["expected"] - compared["actual"]).sum(), sold),
        by_week=by_week,
    )


def _one_week_ahead(model: DemandModel, history: pd.DataFrame, start: date) -> pd.DataFrame:
    now = pd.Timestamp(start)
    before = history[history["week"] < now]
    sold = history[(history["week"] == now) & ~history["censored"]].reset_index(drop=True)
    asked = sold.assign(units=np.nan)
    prices = sold[["price"]].to_numpy(dtype=np.float64)
    expected = forecast(model, asked, before, start, prices, 1)[:, 0, 0]
    last = before.sort_values("week").groupby("article_id")["units"].last()
    naive = sold["article_id"].map(last).fillna(0.0).to_numpy()
    return pd.DataFrame({"week": sold["week"], "actual": sold["units"], "expected": expected, "naive": naive})


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole > 0 else float("nan")


def most_important(importance: Mapping[str, float]) -> dict[str, float]:
    """Shares of the sum, largest first."""
    total = sum(importance.values())
    ordered = sorted(importance.items(), key=lambda item: (-item[1], item[0]))
    return {name: value / total for name, value in ordered} if total > 0 else {}
