"""A test per trap of pricing. Each docstring says what to take out of the code to see the test fail.

The traps of single parts stand beside them: effects of articles and the fill of sold-out weeks in test_pooling.py,
levels in test_level.py, features that know the future in test_gradient_boosting.py.
"""

import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from markdown_pricing import pricing
from markdown_pricing.backtest.twin import Twin
from markdown_pricing.countries import read_countries
from markdown_pricing.demand.model import MODELS, DemandModel, make_model
from markdown_pricing.demand.step_down import OWN, Choice
from markdown_pricing.erp.rows import country_rows
from markdown_pricing.forecast import SHELF_SHARES
from markdown_pricing.installation.files import read_reason_codes
from markdown_pricing.markdown.candidates import candidate_prices
from markdown_pricing.markdown.planning import plan
from markdown_pricing.markdown.rules import RuleBook
from markdown_pricing.provenance import provenance
from markdown_pricing.sample.season import sample_market
from tests.demand.market import WEEK, market
from tests.demand.other_frameworks import EXAMPLES, PYTORCH, needs_pytorch

pytestmark = pytest.mark.usefixtures("scikit_learn")

DEU, BOOK, CODES = read_countries()["DEU"], RuleBook(), read_reason_codes()
INPUTS = pricing.PricingInputs(DEU, BOOK, CODES)


def delivered(table: pa.Table) -> pricing.CountryWeek:
    return pricing.CountryWeek.of(pricing.make_training_data(table, WEEK, "DEU"), WEEK, "DEU")


Sample = tuple[Twin, pricing.CountryWeek, DemandModel]


@pytest.fixture(scope="module", params=[1, 2])
def sample(request: pytest.FixtureRequest) -> Sample:
    """A sample country whose truth is known, and the log-linear model of it, on which gradient boosting stands."""
    twin = Twin(sample_market(DEU, WEEK, articles=120, seed=request.param))
    of_the_week = delivered(twin.market.table())
    model = make_model("log_linear")
    model.fit(of_the_week.history, of_the_week.week, pricing.SEED)
    return twin, of_the_week, model


def test_endogeneity_the_manager_marks_down_what_sells_slowly(sample: Sample) -> None:
    """A regression over all rows finds a tenth of the elasticity; ours is within 12 % of the truth.

    Take out: in pooling.py set ARTICLE_WEIGHT to 1e9, so that no article has a level of its
    own: 0.4 is found in place of 2.3.
    """
    twin, of_the_week, model = sample
    truth = twin.market.articles.elasticity[twin.market.on_sale].mean()
    history = of_the_week.history[~of_the_week.history["censored"]]
    log_price = np.log(history["price"] / history["list_price"])
    naive = -np.polyfit(log_price, np.log(history["units"].clip(lower=0) + 0.5), 1)[0]
    found = model.forecast(of_the_week.articles, of_the_week.history, WEEK).elasticity
    assert found is not None
    assert naive < 0.2 * truth
    assert found[0].mean() == pytest.approx(truth, rel=0.12)


def test_censoring_sales_while_sold_out_are_not_demand() -> None:
    """Stock that is filled up each week and runs out in nearly half of them: believed, sales are a quarter too low.

    Take out: in sold_out.fill_sold_out return `demand` at once.
    """
    flagged, believed = [], []
    for seed in (6, 8):
        history, articles = market(seed=seed, articles=200, buy=3.0)
        rng = np.random.default_rng(seed)
        stock = np.ceil(history["mean"] * rng.uniform(0.5, 1.5, len(history))).clip(lower=1)
        cut = history.assign(stock=stock, units=np.minimum(history["units"], stock), stores=10)
        cut["censored"] = cut["units"] >= cut["stock"]
        now = articles.assign(stock=np.ceil(articles["mean"]).clip(lower=1), stores=10)
        for answers, past in ((flagged, cut), (believed, cut.assign(censored=False))):
            model = make_model("gradient_boosting")
            model.fit(past, WEEK, seed=1)
            answers.append(
                model.forecast(now, past, WEEK).units(now[["price"]].to_numpy(), 1).sum() / articles["mean"].sum()
            )
    assert np.mean(flagged) == pytest.approx(1.0, abs=0.1)
    assert np.mean(believed) < 0.85


def test_shelf_effect_demand_falls_with_the_stock(sample: Sample) -> None:
    """At 1/32 and 1/16 of today's stock: within 0.08 of the truth, which is further away from no effect.

    Take out: in log_linear.py make (0.0, 0.0) of SHELF_BOUNDS.
    """
    twin, of_the_week, model = sample
    found = model.forecast(of_the_week.articles, of_the_week.history, WEEK).shelf
    some = of_the_week.articles["stock"].to_numpy() > 20
    for share in (0.03125, 0.0625):
        at = int(np.argmin(np.abs(SHELF_SHARES - share)))
        truth = twin.true_shelf()[some, at].mean()
        assert found[some, at].mean() == pytest.approx(truth, abs=0.08)
        assert truth < 1 - 0.08


def test_shelf_effect_the_plan_goes_lower_than_one_that_is_blind_to_it(sample: Sample) -> None:
    """In more than one path of seven, and on average at lower prices.

    Take out: `shelf=` in State.forecast, or in Task on the way to the dynamic programme.
    """
    _, of_the_week, model = sample
    articles, history = of_the_week.articles, of_the_week.history
    ladders = candidate_prices(articles, history, DEU, BOOK, WEEK)
    forecast = replace(model.forecast(articles, history, WEEK), level_sd=None)
    seeing, blind = (plan(ladders, known).best.rungs for known in (forecast, replace(forecast, shelf=None)))
    prices = [np.take_along_axis(ladders.prices, rungs, axis=1) for rungs in (seeing, blind)]
    assert (seeing != blind).any(axis=1).mean() > 1 / 7
    assert (prices[0] / prices[1]).mean() < 0.995
    priced = pricing.price_articles(of_the_week, model, INPUTS, ORIGIN, "run", MONDAY_MORNING)
    assert priced.rows["expected_revenue"].sum() < _told_nothing_of_shelves(of_the_week, model)


def _told_nothing_of_shelves(of_the_week: pricing.CountryWeek, model: DemandModel) -> float:
    """What the same prices are thought to bring where shelves never empty."""

    class Blind(type(model)):
        def forecast(self, articles, history, week):
            return replace(super().forecast(articles, history, week), shelf=None)

    blind = Blind.from_bytes(model.to_bytes())
    rows = pricing.price_articles(of_the_week, blind, INPUTS, ORIGIN, "run", MONDAY_MORNING).rows
    return float(rows["expected_revenue"].sum())


@pytest.mark.parametrize("name", [*MODELS, *EXAMPLES])
def test_monotonicity_no_price_sells_more_than_a_lower_one(name) -> None:
    """From thrice the first price to a cent, far beyond any price seen, and learnt from a market that says otherwise.

    Take out: `monotone_constraints` in plain_boosting.py, `monotonic_cst` in examples/boosted_trees.py, and in
    response.py make −12 of LEAST_SLOPE.
    """
    if name == PYTORCH:
        needs_pytorch()
    history, articles = market(seed=2, articles=150)
    dear = (history["price"] / history["list_price"]).to_numpy()
    history = history.assign(units=np.round(history["units"] * dear**4 * 3), stock=history["stock"] * 9, censored=False)
    model = make_model(name)
    model.fit(history, WEEK, seed=1)
    prices = articles["list_price"].to_numpy()[:, None] * np.geomspace(3.0, 2e-4, 60)
    units = model.forecast(articles, history, WEEK).units(prices, 10)
    assert np.isfinite(units).all()
    assert (np.diff(units, axis=1) >= -1e-9 * units[:, :-1]).all()


MONDAY_MORNING = datetime(2026, 2, 9, 8, tzinfo=UTC)
ORIGIN = provenance(WEEK, "DEU", "0").of(demand_model="log_linear", seed=pricing.SEED, model_grade=OWN)


@pytest.fixture(scope="module")
def snapshot() -> pa.Table:
    return sample_market(DEU, WEEK, articles=25, seed=3).table()


def hash_of(table: pa.Table, threads: int = 1) -> str:
    """Of all that the ERP would get, to the cent and to the last digit of every expectation."""
    of_the_week = delivered(table)
    choice = pricing.fit_or_step_down(of_the_week, pricing.HowToLearn("gradient_boosting", threads=threads))
    assert isinstance(choice, Choice)
    priced = pricing.price_articles(of_the_week, choice.model, INPUTS, ORIGIN, "run", MONDAY_MORNING)
    return country_rows(priced, week=WEEK, country="DEU", run_id="run").content_hash()


@pytest.fixture(scope="module")
def usual_hash(snapshot: pa.Table) -> str:
    return hash_of(snapshot)


def test_determinism_more_threads_change_no_price(snapshot, usual_hash, tmp_path) -> None:
    """Nor any expectation, nor does another process. Take out: let the seed of the trees hang on `threads`."""
    pq.write_table(snapshot, tmp_path / "snapshot.parquet")
    code = (
        "import pyarrow.parquet as pq; from tests.demand.test_traps import hash_of\n"
        f"print(hash_of(pq.read_table({str(tmp_path / 'snapshot.parquet')!r}), threads=2))"
    )
    # Passive: threads that wait for a busy core leave it to the others, else a second's work takes a minute.
    environ = {**os.environ, "OMP_WAIT_POLICY": "passive"}
    told = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    assert told.stdout.split()[-1] == usual_hash


def test_determinism_the_order_in_which_rows_were_delivered_changes_no_price(snapshot, usual_hash) -> None:
    """Spark writes them in any. Take out: in schema._frame the sort, `order = np.arange(table.num_rows)`."""
    shuffled = snapshot.take(np.random.default_rng(0).permutation(snapshot.num_rows))
    assert hash_of(shuffled) == usual_hash


def test_what_a_week_does_not_know_its_own_sales_change_no_price(snapshot, usual_hash) -> None:
    """A delivery that already holds units of the week to price is read as if it did not.

    Take out: in schema._frame the NaN of unsold weeks, `units=np.nan` in LogLinear.state, and the lag of a week in
    tree_features.known_at; any one of the three is enough to hold it.
    """
    frame = snapshot.to_pandas()
    now = frame["week"] == WEEK
    frame["units"] = frame["units"].where(~now, np.arange(len(frame)) % 90).astype(int)
    told = pa.Table.from_pandas(frame, schema=snapshot.schema, preserve_index=False)
    assert pd.Series(told["units"].to_pandas()).notna().all()
    assert hash_of(told) == usual_hash
