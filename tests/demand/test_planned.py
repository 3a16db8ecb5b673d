"""Planned attributes count from their own week on: not before, and in place of what today's value says of that week."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from markdown_pricing.demand import near
from markdown_pricing.demand.gradient_boosting import GradientBoosting
from markdown_pricing.demand.log_linear import LogLinear
from markdown_pricing.demand.model import DemandModel
from markdown_pricing.demand.skill import HORIZONS
from markdown_pricing.forecast import Forecast
from markdown_pricing.pricing import CountryWeek
from tests.demand.market import WEEK
from tests.demand.shops import shops

WEEKS, LEAFLET = 8, 3
"""The weeks that are forecast, and the one that gets a leaflet, which sells 1.49 times as many."""

Shops = tuple[pd.DataFrame, pd.DataFrame]


@pytest.fixture(scope="module")
def sold() -> Shops:
    """Forty articles, none of which has a leaflet today; half of them had one last week, and it sold."""
    return shops(seed=3)


@pytest.fixture(scope="module", params=[GradientBoosting, LogLinear, "with the coming week"])
def model(request: pytest.FixtureRequest, sold: Shops) -> DemandModel:
    """The last one has a forecast of the coming week whose correction counts in the weeks after it, too."""
    history, near_counts = sold[0].drop(columns=["mean", "promoted_before"]), isinstance(request.param, str)
    fitted: DemandModel = GradientBoosting() if near_counts else request.param()
    with pytest.MonkeyPatch.context() as patch:
        if near_counts:
            patch.setattr(near, "LEAST_WEIGHT", -1.0)
        fitted.fit(history, WEEK, seed=1)
    if near_counts:
        assert isinstance(fitted, GradientBoosting)
        assert fitted.near is not None
        fitted.near = replace(fitted.near, weights=np.full(len(HORIZONS), 0.5))
    return fitted


def plan_of(articles: pd.DataFrame, leaflet: float, week: int = LEAFLET) -> pd.DataFrame:
    monday = pd.Timestamp(WEEK + timedelta(weeks=week))
    return pd.DataFrame({"article_id": articles["article_id"], "week": monday, "attr_leaflet": leaflet})


def units(model: DemandModel, sold: Shops, planned: pd.DataFrame | None, today: float = 0.0) -> np.ndarray:
    """(articles, weeks), at today's price."""
    history, articles = (frame.drop(columns=["mean", "promoted_before"]) for frame in sold)
    asked = articles.assign(attr_leaflet=today)
    forecast = model.among(asked).knowing(planned).forecast(asked, history, WEEK)
    return forecast.at(asked[["price"]].to_numpy(), WEEKS).units[:, 0]


def test_a_planned_leaflet_sells_in_its_own_week_alone(model: DemandModel, sold: Shops) -> None:
    """Every other week is as it was, to the last bit.

    Take out: in PlannedValues.of take `ahead >= 0` for the cells of a plan, or all weeks from the planned one on.
    """
    without, with_leaflet = units(model, sold, None), units(model, sold, plan_of(sold[1], 1.0))

    others = np.arange(WEEKS) != LEAFLET
    assert np.array_equal(without[:, others], with_leaflet[:, others])
    assert (with_leaflet[:, LEAFLET] > 1.1 * without[:, LEAFLET]).all()


def test_it_sells_as_many_more_as_leaflets_did(model: DemandModel, sold: Shops) -> None:
    """1.49 times as many as a week without one; what the manager knows when he plans leaflets makes it more."""
    more = units(model, sold, plan_of(sold[1], 1.0)).sum(axis=0) / units(model, sold, plan_of(sold[1], 0.0)).sum(axis=0)

    assert 1.3 < more[LEAFLET] < 1.9


@pytest.mark.parametrize("leaflet", [0.0, 1.0])
def test_todays_value_does_not_count_in_a_week_for_which_another_is_planned(
    model: DemandModel, sold: Shops, leaflet: float
) -> None:
    """The trees take today's leaflet for a dip to come, which is no dip of a week with a leaflet of its own.

    Take out: in GradientBoosting._correction leave `added` as it is where something is planned, or in its forecast let
    the coming week's correction, which knows today's leaflet, count in such a week.
    """
    planned = plan_of(sold[1], leaflet)
    today, not_today = (units(model, sold, planned, today=today)[:, LEAFLET] for today in (1.0, 0.0))

    np.testing.assert_allclose(today, not_today, rtol=1e-9)


def test_a_text_that_is_planned_takes_the_place_of_todays(sold: Shops) -> None:
    """Trees know texts, too: at a fair twice as many are sold. A text never seen says nothing."""
    history, articles = (frame.drop(columns=["mean", "promoted_before"]) for frame in sold)
    fair = np.random.default_rng(0).random(len(history)) < 0.2
    history = history.assign(attr_event=np.where(fair, "fair", "none"), units=history["units"] * np.where(fair, 2, 1))
    articles = articles.assign(attr_event="none")
    history, articles = history.drop(columns="attr_leaflet"), articles.drop(columns="attr_leaflet")
    model = GradientBoosting()
    model.fit(history, WEEK, seed=1)
    plans = {text: plan_of(articles, 0.0).assign(attr_event=text) for text in ("fair", "none", "never seen")}
    found = {
        text: model.knowing(plan)
        .forecast(articles, history, WEEK)
        .at(articles[["price"]].to_numpy(), WEEKS)
        .units[:, 0]
        for text, plan in plans.items()
    }

    assert found["fair"][:, LEAFLET].sum() > 1.3 * found["none"][:, LEAFLET].sum()
    assert np.array_equal(found["fair"][:, :LEAFLET], found["none"][:, :LEAFLET])
    assert np.isfinite(found["never seen"]).all()


@pytest.mark.parametrize("week", [-1, 0, WEEKS, 500])
def test_a_plan_for_other_weeks_or_articles_changes_nothing(model: DemandModel, sold: Shops, week: int) -> None:
    without = units(model, sold, None)

    assert np.array_equal(units(model, sold, plan_of(sold[1], 1.0, week)), without)
    assert np.array_equal(units(model, sold, plan_of(sold[1], 1.0).assign(article_id="another")), without)
    assert np.array_equal(units(model, sold, plan_of(sold[1], 1.0).rename(columns={"attr_leaflet": "attr_x"})), without)


def test_what_is_planned_is_not_kept_with_a_model(model: DemandModel, sold: Shops) -> None:
    """It belongs to a delivery, and a model may be used in another week."""
    again = type(model).from_bytes(model.knowing(plan_of(sold[1], 1.0)).to_bytes())

    assert np.array_equal(units(again, sold, None), units(model, sold, None))


class Told(LogLinear):
    """A model that says of what it was told."""

    def among(self, articles: pd.DataFrame) -> "Told":
        return self

    def knowing(self, planned: pd.DataFrame | None) -> "Told":
        self.planned = planned
        return self

    def forecast(self, articles: pd.DataFrame, history: pd.DataFrame, week: date) -> Forecast:
        self.stock = articles["stock"].tolist()
        return Forecast("told", units=lambda prices, weeks: np.zeros((*prices.shape, weeks)))


def test_a_country_s_forecast_knows_its_plan_and_what_is_on_its_way(sold: Shops) -> None:
    history, articles = sold
    articles, planned = articles.head(2).assign(stock=[0, 5], stock_to_come=[40, 0]), plan_of(articles, 1.0)
    model = Told()
    forecast = CountryWeek(WEEK, "DEU", history, articles, planned).forecast(model, articles)

    assert model.planned is planned
    assert model.stock == [40, 5]
    assert forecast.ids is not None
    assert list(forecast.ids) == articles["article_id"].tolist()
