"""Weeks of the year and holidays: what a country's two years can tell of them, and no more."""

from datetime import date, timedelta

import numpy as np
import pytest

from markdown_pricing.demand.calendar import PRIORS, calendar_effect, calendar_terms
from markdown_pricing.demand.pooling import Prior, SoldRows, fit_pooled
from markdown_pricing.training_data.features import week_of

FIRST = week_of(date(2023, 1, 2))
TWO_YEARS = FIRST + np.arange(104)
CLOSED, NEXT_CLOSED = -2, -1


def differs_by(per_closed_day: float, luck_sd: float = 0.0) -> np.ndarray:
    """What each week differs by, in logs, when nothing but closed days and luck moves it."""
    luck = np.random.default_rng(1).normal(0.0, luck_sd, len(TWO_YEARS))
    return per_closed_day * calendar_terms("DEU", TWO_YEARS)[:, CLOSED] + luck


def learnt(differs: np.ndarray, units_a_week: float, articles: int = 20) -> np.ndarray:
    """The calendar's effects, of articles of ten categories that sell the same every week but for `differs`."""
    week, article = np.tile(TWO_YEARS - FIRST, articles), np.repeat(np.arange(articles), len(TWO_YEARS))
    rows, nothing = len(week), Prior(np.zeros(1), np.ones(1), np.ones(1))
    sold = SoldRows(
        units=np.rint(units_a_week * np.exp(differs[week])),
        censored=np.zeros(rows, dtype=np.bool_),
        in_stock=np.ones(rows, dtype=np.bool_),
        x=np.zeros((rows, 1)),
        article=article,
        category=article % 10,
        week=week,
    )
    return fit_pooled(sold, calendar_terms("DEU", TWO_YEARS), nothing).calendar


def test_easter_tells_what_a_closed_day_costs_because_it_moves() -> None:
    effects = learnt(differs_by(-0.2), units_a_week=1e3)
    easter_of_the_next_year = np.array([week_of(date(2025, 4, 14)), week_of(date(2025, 4, 21))])
    an_ordinary_week = calendar_effect(effects, "DEU", np.array([week_of(date(2025, 3, 3))]))

    cost = calendar_effect(effects, "DEU", easter_of_the_next_year) - an_ordinary_week
    assert cost.mean() == pytest.approx(-0.2, abs=0.06)


def test_more_articles_do_not_make_a_weeks_luck_a_season() -> None:
    """However much is sold, two years are two observations of a week of the year."""
    lucky = differs_by(0.0, luck_sd=0.06)
    many, far_more = (learnt(lucky, 1e3, articles) for articles in (20, 200))

    np.testing.assert_allclose(many, far_more, atol=0.01)
    assert np.abs(many[:CLOSED]).max() < np.abs(lucky).max()


def test_nothing_sold_leaves_what_was_expected_beforehand() -> None:
    np.testing.assert_allclose(learnt(differs_by(0.0), units_a_week=0.0), PRIORS[:, 0], atol=0.02)


def test_a_week_has_one_effect_wherever_it_is_asked() -> None:
    effects = PRIORS[:, 0] + np.linspace(-0.1, 0.1, len(PRIORS))
    weeks = np.array([[FIRST, FIRST + 60], [FIRST + 60, FIRST]])
    monday = date(2023, 1, 2) + timedelta(weeks=60)

    answer = calendar_effect(effects, "DEU", weeks)

    assert answer.shape == (2, 2)
    assert answer[0, 1] == answer[1, 0] == calendar_effect(effects, "DEU", np.array([week_of(monday)]))[0]
