"""What a decision knows comes from before it, and the trees learn what the log-linear form cannot say."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from markdown_pricing.arrays import FloatArray
from markdown_pricing.demand.design import DesignRows
from markdown_pricing.demand.gradient_boosting import GradientBoosting, known_at
from markdown_pricing.demand.log_linear import LogLinear
from markdown_pricing.demand.plain_boosting import PlainBoosting
from markdown_pricing.training_data.features import Panel
from tests.demand.market import WEEK, market


def features(model: LogLinear, history: pd.DataFrame, weeks_before: int) -> dict[str, FloatArray]:
    """Features of all articles on sale at the decision that many weeks before the snapshot."""
    panel = Panel.of(history)
    rows = DesignRows.of(history, panel, model.design)
    curve = model.curve(rows.terms, rows.category, rows.country, rows.week)
    level = model.levels(history, panel, rows, curve)
    at = np.flatnonzero(panel.column == panel.weeks - weeks_before)
    return known_at(history, panel, rows, curve, level, at)


def test_no_feature_of_a_decision_knows_what_came_after_it() -> None:
    """Whatever the decision's own week and all later ones sold, at whatever price, its features stay the same."""
    history = market(seed=8, articles=120)[0]
    model = LogLinear()
    model.fit(history, WEEK, seed=1)
    decision = pd.Timestamp(WEEK - timedelta(weeks=10))
    later = (history["week"] >= decision).to_numpy()
    rng = np.random.default_rng(0)
    other = history.assign(
        units=np.where(later, rng.integers(0, 99, len(history)), history["units"]),
        price=np.where(later, 0.5 * history["list_price"], history["price"]),
        stock=np.where(history["week"] > decision, 1, history["stock"]),
        stores=np.where(history["week"] > decision, 1, history["stores"]),
    )
    known, known_otherwise = features(model, history, 10), features(model, other, 10)
    assert len(known["log_level"]) >= 20
    for name in known:
        np.testing.assert_array_equal(known[name], known_otherwise[name], err_msg=name)


def test_what_was_sold_before_the_decision_does_count() -> None:
    history, articles = market(seed=8, articles=120)
    history, articles = history.drop(columns=["mean"]), articles.drop(columns=["mean"])
    model = GradientBoosting()
    model.fit(history, WEEK, seed=1)
    prices = articles[["price"]].to_numpy()
    better = history.assign(units=history["units"] * 2, stock=history["stock"] * 2)
    seen = history["article_id"].isin(articles["article_id"]).any()
    assert seen
    more = model.forecast(articles, better, WEEK).units(prices, 1).sum()
    assert more > 1.3 * model.forecast(articles, history, WEEK).units(prices, 1).sum()


def test_trees_learn_what_the_log_linear_form_cannot_say() -> None:
    """Articles of one fabric sell three times as much from their tenth week on."""
    history, articles = market(seed=9, articles=400, dispersion=0.05)
    rng = np.random.default_rng(1)
    late_bloomer = dict(zip(history["article_id"].unique(), rng.random(400) < 0.5, strict=False))

    def changed(frame: pd.DataFrame) -> pd.DataFrame:
        blooms = frame["article_id"].map(late_bloomer).fillna(False).astype(bool)
        age = (frame["week"] - frame["launch_week"]).dt.days // 7
        factor = np.where(blooms & (age >= 10), 3.0, 1.0)
        frame = frame.assign(attr_fabric=np.where(blooms, "wool", "silk"), mean=frame["mean"] * factor)
        return frame.assign(units=frame["units"] * factor, stock=frame["stock"] * 10, censored=False)

    history, articles = changed(history), changed(articles)
    young = ((articles["week"] - articles["launch_week"]).dt.days // 7).between(4, 8)
    asked = articles[young].reset_index(drop=True)
    ratios = {}
    for model in (GradientBoosting(), LogLinear()):
        model.fit(history, WEEK, seed=1)
        units = model.forecast(asked, history, WEEK).units(asked[["price"]].to_numpy(), 10)[:, 0, 9]
        wool = (asked["attr_fabric"] == "wool").to_numpy()
        now = model.forecast(asked, history, WEEK).units(asked[["price"]].to_numpy(), 1)[:, 0, 0]
        ratios[type(model)] = (units / now)[wool].mean() / (units / now)[~wool].mean()
    assert ratios[GradientBoosting] > 1.3 * ratios[LogLinear]


@pytest.mark.parametrize("model", [GradientBoosting(), LogLinear()])
def test_a_fresh_article_is_expected_to_sell_as_its_like_did(model) -> None:
    """No history of its own: what the buyer bought of it, its stores, price and category tell."""
    history, articles = market(seed=10, articles=300)
    model.fit(history, WEEK, seed=1)
    fresh = articles.assign(article_id=[f"new-{n}" for n in range(len(articles))], launch_week=articles["week"])
    fresh = pd.concat([fresh, fresh.assign(stock=fresh["stock"] * 4 + 50, article_id=fresh["article_id"] + "-big")])
    fresh = fresh.reset_index(drop=True)
    units = model.forecast(fresh, history, WEEK).units(fresh[["price"]].to_numpy(), 1)[:, 0, 0]
    half = len(fresh) // 2
    assert units[half:].sum() > 1.3 * units[:half].sum(), "the buyer bought more of what he expects to sell"
    known, unknown = (model.forecast(asked, history, WEEK).level_sd(1) for asked in (articles, fresh))
    assert unknown.mean() > 1.5 * known.mean(), "and we are less sure of it"


@pytest.mark.parametrize("model_class", [GradientBoosting, PlainBoosting])
def test_the_name_of_an_attribute_changes_nothing(model_class) -> None:
    """LightGBM refuses brackets, braces, colons, commas and quotes in names."""
    history, articles = market(seed=8, articles=60)
    forecasts = []
    for names in (("attr_a", "attr_b"), ('attr_size[cm]{}:,"', "attr_\N{PERSONAL COMPUTER} z")):
        sold, asked = (
            frame.assign(
                **{names[0]: frame["article_id"].str[-1], names[1]: frame["article_id"].str[-2:].astype(float)}
            )
            for frame in (history, articles)
        )
        model = model_class()
        model.fit(sold, WEEK, seed=1)
        model = model_class.from_bytes(model.to_bytes())
        assert model.trees is not None
        forecasts.append(model.forecast(asked, sold, WEEK).units(asked[["price"]].to_numpy(), 3))
    np.testing.assert_array_equal(*forecasts)
