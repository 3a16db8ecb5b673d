"""A challenger is worse on real weeks when it is so week after week, by more than luck explains."""

import numpy as np
import pandas as pd

from markdown_pricing.backtest.real_weeks import RealWeeks, compare

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
    return compare(pd.concat([champion, challenger]), "old", "new")


def test_twice_the_units_are_worse_by_every_measure_and_the_sentence_says_by_how_much() -> None:
    found = judged(foretold("old", 1.0), foretold("new", 2.0))

    assert [one.name for one in found.worse] == MEASURES
    said = str(found)
    assert said.startswith(
        "new forecasts 8 real weeks worse than old: WAPE one week ahead 0.989 against 0.139, 0.850 more"
    )
    assert "0.850 more (90 % interval +0.819 to +0.8" in said


def test_a_better_one_is_not_worse() -> None:
    found = judged(foretold("old", 2.0), foretold("new", 1.0))

    assert found.worse == ()
    assert str(found) == "new forecasts 8 real weeks no worse than old, as far as they can tell."


def test_one_that_is_wrong_after_price_changes_alone_is_found_there() -> None:
    found = judged(foretold("old", 1.0, noise=0.6), foretold("new", 1.0, 0.5, noise=0.5))

    assert [one.name for one in found.worse] == ["bias after a price change"]


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
