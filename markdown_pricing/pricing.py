"""Price one country: join training data, demand and price paths, with no I/O and no orchestrator.

The assets call these functions one by one and keep each result on the lake. `markdown-pricing price` calls them in a
row.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from hashlib import sha256
from types import MappingProxyType

import numpy as np
import pandas as pd
import pyarrow as pa

from markdown_pricing.columns import Recommendations
from markdown_pricing.countries import Country
from markdown_pricing.currencies import Changeover
from markdown_pricing.decisions.decision import Decision
from markdown_pricing.decisions.followed import Asked, Followed, FollowedUp, follow, in_currency_of, locks_in_short
from markdown_pricing.demand.model import DemandModel, with_what_comes
from markdown_pricing.demand.shared import SharedDemand
from markdown_pricing.demand.step_down import OWN, Choice, EarlierModel, choose
from markdown_pricing.forecast import Forecast
from markdown_pricing.markdown.assortment import Assortment
from markdown_pricing.markdown.candidates import candidate_prices
from markdown_pricing.markdown.decided import Decided
from markdown_pricing.markdown.horizons import by_horizon
from markdown_pricing.markdown.reasons import ReasonCodes
from markdown_pricing.markdown.recommendation import MadeBy, in_order_of, recommend
from markdown_pricing.markdown.rules import RuleBook
from markdown_pricing.markdown.season import ARM
from markdown_pricing.provenance import NOTHING_SHARED, Provenance
from markdown_pricing.training_data.intake import Intake, take_in
from markdown_pricing.training_data.planned import TakenPlan, take_in_plan
from markdown_pricing.training_data.stockouts import mark_stockouts

SEED = 20200106
"""The seed of every random choice in training, unless a run is configured with another one."""
NO_ARMS: Mapping[tuple[str, str], str] = MappingProxyType({})
"""The arms, by season and category, where nothing is compared."""


@dataclass(frozen=True)
class CountryWeek:
    """One country's training data: what was sold before `week`, and the articles to price in it.

    planned : what is planned for weeks to come, as `TakenPlan` has it; None without anything
    """

    week: date
    country: str
    history: pd.DataFrame
    articles: pd.DataFrame
    planned: pd.DataFrame | None = None

    @classmethod
    def of(
        cls, training_data: pd.DataFrame, week: date, country: str, planned: pd.DataFrame | None = None
    ) -> "CountryWeek":
        """The training data, split into the history and the articles of `week`."""
        is_now = (training_data["week"] == pd.Timestamp(week)).to_numpy()
        history = training_data[~is_now].reset_index(drop=True)
        return cls(week, country, history, training_data[is_now].reset_index(drop=True), planned)

    def forecast(self, model: DemandModel, articles: pd.DataFrame) -> Forecast:
        """What the model knows of some of the articles, among the week's others, and of what is planned for them."""
        knowing = model.among(self.articles).knowing(self.planned)
        forecast = knowing.forecast(with_what_comes(articles), self.history, self.week)
        return replace(forecast, ids=articles["article_id"].to_numpy())


def take_in_country(
    snapshot_rows: pa.Table,
    week: date,
    country: str,
    changeovers: Sequence[Changeover] = (),
    plan: pa.Table | None = None,
    passed_over: Sequence[str] = (),
) -> Intake:
    """One country's snapshot, taken in; its rows have the columns `country` and `censored`. Raises BadTrainingData.

    plan, passed_over : what is planned for weeks to come, and what of it could not be read
    """
    taken = take_in(snapshot_rows, week, country, changeovers)
    planned = TakenPlan(None)
    if plan is not None:
        planned = take_in_plan(plan, taken.rows[taken.rows["week"] == pd.Timestamp(week)], week)
    rows = mark_stockouts(taken.rows)
    return replace(
        taken,
        rows=rows.assign(country=pd.Categorical.from_codes(np.zeros(len(rows), np.int8), [country])),
        planned=planned.rows,
        passed_over=(*passed_over, *planned.notes),
    )


def make_training_data(
    snapshot_rows: pa.Table, week: date, country: str, changeovers: Sequence[Changeover] = ()
) -> pd.DataFrame:
    """The rows of `take_in_country` alone, for whoever has nobody to tell what was set aside."""
    return take_in_country(snapshot_rows, week, country, changeovers).rows


@dataclass(frozen=True)
class HowToLearn:
    """The model that is asked to price, and how it learns.

    model : its name, as `make_model` takes it ; seed : of its random choices ; threads : how many it may use
    """

    model: str
    seed: int = SEED
    threads: int = 1


def fit_or_step_down(
    country_week: CountryWeek,
    how: HowToLearn,
    shared: SharedDemand | None = None,
    last_good: Callable[[], EarlierModel | None] = lambda: None,
) -> Choice:
    """The country's own model when it passes its checks, else the next simpler one; see demand/step_down.py."""
    sold = country_week
    from_others = None if shared is None else shared.for_country(sold.country, how.model)
    return choose(sold.history, sold.articles, sold.week, how.model, how.seed, how.threads, from_others, last_good)


def modelled_by(origin: Provenance, choice: Choice, how: HowToLearn, shared_demand: str = NOTHING_SHARED) -> Provenance:
    """The origin of what is made with this model. `shared_demand` is the version of what the countries share."""
    return origin.of(
        model_asked=how.model,
        demand_model=choice.name,
        seed=how.seed,
        shared_demand=shared_demand,
        model_grade=choice.grade,
        model_of=choice.model_of,
    )


@dataclass(frozen=True)
class PricingInputs:
    """What a country's articles are priced by, beside their sales and the demand model.

    last_rows   : the rows of an earlier week, from which change_reason is made; prices are the same without them
    decisions   : what people have decided about the country's articles
    changeovers : the country's changes of currency
    arms        : by season and category how the country's articles are priced in a comparison
    """

    country: Country
    book: RuleBook
    codes: ReasonCodes
    last_rows: pd.DataFrame | None = None
    decisions: Sequence[Decision] = ()
    changeovers: Sequence[Changeover] = ()
    arms: Mapping[tuple[str, str], str] = field(default_factory=lambda: NO_ARMS)


def priced_under(
    origin: Provenance,
    book: RuleBook,
    country: Country,
    decisions: Iterable[Decision] = (),
    arms: Mapping[tuple[str, str], str] = NO_ARMS,
) -> Provenance:
    """The origin of prices found under these rules, under the locks among these decisions, and with these arms."""
    endings = " ".join(f"{ending.cents}/{ending.every_cents}" for ending in country.price_endings)
    locks = locks_in_short(decisions, origin.week)
    arm_lines = "\n".join(f"{season}\t{category}\t{arm}" for (season, category), arm in sorted(arms.items()))
    versions = (sha256(text.encode()).hexdigest()[:12] if text else "" for text in (locks, arm_lines))
    return origin.of(rules=book.version, price_endings=endings, **dict(zip(("locks", "arms"), versions, strict=True)))


def follow_decisions(
    decisions: Sequence[Decision], country_week: CountryWeek, changeovers: Sequence[Changeover] = ()
) -> FollowedUp:
    """What the decisions about the country's weeks up to this one mean for its articles.

    changeovers : the country's changes of currency
    """
    sold = country_week
    ids = {each.article_id for each in decisions}
    now, before = (frame[frame["article_id"].isin(ids)] for frame in (sold.articles, sold.history))
    prices: dict[str, dict[date, Decimal]] = {article: {} for article in now["article_id"]}
    for frame in (before, now):
        for article, week, price in zip(frame["article_id"], frame["week"], frame["price"], strict=True):
            if article in prices:
                prices[article][week.date()] = _cents(price)
    list_prices = dict(zip(now["article_id"], now["list_price"], strict=True))
    asked = {article: Asked(_cents(list_prices[article]), own) for article, own in prices.items()}
    return follow(in_currency_of(sold.week, decisions, changeovers), sold.week, asked)


@dataclass(frozen=True)
class Priced:
    """One country's prices.

    recommendations : a row and a price path for every article ; origin : theirs
    followed        : what the decisions mean that they were made under
    """

    recommendations: Recommendations
    origin: Provenance
    followed: FollowedUp


def price_as_decided(
    country_week: CountryWeek,
    model: DemandModel,
    inputs: PricingInputs,
    origin: Provenance,
    run_id: str,
    predicted_at: datetime,
) -> Priced:
    """The prices under the rules, people's decisions and the arms of a comparison. Raises BrokenModel.

    origin : that of the model
    """
    priced_by = priced_under(origin, inputs.book, inputs.country, inputs.decisions, inputs.arms)
    followed = follow_decisions(inputs.decisions, country_week, inputs.changeovers)
    found = price_articles(country_week, model, inputs, priced_by, run_id, predicted_at, followed.articles)
    return Priced(found, priced_by, followed)


def _cents(price: float) -> Decimal:
    return Decimal(f"{price:.2f}")


def _with_decisions(articles: pd.DataFrame, followed: Mapping[str, Followed]) -> pd.DataFrame:
    """The articles with what people decided about them; as they are when nobody has."""
    nothing = Followed()
    own = [followed.get(article, nothing) for article in articles["article_id"]]
    if all(each is nothing for each in own):
        return articles
    decided = Decided(
        not_applied=np.array([each.not_applied for each in own]),
        rejected=np.array([each.rejected for each in own]),
        week=np.array([each.week for each in own], dtype=object),
        price=np.array([np.nan if each.price is None else float(each.price) for each in own]),
        stake=np.array([np.nan if each.stake is None else float(each.stake) for each in own]),
        void=np.array([each.void for each in own], dtype=object),
    )
    return decided.beside(articles, pd.to_datetime(pd.Series([each.locked_until for each in own], dtype=object)))


def _with_arms(articles: pd.DataFrame, arms: Mapping[tuple[str, str], str]) -> pd.DataFrame:
    """The articles with their arms in a comparison; as they are when none of them is in one."""
    if not arms:
        return articles
    own = [arms.get(key) for key in zip(articles["season"], articles["category"], strict=True)]
    return articles.assign(**{ARM: pd.Series(own, index=articles.index, dtype=object)}) if any(own) else articles


def price_articles(
    country_week: CountryWeek,
    model: DemandModel,
    inputs: PricingInputs,
    origin: Provenance,
    run_id: str,
    predicted_at: datetime,
    followed: Mapping[str, Followed] = MappingProxyType({}),
) -> Recommendations:
    """A row and a price path for every article of the snapshot week. Raises BrokenModel.

    origin   : that of the prices
    followed : by article what people's decisions mean for it; of these only locks hold prices
    """
    country, book = inputs.country, inputs.book
    made_by = MadeBy(origin.model_grade or OWN, f"{origin.demand_model} {origin.version}", run_id, predicted_at)
    parts = []
    for rows in by_horizon(country_week.articles, country_week.week, country.code, book):
        articles = country_week.articles.iloc[rows].reset_index(drop=True)
        decided = _with_arms(_with_decisions(articles, followed), inputs.arms)
        assortment = Assortment(country_week.week, country, decided, country_week.history, book, inputs.codes)
        ladders = candidate_prices(decided, assortment.history, country, book, assortment.week)
        forecast = country_week.forecast(model, articles)
        parts.append(recommend(assortment, ladders, forecast, made_by, inputs.last_rows))
    return in_order_of(parts, country_week.articles["article_id"])
