"""The coming week's forecast: what it adds to the base's, and the traps in which it must not fall.

Docstrings say what to take out of the code to see the test fail.
"""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from markdown_pricing.demand import log_linear as log_linear_module
from markdown_pricing.demand import near as near_module
from markdown_pricing.demand import state as state_module
from markdown_pricing.demand.anchor import price_features, unit_features
from markdown_pricing.demand.coming_week import ComingWeek, features_of
from markdown_pricing.demand.gradient_boosting import GradientBoosting
from markdown_pricing.demand.log_linear import LogLinear
from markdown_pricing.demand.seen import SeenFrame
from markdown_pricing.demand.surroundings import Surroundings
from tests.demand.market import WEEK, market
from tests.demand.shops import DIP, shops

HIDDEN = ["mean", "promoted_before"]
Sold = tuple[GradientBoosting, pd.DataFrame, pd.DataFrame]


@pytest.fixture(scope="module")
def sold() -> Sold:
    """A model of shops in which the coming week's forecast counts, their history and their snapshot."""
    history, articles = shops()
    model = GradientBoosting()
    model.fit(history.drop(columns=HIDDEN), WEEK, seed=1)
    assert model.near is not None
    assert model.near.weights[0] > 0.3
    return model, history, articles


def units(model: GradientBoosting, articles: pd.DataFrame, history: pd.DataFrame, share: float = 1.0) -> np.ndarray:
    return model.forecast(articles, history, WEEK).units(articles[["price"]].to_numpy() * share, 4)[:, 0]


def test_the_dip_after_a_promotion_is_foreseen(sold) -> None:
    """After a promotion an article sells half of what others do. The base alone expects hardly any less.

    Take out: in local_terms.terms_around give `own` in place of `last`, and in coming_week the lags of attributes and
    prices.
    """
    model, history, articles = sold
    after = articles["promoted_before"].to_numpy()

    def relative(answers: np.ndarray) -> float:
        ratio = answers[:, 0] / articles["mean"].to_numpy()
        return float(np.median(ratio[after]) / np.median(ratio[~after]))

    alone, mixed = (
        relative(units(replace(model, near=None), articles, history)),
        relative(units(model, articles, history)),
    )
    assert alone > 1.4
    assert mixed == pytest.approx(1.0, abs=0.75 * (alone - 1.0))
    linear = model.near.coming.linear
    promoted_last_week = linear.beta[-1, 2:4] @ [np.log(0.75), 1 / history["attr_leaflet"].std()]
    assert promoted_last_week == pytest.approx(np.log(DIP), abs=0.25)


def test_endogeneity_with_promotions_the_answer_to_a_price_is_the_bases(sold) -> None:
    """The manager promotes in weeks of which he knows that they will be good. No such knowledge enters the answer.

    Take out: in near.Near.correction take the coming week's forecast anew at each price.
    """
    model, history, articles = sold
    base = replace(model, near=None)
    for share in (0.9, 0.7, 0.5):
        answers = [units(one, articles, history, share) / units(one, articles, history) for one in (model, base)]
        np.testing.assert_allclose(*answers, rtol=1e-9)


def test_what_a_promotion_adds_to_a_cut_is_found_by_the_anchor() -> None:
    """A promotion with a further cut sells three times what both do alone, which no sum of effects can say.

    Take out: in coming_week.log_mean return before the anchor is asked.
    """
    both, _ = shops(seed=4, articles=80, together=1.1, luck=0.05)
    week = both["week"].max()
    history, articles = (both[rows].reset_index(drop=True) for rows in (both["week"] < week, both["week"] == week))
    model = GradientBoosting()
    model.fit(history.drop(columns=HIDDEN), week.date(), seed=1)
    assert model.near is not None
    errors = []
    for coming in (replace(model.near.coming, anchor=None), model.near.coming):
        one = replace(model, near=replace(model.near, coming=coming))
        asked = one.forecast(articles, history, week.date()).units(articles[["price"]].to_numpy(), 1)[:, 0, 0]
        errors.append(float(np.abs(np.log(articles["mean"] / asked)).mean()))
    assert errors[1] < 0.9 * errors[0]


def seen_by(history: pd.DataFrame, model: LogLinear) -> tuple[SeenFrame, np.ndarray]:
    """The history as the coming week's model sees it, and the regression's forecast of each row."""
    learnt = model.learn(history, 1)
    assert learnt is not None
    around = Surroundings.of(history, model.design)
    seen = SeenFrame.of(model, history, learnt.panel, learnt.rows, np.full(len(history), 4.0), around)
    return seen, np.where(np.isfinite(seen.local.past), seen.local.past, 0.0)


def test_no_tree_but_the_anchors_knows_the_weeks_own_price_and_none_its_sales_or_what_came_later() -> None:
    """Take out: in coming_week.features_of begin the prices at lag 0, or give past_mean's mean after each week.

    Of the anchor: in anchor.price_features take the lowest price without its lag, or in anchor.unit_features begin the
    units at lag 0.
    """
    history = shops(seed=3, articles=12)[0]
    some = pd.Timestamp(WEEK - timedelta(weeks=20))
    changed = ((history["week"] >= some) & (history["article_id"] == "S004")).to_numpy()
    other = history.assign(
        price=np.where(changed, 0.4, history["price"]), units=np.where(changed, 7.0, history["units"])
    )
    model = LogLinear()
    answers, anchors, plain = [], [], []
    for frame in (history, other):
        seen, past = seen_by(frame, model)
        at = np.flatnonzero(changed & (frame["week"] == some))
        answers.append(features_of(seen, past, at))
        anchors.append(price_features(seen, past, at))
        plain.append(unit_features(seen, at))
    for name, values in answers[0].items():
        np.testing.assert_allclose(answers[1][name], values, atol=1e-9, err_msg=name)
    moved = np.log(0.4 / history["price"][changed & (history["week"] == some)].item())
    assert {"price", "price_to_last_week", "price_to_past", "price_to_lowest", "price_to_others"} <= anchors[0].keys()
    assert {"price", "price_to_last_week", "price_to_8_weeks", "price_to_highest"} <= plain[0].keys()
    for before, after in (anchors, plain):
        for name in (name for name in before if name.startswith("price")):
            assert after[name] - before[name] == pytest.approx(moved), f"{name}: the week's own price, no later one"
    for name in (name for name in plain[0] if not name.startswith("price")):
        np.testing.assert_allclose(plain[1][name], plain[0][name], atol=1e-9, err_msg=name)


def test_weights_are_measured_on_weeks_that_no_model_had_seen(monkeypatch) -> None:
    """Capacity is chosen without looking at the weeks that choose it.

    Take out: in near._measured fit the trial up to `panel.weeks`, or give `base` in place of `base.as_of`.
    """
    history = shops(seed=2, articles=20)[0].drop(columns=HIDDEN)
    last = (history["week"] >= pd.Timestamp(WEEK - timedelta(weeks=13))).to_numpy()
    odd = history.assign(units=np.where(last, history["units"] * (1 + 9 * history["attr_leaflet"]), history["units"]))
    fits: list[int] = []
    models: list[np.ndarray] = []
    fit, judge_of = ComingWeek.fit, near_module._Judge.of
    monkeypatch.setattr(
        ComingWeek,
        "fit",
        lambda seen, demand, until, *rest, **more: fits.append(until) or fit(seen, demand, until, *rest, **more),
    )
    monkeypatch.setattr(
        near_module._Judge, "of", lambda earlier, *rest: models.append(earlier.beta) or judge_of(earlier, *rest)
    )
    betas = []
    for frame in (history, odd):
        model = GradientBoosting()
        model.fit(frame, WEEK, seed=1)
        betas.append(model.base.beta)
    assert set(fits[:1]) == {90 - 13}
    assert np.abs(betas[0] - betas[1]).max() > 0.1
    np.testing.assert_allclose(*models, atol=0.02)


@pytest.mark.parametrize("helps", [True, False])
def test_all_articles_of_a_large_country_are_looked_at_only_where_the_coming_week_helps(helps, monkeypatch) -> None:
    """Take out: in near._measured make what is seen among all of the history at once."""
    history = shops(seed=5, articles=60)[0].drop(columns=HIDDEN)
    monkeypatch.setattr(log_linear_module, "LARGEST_FIT_ROWS", len(history) // 2)
    monkeypatch.setattr(near_module, "LEAST_WEIGHT", 0.0 if helps else 1.0)
    rows: list[int] = []
    around_of = Surroundings.of
    monkeypatch.setattr(Surroundings, "of", lambda frame, design: rows.append(len(frame)) or around_of(frame, design))
    model = GradientBoosting()
    model.fit(history, WEEK, seed=1)
    assert (model.near is not None) == helps
    assert rows[0] < 0.7 * len(history)
    assert rows[1:] == ([len(history)] if helps else [])


@pytest.mark.parametrize("hope", [True, False])
def test_a_few_articles_say_whether_all_are_worth_a_look(hope, monkeypatch) -> None:
    """Take out: in near.learn_near the measurement of the few, or its comparison with LEAST_HOPE."""
    history = shops(seed=5, articles=60)[0].drop(columns=HIDDEN)
    at_once, model = GradientBoosting(), GradientBoosting()
    at_once.fit(history, WEEK, seed=1)
    monkeypatch.setattr(near_module, "FIRST_LOOK_ROWS", len(history) // 3)
    monkeypatch.setattr(near_module, "LEAST_HOPE", 0.0 if hope else 1.0)
    rows: list[int] = []
    around_of = Surroundings.of
    monkeypatch.setattr(Surroundings, "of", lambda frame, design: rows.append(len(frame)) or around_of(frame, design))
    model.fit(history, WEEK, seed=1)
    assert 0.2 * len(history) < rows[0] < 0.5 * len(history)
    assert rows[1:] == ([len(history)] if hope else [])
    assert (model.near is not None) == hope
    if model.near is not None and at_once.near is not None:
        np.testing.assert_array_equal(model.near.weights, at_once.near.weights)


def test_the_base_is_judged_by_the_mean_that_it_forecasts_and_trees_learn_from_weeks_whose_luck_is_known(
    monkeypatch,
) -> None:
    """Take out: in near._Judge._base_at what the curve misses; or count it in GradientBoosting.fit, too."""
    history = shops(seed=5, articles=60)[0].drop(columns=HIDDEN)
    foreseen: list[np.ndarray] = []
    base_at = near_module._Judge._base_at
    monkeypatch.setattr(near_module._Judge, "_base_at", lambda *rows: foreseen.append(base_at(*rows)) or base_at(*rows))
    trees = []
    for variance in (state_module.CURVE_VARIANCE, 0.0):
        monkeypatch.setattr(state_module, "CURVE_VARIANCE", variance)
        model = GradientBoosting()
        model.fit(history, WEEK, seed=1)
        assert model.trees is not None
        trees.append(model.trees.model_to_string())
    counted, not_counted = foreseen[: len(foreseen) // 2], foreseen[len(foreseen) // 2 :]
    for more, less in zip(counted, not_counted, strict=True):
        np.testing.assert_allclose(more - less, 0.025)
    assert trees[0] == trees[1]


def test_the_coming_week_fades_with_the_weeks_ahead(sold) -> None:
    """Take out: in skill.weights_ahead return the first weight for all weeks."""
    model, history, articles = sold
    asked = articles[["price"]].to_numpy()
    mixed, alone = (
        one.forecast(articles, history, WEEK).units(asked, 15)[:, 0] for one in (model, replace(model, near=None))
    )
    apart = np.abs(np.log(mixed / alone))
    assert apart[:, 0].mean() > 2 * apart[:, 7].mean()
    np.testing.assert_allclose(apart[:, 8:], 0.0, atol=1e-9)


def test_an_article_without_a_past_has_the_bases_forecast(sold) -> None:
    model, history, articles = sold
    new = articles.assign(article_id=[f"new-{number}" for number in range(len(articles))])
    np.testing.assert_array_equal(units(model, new, history), units(replace(model, near=None), new, history))


def test_among_all_articles_of_the_week_a_part_is_answered_as_the_whole(sold) -> None:
    """The plan asks for articles in parts. What their neighbours ask is known all the same."""
    model, history, articles = sold
    whole = units(model.among(articles), articles, history)
    part = units(model.among(articles), articles.iloc[5:9].reset_index(drop=True), history)
    np.testing.assert_allclose(part, whole[5:9], rtol=1e-9)
    assert np.abs(np.log(whole / units(model, articles, history))).max() > 1e-3, "neighbours count"


@pytest.mark.parametrize("gone", ["attr_shop", "attr_leaflet"])
def test_a_kept_model_answers_when_a_column_is_delivered_no_more(sold, gone) -> None:
    model, history, articles = sold
    left = units(model.among(articles.drop(columns=gone)), articles.drop(columns=gone), history.drop(columns=gone))
    assert np.abs(np.log(left[:, 0] / units(model, articles, history)[:, 0])).mean() < 0.5


def test_more_threads_change_no_forecast(sold) -> None:
    model, history, articles = sold
    threaded = GradientBoosting()
    threaded.fit(history.drop(columns=HIDDEN), WEEK, seed=1, threads=2)
    np.testing.assert_array_equal(units(threaded, articles, history), units(model, articles, history))


def test_the_bytes_hold_the_coming_week_too(sold) -> None:
    model, history, articles = sold
    again = GradientBoosting.from_bytes(model.to_bytes())
    np.testing.assert_array_equal(units(again, articles, history), units(model, articles, history))


def test_where_it_does_not_help_the_base_stands_alone() -> None:
    """Seasons of fashion with few units a week: the filter knows better."""
    model = GradientBoosting()
    model.fit(market(seed=1, articles=100)[0].drop(columns=["mean", "elasticity"]), WEEK, seed=1)
    assert model.near is None
