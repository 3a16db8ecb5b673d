"""What a log-linear fit hands on to models that build on it, and the mean of its forecast."""

import numpy as np
import pandas as pd

from markdown_pricing.demand import state
from markdown_pricing.demand.log_linear import LogLinear
from tests.demand.market import WEEK, market


def test_a_part_of_what_was_learnt_says_of_its_articles_what_the_whole_says() -> None:
    """Break: in Learnt.part leave any array in the order of the whole."""
    history = market(seed=8, articles=60)[0].sample(frac=1.0, random_state=1)
    whole = LogLinear().learn(history, seed=1)
    assert whole is not None
    some = np.random.default_rng(2).permutation(len(whole.guess))[:20]
    part = whole.part(some)
    assert part.panel.article_ids.tolist() == whole.panel.article_ids[some].tolist()
    assert (part.panel.weeks, part.panel.first_week) == (whole.panel.weeks, whole.panel.first_week)
    for of_rows in ("demand", "curve"):
        values, all_values = (learnt.panel.grid(getattr(learnt, of_rows)) for learnt in (part, whole))
        np.testing.assert_array_equal(values, all_values[some], err_msg=of_rows)
    for term in range(part.rows.terms.shape[1]):
        cells, all_cells = (learnt.panel.grid(learnt.rows.terms[:, term]) for learnt in (part, whole))
        np.testing.assert_array_equal(cells, all_cells[some], err_msg=f"term {term}")
    for of_articles in ("guess", "log_level"):
        np.testing.assert_array_equal(getattr(part, of_articles), getattr(whole, of_articles)[some])
    np.testing.assert_array_equal(part.rows.launch, whole.rows.launch[some])
    np.testing.assert_array_equal(part.search.effects.articles, whole.search.effects.articles[some])
    last = np.full(len(some), whole.panel.weeks)
    known, all_known = part.level.before((np.arange(len(some)), last)), whole.level.before((some, last))
    np.testing.assert_array_equal(known[0], all_known[0])
    np.testing.assert_array_equal(known[1], all_known[1])
    sold = part.panel.article_ids[part.panel.row]
    pd.testing.assert_series_equal(part.history["article_id"], pd.Series(sold, name="article_id"), check_dtype=False)


def test_the_mean_lies_above_the_median_by_what_the_curve_misses_too_and_more_so_far_ahead(monkeypatch) -> None:
    """Take out: in state.above_median the curve's variance, or its growth."""
    history, articles = market(seed=8, articles=60)
    model = LogLinear()
    model.fit(history, WEEK, seed=1)
    prices = articles[["price"]].to_numpy()
    mean = model.forecast(articles, history, WEEK).units(prices, 12)[:, 0]
    monkeypatch.setattr(state, "CURVE_VARIANCE", 0.0)
    monkeypatch.setattr(state, "CURVE_VARIANCE_A_WEEK", 0.0)
    of_the_level_alone = model.forecast(articles, history, WEEK).units(prices, 12)[:, 0]
    np.testing.assert_allclose(np.log(mean / of_the_level_alone)[:, [0, 11]], [[0.025, 0.069]] * len(articles))


def test_a_level_of_which_little_is_known_raises_the_mean_no_further_and_the_curve_comes_on_top() -> None:
    """Take out: LARGEST_UPLIFT, or put the curve's variance below it."""
    variance, ahead = np.array([0.2, 3.0]), np.array([0, 11])
    np.testing.assert_allclose(state.above_median(variance, ahead), [0.125, 0.569])
