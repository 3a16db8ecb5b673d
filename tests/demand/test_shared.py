"""What countries know together: response of categories, quality of articles, each country's own part left out."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from markdown_pricing.demand import pooling
from markdown_pricing.demand.level import OwnEffects
from markdown_pricing.demand.log_linear import LogLinear, learn_country
from markdown_pricing.demand.shared import CountryDemand, Quality, SharedDemand, pool
from tests.demand.market import WEEK, market


@pytest.fixture(scope="module")
def shared() -> SharedDemand:
    """Three countries with an elasticity of about 2.6."""
    return pool({code: learn_country(market(seed=n, elasticity=2.6)[0], 1) for n, code in enumerate("ABC")})


def test_a_country_that_never_marked_down_learns_the_response_of_the_others(shared) -> None:
    history, articles = market(seed=9, articles=12, elasticity=2.6)
    history = history.assign(price=history["list_price"])
    alone, sharing = LogLinear(), LogLinear()
    alone.fit(history, WEEK, 1)
    sharing.fit(history, WEEK, 1, shared=shared.for_country("D"))
    off = [abs(model.forecast(articles, history, WEEK).elasticity[0].mean() - 2.6) for model in (alone, sharing)]
    assert off[1] < 0.5 * off[0]


def test_an_article_new_here_is_known_from_where_it_sold(shared) -> None:
    """Twice as good elsewhere: nearly twice the forecast before its first week."""
    history, articles = market(seed=0, elasticity=2.6)
    new = articles.assign(article_id=[f"N{number}" for number in range(len(articles))])
    ids = tuple(sorted(new["article_id"]))
    seen = {"A": Quality(ids, np.full(len(ids), np.log(2.0)), np.full(len(ids), 50.0))}
    known = SharedDemand(shared.categories, shared.mean, shared.own, seen, taste_sd=0.1)
    prices = new[["price"]].to_numpy()
    units = []
    for country in ("A", "B"):  # what A saw itself is left out for it
        model = LogLinear()
        model.fit(history, WEEK, 1, shared=known.for_country(country))
        units.append(model.forecast(new, history, WEEK).units(prices, 1).sum())
    assert 1.4 < units[1] / units[0] < 2.1


def test_the_bytes_are_all_there_is(shared) -> None:
    again = SharedDemand.from_bytes(shared.to_bytes())
    assert again.to_bytes() == shared.to_bytes()
    assert again.for_country("A").search is not None
    np.testing.assert_array_equal(again.for_country("A").quality.mean, shared.for_country("A").quality.mean)
    contribution = learn_country(market(seed=1)[0], 1)
    assert CountryDemand.from_bytes(contribution.to_bytes()).to_bytes() == contribution.to_bytes()


def test_the_order_of_the_countries_does_not_matter() -> None:
    parts = {code: learn_country(market(seed=n)[0], 1) for n, code in enumerate("AB")}
    assert pool(parts).to_bytes() == pool(dict(reversed(parts.items()))).to_bytes()


def test_a_country_without_sales_says_nothing() -> None:
    silent = learn_country(market(seed=1)[0].iloc[:0], 1)
    assert silent.categories == ()
    assert pool({"A": silent}).own == OwnEffects()


def fitted_in(history: pd.DataFrame, shared: SharedDemand, monkeypatch: pytest.MonkeyPatch) -> tuple[LogLinear, int]:
    """The model of the history, and how many Newton steps its fit took."""
    steps, moments = [], pooling._moments
    monkeypatch.setattr(pooling, "_moments", lambda *rows: steps.append(1) or moments(*rows))
    model = LogLinear()
    model.fit(history, WEEK, 1, shared=shared)
    return model, len(steps)


def test_a_countrys_model_goes_on_from_the_fit_of_its_own_sales(shared, monkeypatch) -> None:
    """It is the same model, and takes fewer steps."""
    history, articles = market(seed=0, elasticity=2.6)  # those of A
    own, unknown = shared.for_country("A"), replace(shared, searches={}).for_country("A")
    (soon, few), (late, many) = (fitted_in(history, each, monkeypatch) for each in (own, unknown))
    assert few < many
    units = [model.forecast(articles, history, WEEK).units(articles[["price"]].to_numpy(), 4) for model in (soon, late)]
    np.testing.assert_allclose(*units, rtol=2 * pooling.SMALL_STEP)


def test_the_fit_of_other_rows_is_no_place_to_begin(shared, monkeypatch) -> None:
    history = market(seed=0, elasticity=2.6)[0]
    fewer = history[history["article_id"] != history["article_id"].iloc[0]]
    own, unknown = shared.for_country("A"), replace(shared, searches={}).for_country("A")
    (one, _), (other, _) = (fitted_in(fewer, each, monkeypatch) for each in (own, unknown))
    assert one.to_bytes() == other.to_bytes()
