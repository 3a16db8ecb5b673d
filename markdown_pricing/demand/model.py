"""The base class of all demand models, models by their names, and the error that one would have had on past weeks."""

import importlib
import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import ClassVar, Self, final

import numpy as np
import pandas as pd

from markdown_pricing import demand
from markdown_pricing.columns import STOCK_TO_COME
from markdown_pricing.defaults import DEFAULT_MODEL
from markdown_pricing.demand.calibration import Bias, ages, biases, last_changes
from markdown_pricing.demand.drawn import thinned
from markdown_pricing.demand.shared import SharedDemand
from markdown_pricing.errors import UsageError
from markdown_pricing.forecast import Forecast

MODELS = (DEFAULT_MODEL, "log_linear", "plain_boosting")
"""The models that come with the package: the class GradientBoosting in gradient_boosting.py, and so on."""
EVALUATED_WEEKS = 4
"""How many of the last weeks a model's error is measured on. Chosen on 2026-11-23: about a month."""
EVALUATED_ARTICLES = 5_000
"""A model's error is measured on at most so many articles. In a country of 20,000 articles these had a WAPE of 0.392,
and all articles had 0.389."""


class DemandModel(ABC):
    """A demand model. To bring another framework, subclass it, write its four methods, and let it need no arguments.

    `history` has the rows of the weeks before `week`, and `articles` has one row of `week` for each article. Both are
    checked training frames with the columns `country` and `censored`. The same seed and threads give the same answers.

    judged_rows : so many rows at most a fit gets that is only judged by weeks that it does not know; None: all
    """

    judged_rows: ClassVar[int | None] = None

    @abstractmethod
    def fit(
        self, history: pd.DataFrame, week: date, seed: int, threads: int = 1, shared: SharedDemand | None = None
    ) -> None:
        """Learn from `history`, which may be empty. `shared` is what the other countries know together."""

    @abstractmethod
    def forecast(self, articles: pd.DataFrame, history: pd.DataFrame, week: date) -> Forecast:
        """What the model knows of `articles` from `week` on, in their order."""

    def among(self, articles: pd.DataFrame) -> Self:
        """The same model when all articles of the week are known, of which `forecast` may be asked for a part.

        A model that uses what others ask, as the price of an article's neighbours, overrides it.
        """
        return self

    def knowing(self, planned: pd.DataFrame | None) -> Self:
        """The same model when it is known what is planned for weeks to come; None: nothing.

        planned : article_id, week and attr_* columns, a row for each article and week, NULL where nothing is planned
        A model that uses attributes overrides it.
        """
        return self

    @abstractmethod
    def to_bytes(self) -> bytes:
        """Everything that the model has learnt, as it is kept on the lake."""

    @classmethod
    @abstractmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The model whose `to_bytes` gave `data`. Whoever may write to the lake decides what `data` is."""

    @classmethod
    def contribution(cls, history: pd.DataFrame, week: date, seed: int) -> bytes | None:
        """What one country gives to `learn_together`; None: nothing. All countries' together must fit into memory.

        It is called once a week while the country's rows are read anyway, those of one country at a time.
        """
        return None

    @staticmethod  # so that every class that does not override it has this very function
    def learn_together(contributions: Mapping[str, bytes], week: date, seed: int, threads: int = 1) -> bytes | None:
        """What is learnt once a week from all countries' contributions, which `fit` finds as `shared.learnt`.

        A model that learns overrides it, by a class method or a static one.
        """
        return None

    @classmethod
    @final
    def learns_together(cls) -> bool:
        """Whether it learns from all countries: it does where it has a `learn_together` of its own."""
        return cls.learn_together is not DemandModel.learn_together

    def importance(self) -> dict[str, float]:
        """The share of each input in what the model has learnt, largest first; empty when it does not know."""
        return {}


def with_what_comes(articles: pd.DataFrame) -> pd.DataFrame:
    """The articles with all that is to be sold as their stock: the form in which a model is asked about weeks to come.

    A model knows one stock, and its units are those of shelves that are filled with it. The plan counts how much of it
    is there in which week.
    """
    if STOCK_TO_COME not in articles:
        return articles
    return articles.assign(stock=articles["stock"] + articles[STOCK_TO_COME])


class UnknownModel(UsageError):
    def __init__(self, name: str, why: str) -> None:
        super().__init__(
            f"No demand model {name!r}: {why}. Known are {', '.join(MODELS)}; "
            "another one is named package.module:Class and is a subclass of markdown_pricing.demand.model.DemandModel."
        )


class ModelNotAllowed(UsageError):
    def __init__(self, name: str, allowed: Iterable[str]) -> None:
        super().__init__(
            f"No operator has allowed the demand model {name!r}, so it is not loaded. Allowed are "
            f"{', '.join(sorted(allowed))}; MARKDOWN_PRICING_ALLOWED_MODELS lists others, with commas between."
        )


def check_allowed(name: str, beside_own: Iterable[str]) -> str:
    """The name, when it is of the package's own models or of those beside them that an operator has allowed.

    Raises ModelNotAllowed before anything is imported.
    """
    if name not in (allowed := {*MODELS, *beside_own}):
        raise ModelNotAllowed(name, allowed)
    return name


def make_model(name: str) -> DemandModel:
    """A new model by its name. Raises UnknownModel."""
    made = model_class(name)
    try:
        return made()
    except TypeError as error:
        raise UnknownModel(name, str(error)) from error


def model_class(name: str) -> type[DemandModel]:
    """The class of a model by its name, of which nothing has been called. Raises UnknownModel.

    "gradient_boosting" names the class GradientBoosting of markdown_pricing/demand/gradient_boosting.py, and
    "package.module:Class" names a model from outside of this package.
    """
    module_name, _, class_name = name.partition(":")
    if not class_name:
        if name not in MODELS:
            raise UnknownModel(name, "it is none of the package's")
        module_name, class_name = f"{demand.__name__}.{name}", name.title().replace("_", "")
    try:
        # An operator names a model of somebody else's, of which nothing here can know.
        named = getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise UnknownModel(name, str(error)) from error
    if not (inspect.isclass(named) and issubclass(named, DemandModel)):
        raise UnknownModel(name, f"{class_name} is no subclass of DemandModel")
    if lacking := sorted(named.__abstractmethods__):
        raise UnknownModel(name, f"{class_name} lacks {', '.join(lacking)}")
    return named


@dataclass(frozen=True)
class FitReport:
    """What a model has learnt from, and its error on the last weeks when it knew only what came before them.

    wape       : sum |expected − actual| over sum |actual|, of rows whose sales the stock did not limit; NaN without any
    naive_wape : the same for the naive forecast, which is what the article sold in the last week known
    bias       : sum (expected − actual) over sum |actual|
    by_week    : week, actual, expected, naive: the units of the compared articles
    biases     : of the same weeks by weeks ahead, last price change and age
    """

    rows: int
    articles: int
    weeks_of_history: int
    wape: float
    naive_wape: float
    bias: float
    by_week: pd.DataFrame
    biases: tuple[Bias, ...]


def evaluate(name: str, history: pd.DataFrame, week: date, seed: int, threads: int = 1) -> FitReport:
    """The error of the model on the last EVALUATED_WEEKS weeks before `week`, fitted on what came before these weeks.

    The model is fitted once, in a large country on some articles (`judged_rows`). Each of the weeks is forecast one
    week ahead, with the sales up to that week at hand.
    """
    first = week - timedelta(weeks=EVALUATED_WEEKS)
    model = make_model(name)
    known = history[history["week"] < pd.Timestamp(first)]
    model.fit(known if model.judged_rows is None else thinned(known, model.judged_rows, seed), first, seed, threads)
    return measure_error(model, history, week)


def measure_error(model: DemandModel, history: pd.DataFrame, week: date) -> FitReport:
    """The error of a fitted model on the last EVALUATED_WEEKS weeks before `week`, each forecast one week ahead.

    Each of their Mondays also forecasts the weeks after its own, for the bias by weeks ahead. When there are more than
    EVALUATED_ARTICLES articles, every second, third, … in the order of their ids is compared.
    """
    starts = [week - timedelta(weeks=ahead) for ahead in range(EVALUATED_WEEKS, 0, -1)]
    sold_lately = np.sort(history.loc[history["week"] >= pd.Timestamp(starts[0]), "article_id"].unique())
    some = sold_lately[:: -(-len(sold_lately) // EVALUATED_ARTICLES) or 1]
    rows = history[history["article_id"].isin(some)]
    lately = rows.assign(change=last_changes(rows), age=ages(rows))[rows["week"] >= pd.Timestamp(starts[0])]
    foretold = pd.concat([_from(start, model, rows, lately) for start in starts])
    compared = foretold[foretold["ahead"] == 0]
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
        biases=biases(foretold),
    )


def _from(start: date, model: DemandModel, history: pd.DataFrame, lately: pd.DataFrame) -> pd.DataFrame:
    """What the model foretells from a Monday on, and what was sold: a row for each article and week that was in stock.

    lately : the last weeks of the history, with change and age; those from `start` on are foretold
    """
    now = pd.Timestamp(start)
    before = history[history["week"] < now]
    articles = history[(history["week"] == now) & ~history["censored"]].reset_index(drop=True)
    coming = lately[(lately["week"] >= now) & lately["article_id"].isin(articles["article_id"])]
    coming = coming.assign(ahead=(coming["week"] - now).dt.days // 7)
    prices = coming.pivot(index="article_id", columns="ahead", values="price").reindex(articles["article_id"])
    # An article without a row in a week is not compared in it; it gets its last price.
    asked = prices.reindex(columns=range(EVALUATED_WEEKS)).ffill(axis=1).to_numpy(dtype=np.float64)
    asked = asked[:, : int(coming["ahead"].max()) + 1 if len(coming) else 1]
    given = articles.assign(units=np.nan)
    units, _ = model.among(given).forecast(given, before, start).along(asked)
    compared = coming[~coming["censored"]]
    expected = units[prices.index.get_indexer(compared["article_id"]), compared["ahead"].to_numpy()]
    last = before.groupby("article_id")["units"].last().reindex(compared["article_id"])
    naive = last.to_numpy(dtype=np.float64, na_value=0.0)
    compared = compared[["week", "ahead", "change", "age", "units"]].rename(columns={"units": "actual"})
    return compared.assign(expected=expected, naive=naive)


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole > 0 else float("nan")


def most_important(importance: Mapping[str, float]) -> dict[str, float]:
    """Each value as a share of their sum, largest first; empty when the sum is 0."""
    total = sum(importance.values())
    ordered = sorted(importance.items(), key=lambda item: (-item[1], item[0]))
    return {name: value / total for name, value in ordered} if total > 0 else {}
