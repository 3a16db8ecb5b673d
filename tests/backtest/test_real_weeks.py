"""A challenger is worse on real weeks when it is so week after week, by more than luck explains."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import stdtrit

from markdown_pricing.backtest.real_weeks import RealWeeks, compare_forecasts

WEEKS, ARTICLES = 8, 40
MEASURES = ["WAPE one week ahead", "bias one week ahead", "WAPE after a price change", "bias after a price change"]


def foretold(model: str, times: float, after_a_cut: float = 1.0, noise: float = 0.2, seed: int = 1) -> pd.DataFrame:
    """Eight weeks of which each article sold some 100 units, a quarter of them after a cut of 20 %."""
    week = np.repeat(np.arange(WEEKS), ARTICLES)
    actual = 100.0 + 20.0 * np.random.default_rng(0).normal(size=len(week))
    cut = np.tile(np.arange(ARTICLES) % 4 == 0, WEEKS)
    wrong = np.exp(noise * np.random.default_rng(seed).normal(size=len(week)))
    rows = pd.DataFrame({"model": model, "country": "AUT", "origin": week, "ahead": 0, "actual": actual})
    rows["article_id"] = np.tile(np.arange(ARTICLES), WEEKS)
    rows["step"] = np.where(cut, 0.8, 1.0)
    return rows.assign(expected=times * wrong * actual * np.where(cut, after_a_cut, 1.0))


def judged(champion: pd.DataFrame, challenger: pd.DataFrame) -> RealWeeks:
    return compare_forecasts(pd.concat([champion, challenger]), "old", "new")


def test_twice_the_units_are_worse_by_every_measure_and_the_sentence_says_by_how_much() -> None:
    found = judged(foretold("old", 1.0), foretold("new", 2.0))

    assert [one.name for one in found.worse] == MEASURES
    said = str(found)
    assert said.startswith(
        "new forecasts 8 real weeks worse than old: WAPE one week ahead 0.989 against 0.139, 0.850 more"
    )
    assert "0.850 more (interval +0.80" in said
    assert said.endswith("The 4 intervals hold together with a chance of 90 %.")


def test_a_better_one_is_not_worse() -> None:
    found = judged(foretold("old", 2.0), foretold("new", 1.0))

    assert found.worse == ()
    assert str(found) == "new forecasts 8 real weeks no worse than old, as far as they can tell."


def test_one_that_is_wrong_after_price_changes_alone_is_found_there() -> None:
    found = judged(foretold("old", 1.0, noise=0.6), foretold("new", 1.0, 0.5, noise=0.5))

    assert [one.name for one in found.worse] == ["bias after a price change"]


def test_too_few_units_are_as_bad_as_too_many() -> None:
    """A bias is compared without its sign, on either side."""
    found = judged(foretold("old", 1.2, noise=0.02), foretold("new", 0.6, noise=0.02))

    [bias] = [one for one in found.measures if one.name == "bias one week ahead"]
    assert (bias.champion, bias.challenger) == (pytest.approx(0.2, abs=0.01), pytest.approx(-0.4, abs=0.01))
    assert bias.more.value == pytest.approx(0.2, abs=0.01)
    assert bias.worse
    assert not judged(foretold("old", 0.6, noise=0.02), foretold("new", 1.2, noise=0.02)).worse


def test_the_order_of_rows_changes_nothing() -> None:
    rows = pd.concat([foretold("old", 1.0), foretold("new", 1.5, seed=2)], ignore_index=True)

    found, shuffled = (compare_forecasts(some, "old", "new") for some in (rows, rows.sample(frac=1.0, random_state=3)))

    assert [(one.champion, one.challenger, one.more.low, one.more.high) for one in shuffled.measures] == [
        pytest.approx((one.champion, one.challenger, one.more.low, one.more.high)) for one in found.measures
    ]


def test_countries_with_the_same_articles_and_weeks_are_told_apart() -> None:
    """One that is worse in a second, larger country is worse; a country has as much say as it has sold."""
    large = {name: foretold(name, times).assign(country="DEU") for name, times in (("old", 1.0), ("new", 1.5))}
    large = {
        name: rows.assign(actual=10 * rows["actual"], expected=10 * rows["expected"]) for name, rows in large.items()
    }
    small = [foretold("old", 1.0), foretold("new", 1.0)]

    found = compare_forecasts(pd.concat([*small, *large.values()]), "old", "new")

    [bias] = [one for one in found.measures if one.name == "bias one week ahead"]
    assert (found.weeks, bias.challenger) == (WEEKS, pytest.approx(0.5 * 10 / 11, abs=0.05))
    assert bias.worse


def test_the_more_is_compared_the_wider_each_interval_is() -> None:
    """So that all of them hold together as often as one alone: Student's quantiles of 7 degrees for 2 and 4 of them."""
    changing = judged(foretold("old", 1.0), foretold("new", 1.5, seed=2))
    still = judged(*(rows.assign(step=1.0) for rows in (foretold("old", 1.0), foretold("new", 1.5, seed=2))))

    widths = [found.measures[0].more.high - found.measures[0].more.low for found in (changing, still)]
    assert widths[0] / widths[1] == pytest.approx(stdtrit(7, 0.9875) / stdtrit(7, 0.975))


def test_luck_of_one_week_is_not_worse() -> None:
    unlucky = foretold("new", 1.0)
    unlucky.loc[unlucky["origin"] == 3, "expected"] *= 2

    assert judged(foretold("old", 1.0), unlucky).worse == ()


def test_a_steady_but_small_bias_is_none() -> None:
    found = judged(foretold("old", 1.0, noise=0.02), foretold("new", 1.03, noise=0.02))

    assert not any(one.name.startswith("bias") for one in found.worse)


def test_the_same_forecasts_are_no_worse() -> None:
    assert judged(foretold("old", 1.0), foretold("new", 1.0)).worse == ()


def test_two_weeks_refuse_nobody() -> None:
    few = [rows[rows["origin"] < 2] for rows in (foretold("old", 1.0), foretold("new", 2.0))]

    assert judged(*few).worse == ()


def test_without_a_price_change_only_the_whole_is_compared() -> None:
    still = [rows.assign(step=1.0) for rows in (foretold("old", 1.0), foretold("new", 2.0))]

    assert [one.name for one in judged(*still).measures] == MEASURES[:2]
