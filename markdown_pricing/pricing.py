"""One country priced: training data, demand and price paths joined, with no I/O and no orchestrator.

The assets call these functions one by one and keep each result on the lake; `markdown-pricing price` calls them in a
row.
"""

from dataclasses import dataclass
from datetime import date, datetime

import pandas as pd
import pyarrow as pa

from markdown_pricing.countries import Country
from markdown_pricing.demand.model import DemandModel, FitReport, evaluate, forecast, make_model
from markdown_pricing.markdown.price_path import candidate_prices
from markdown_pricing.markdown.recommendation import Recommendations, recommend
from markdown_pricing.markdown.rules import RuleBook
from markdown_pricing.provenance import Provenance
from markdown_pricing.training_data.schema import check_training_data
from markdown_pricing.training_data.stockouts import mark_stockouts

SEED = 20200106
"""Seed of every random choice in training, unless a run is configured with another."""


@dataclass(frozen=True)
class CountryWeek:
    """One country's training data: what was sold before `week`, and the articles to price in it."""

    week: date
    country: str
    history: pd.DataFrame
    articles: pd.DataFrame

    @classmethod
    def of(cls, training_data: pd.DataFrame, week: date, country: str) -> "CountryWeek":
        is_now = (training_data["week"] == pd.Timestamp(week)).to_numpy()
        history = training_data[~is_now].reset_index(drop=True)
        return cls(week, country, history, training_data[is_now].reset_index(drop=True))


def make_training_data(snapshot_rows: pa.Table, week: date, country: str) -> pd.DataFrame:
    """The snapshot's rows of one country, checked and with sold-out weeks marked; raises BadTrainingData."""
    return mark_stockouts(check_training_data(snapshot_rows, week, country))


def fit(country_week: CountryWeek, model_name: str, seed: int = SEED, threads: int = 1) -> DemandModel:
    """A model by name, fitted on all weeks before the snapshot's; raises UnknownModel."""
    model = make_model(model_name)
    model.fit(country_week.history, country_week.week, seed, threads)
    return model


def report(country_week: CountryWeek, model_name: str, seed: int = SEED, threads: int = 1) -> FitReport:
    """How well a model of that name foretold the last weeks, when it knew only what came before them."""
    return evaluate(model_name, country_week.history, country_week.week, seed, threads)


def priced_under(origin: Provenance, book: RuleBook, country: Country) -> Provenance:
    """The origin of prices found under these rules."""
    endings = " ".join(f"{ending.cents}/{ending.every_cents}" for ending in country.price_endings)
    return origin.of(rules=book.version, price_endings=endings)


def price_articles(
    country_week: CountryWeek,
    model: DemandModel,
    country: Country,
    book: RuleBook,
    origin: Provenance,
    run_id: str,
    predicted_at: datetime,
) -> Recommendations:
    """A row and a price path for every article of the snapshot week."""
    articles, history = country_week.articles, country_week.history
    ladders = candidate_prices(articles, history, country, book, country_week.week)
    return recommend(
        articles,
        history,
        country,
        country_week.week,
        book,
        ladders,
        units=forecast(model, articles, history, country_week.week, ladders.prices, ladders.weeks),
        dispersion=model.dispersion(articles, history, country_week.week),
        elasticity=model.elasticity(articles),
        model_grade="A",
        model_version=f"{origin.demand_model} {origin.version}",
        run_id=run_id,
        predicted_at=predicted_at,
    )
