"""Choose the model that prices a country: its own, or the next simpler one that passes the checks.

A  is the country's own model, fitted this week.
B  is its last good model, fitted in an earlier week.
C  is what the countries share; of this country it uses only how fast each article sells.
D  is no model: it takes each article's running rate, and the price response to expect where nothing is known.

The limits below were chosen by judgement on 2026-11-23 and 2026-11-24. What other limits would bring was not measured.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np
import pandas as pd

from markdown_pricing.arrays import FloatArray
from markdown_pricing.demand.log_linear import ELASTICITY_BOUNDS
from markdown_pricing.demand.model import DemandModel, FitReport, evaluate, make_model, measure_error
from markdown_pricing.demand.shared import SharedDemand
from markdown_pricing.errors import TRY_AGAIN, UsageError

OWN, LAST_GOOD, POOLED, RULE = "A", "B", "C", "D"
GRADES = {
    OWN: "the country's own model",
    LAST_GOOD: "its last good model",
    POOLED: "what the countries share",
    RULE: "running rates and the default price response",
}
SIMPLE_MODEL = "log_linear"
"""When it is fitted on no history, it is grade C with what the countries share, and grade D without it."""

LEAST_WEEKS, LEAST_ROWS = 8, 60
"""A country's own model is tried when its history has at least so many weeks and so many rows in stock."""
FAR_ABOVE_NAIVE = 1.25
"""A model is refused when its error is more than this many times that of the naive forecast."""
LEAST_UNITS_COMPARED = 100.0
"""When the compared weeks sold fewer units, their error is left to chance and not looked at."""
LAST_GOOD_WITHIN = 8
"""A last good model may be so many weeks old. An older one knows neither the articles nor the season."""
PROBED_SHARES, PROBED_WEEKS = (1.0, 0.9, 0.7), 2
"""A model is asked for so many weeks at these shares of today's price."""
NO_RESPONSE = 0.05
"""Below this elasticity sales do not rise when the price falls."""


class NotGoodEnough(Exception):
    """A model fails a check. The message says which. The error never leaves this module."""


@dataclass(frozen=True)
class EarlierModel:
    """A country's own model of an earlier week, as it was kept on the lake."""

    model: DemandModel
    name: str
    week: date
    version: str


@dataclass(frozen=True)
class Choice:
    """The model that prices a country.

    name     : the model's name, as `make_model` takes it
    refused  : for each better grade why its model was refused, in the order in which they were tried
    model_of : the week and version of a model that was fitted in an earlier week; empty for one of this week
    """

    model: DemandModel
    name: str
    grade: str
    report: FitReport
    refused: dict[str, str] = field(default_factory=dict)
    model_of: str = ""

    @property
    def why(self) -> str:
        """One line with the grade, what it stands for, and why it is no better one."""
        sentence = f"{self.grade}: {GRADES[self.grade]}"
        if self.model_of:
            sentence += f", of {self.model_of}"
        return sentence + "".join(f"; not {grade}, because {why}" for grade, why in self.refused.items())


def choose(
    history: pd.DataFrame,
    articles: pd.DataFrame,
    week: date,
    model_name: str,
    seed: int,
    threads: int = 1,
    shared: SharedDemand | None = None,
    last_good: Callable[[], EarlierModel | None] = lambda: None,
) -> Choice:
    """The model of the first grade that passes its checks. Grade D has only to keep the contract.

    history, articles : checked training frames of the weeks before `week`, and of `week`
    last_good         : gives the country's last good model, or None; it is asked only when the country's own fails
    Raises UnknownModel; any TransientError, with which the run is tried again; and BrokenModel, should D be broken.
    """
    make_model(model_name)
    refused: dict[str, str] = {}
    arguments = history, articles, week, seed, threads
    tries: list[tuple[str, Callable[[], Choice]]] = [
        (OWN, lambda: _own(model_name, *arguments, shared)),
        (LAST_GOOD, lambda: _last_good(last_good(), history, articles, week)),
        (POOLED, lambda: _pooled(*arguments, shared)),
    ]
    for grade, attempt in tries:
        try:
            chosen = attempt()
        except (*TRY_AGAIN, UsageError):
            raise
        except Exception as error:
            refused[grade] = _in_words(error)
        else:
            return replace(chosen, refused=refused)
    model = _with_nothing_learnt(history, week, seed, threads, None)
    _probe(model, articles, history, week)
    return Choice(model, SIMPLE_MODEL, RULE, measure_error(model, history, week), refused)


def _own(
    name: str,
    history: pd.DataFrame,
    articles: pd.DataFrame,
    week: date,
    seed: int,
    threads: int,
    shared: SharedDemand | None,
) -> Choice:
    weeks_in_stock = history.loc[history["stock"] > 0, "week"]
    rows, weeks = len(weeks_in_stock), weeks_in_stock.nunique()
    if weeks < LEAST_WEEKS or rows < LEAST_ROWS:
        raise NotGoodEnough(
            f"there is too little history: {rows} rows of {weeks} weeks, not {LEAST_ROWS} of {LEAST_WEEKS}"
        )
    model = make_model(name)
    model.fit(history, week, seed, threads, shared)
    _check_response(model, articles, history, week)
    report = evaluate(name, history, week, seed, threads)
    _check_error(report)
    return Choice(model, name, OWN, report)


def _last_good(kept: EarlierModel | None, history: pd.DataFrame, articles: pd.DataFrame, week: date) -> Choice:
    if kept is None:
        raise NotGoodEnough(f"the last {LAST_GOOD_WITHIN} weeks have none")
    _check_response(kept.model, articles, history, week)
    report = measure_error(kept.model, history, week)
    _check_error(report)
    return Choice(kept.model, kept.name, LAST_GOOD, report, model_of=f"{kept.week} {kept.version}")


def _pooled(
    history: pd.DataFrame, articles: pd.DataFrame, week: date, seed: int, threads: int, shared: SharedDemand | None
) -> Choice:
    if shared is None:
        raise NotGoodEnough("nothing shared is at hand")
    model = _with_nothing_learnt(history, week, seed, threads, shared)
    _check_response(model, articles, history, week)
    report = measure_error(model, history, week)
    _check_error(report)
    return Choice(model, SIMPLE_MODEL, POOLED, report)


def _with_nothing_learnt(
    history: pd.DataFrame, week: date, seed: int, threads: int, shared: SharedDemand | None
) -> DemandModel:
    model = make_model(SIMPLE_MODEL)
    model.fit(history.iloc[:0], week, seed, threads, shared)
    return model


def _probe(model: DemandModel, articles: pd.DataFrame, history: pd.DataFrame, week: date) -> FloatArray:
    """The units that the model expects at a few prices, (articles, rungs, weeks). Raises BrokenModel."""
    prices = articles[["price"]].to_numpy(dtype=np.float64) * np.array(PROBED_SHARES)
    forecast = replace(model.forecast(articles, history, week), ids=articles["article_id"].to_numpy())
    return forecast.at(prices, PROBED_WEEKS).units


def _check_response(model: DemandModel, articles: pd.DataFrame, history: pd.DataFrame, week: date) -> None:
    """Raises NotGoodEnough unless the median article's elasticity is one that customers can be thought to have.

    A model that keeps the contract cannot answer that a higher price sells more. Where its data said so, its answer is
    flat, or lies at the bound of what it may learn.
    """
    units = _probe(model, articles, history, week)[:, :, 0]
    sells = units[:, 0] > 0
    if not sells.any():
        return
    response = np.log(units[sells, -1] / units[sells, 0]) / -np.log(PROBED_SHARES[-1])
    middle, (low, high) = float(np.median(response)), ELASTICITY_BOUNDS
    if middle < NO_RESPONSE:
        raise NotGoodEnough(f"sales do not rise when the price falls: its elasticity is {middle:.2f}")
    if not 1.01 * low < middle < 0.99 * high:
        raise NotGoodEnough(f"its elasticity, {middle:.2f}, lies at the bound of {low:g} to {high:g}")


def _check_error(report: FitReport) -> None:
    if report.by_week["actual"].abs().sum() < LEAST_UNITS_COMPARED:
        return
    if report.wape > FAR_ABOVE_NAIVE * report.naive_wape:
        raise NotGoodEnough(
            f"its error of the last weeks, {report.wape:.2f}, is far above that of last week's value, "
            f"{report.naive_wape:.2f}"
        )


def _in_words(error: Exception) -> str:
    said = str(error).strip().rstrip(".")
    if isinstance(error, NotGoodEnough):
        return said
    return f"it failed: {type(error).__name__}: {said}" if said else f"it failed: {type(error).__name__}"
