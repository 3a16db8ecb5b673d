"""What a model answers is let in at one place: an answer that breaks the contract is refused there, with its fault."""

from dataclasses import replace

import numpy as np
import pytest

from markdown_pricing.forecast import (
    SHELF_SHARES,
    USUAL_DISPERSION,
    BrokenModel,
    Demand,
    Forecast,
    with_level_unknown,
)

PRICES = np.array([[10.0, 8.0], [5.0, 5.0]])
WEEKS = 3


def ten_a_week(prices: np.ndarray, weeks: int) -> np.ndarray:
    return np.full((*prices.shape, weeks), 10.0)


SHORT = Forecast("Short", ten_a_week)


def test_a_model_has_to_say_its_name_and_its_units() -> None:
    """Demand then has the usual dispersion, is taken for certain and does not fall with the stock."""
    demand = SHORT.at(PRICES, WEEKS)

    assert demand.units.shape == (2, 2, WEEKS)
    assert demand.dispersion.tolist() == [USUAL_DISPERSION, USUAL_DISPERSION]
    assert (demand.shelf, demand.level_sd, SHORT.elasticity) == (None, None, None)
    assert demand.dispersion_in(0) is demand.dispersion


def test_one_dispersion_may_stand_for_all_articles() -> None:
    for said in (0.2, np.array([0.2, 0.2])):
        assert replace(SHORT, dispersion=said).at(PRICES, WEEKS).dispersion.tolist() == [0.2, 0.2]


def test_what_nobody_knows_of_the_level_widens_the_dispersion_of_a_week() -> None:
    """Against a large draw: negative-binomial demand whose mean is log-normal."""
    demand = replace(SHORT, dispersion=0.2, level_sd=lambda weeks: np.full((2, weeks), 0.4)).at(PRICES, WEEKS)
    random = np.random.default_rng(0)
    mean = 10 * np.exp(random.normal(-(0.4**2) / 2, 0.4, 400_000))
    drawn = random.negative_binomial(5, 5 / (5 + mean))

    assert demand.dispersion_in(1) == pytest.approx(with_level_unknown(np.array([0.2, 0.2]), np.array([0.16, 0.16])))
    assert demand.dispersion_in(1)[0] == pytest.approx((drawn.var() - drawn.mean()) / drawn.mean() ** 2, rel=0.05)


@pytest.mark.parametrize(
    ("fault", "spoil"),
    [
        ("its units have the shape", lambda units: units[:, :-1]),
        (
            "the units of article 1 are nan at the price .*, 0 weeks ahead, which is not finite",
            lambda units: units * np.array([1, np.nan])[:, None, None],
        ),
        ("the units of article 0 are -1 at the price .*, which is below 0", lambda units: units - 11),
        (
            "the units of article 0 are 10 at the price .*, and less at the next lower price",
            lambda units: units * np.array([1.0, 0.5])[:, None],
        ),
    ],
)
def test_units_that_break_the_contract_are_refused(fault: str, spoil: object) -> None:
    """The message names the model and the article."""
    broken = replace(SHORT, units=lambda prices, weeks: spoil(ten_a_week(prices, weeks)))

    with pytest.raises(BrokenModel, match=f"The demand model Short broke its contract: {fault}"):
        broken.at(PRICES, WEEKS)


def test_a_broken_answer_names_the_article_by_its_id() -> None:
    """With the value, so that whoever corrects the model can look it up."""
    broken = replace(SHORT, dispersion=np.array([0.1, -2.5]), ids=("A1", "B2"))

    with pytest.raises(BrokenModel, match=r"its dispersion of article B2 is -2\.5, which is not a number"):
        broken.at(PRICES, WEEKS)


def test_units_that_differ_in_the_last_digits_are_let_in() -> None:
    answer = ten_a_week(PRICES, WEEKS)
    answer[:, 1] -= 1e-9

    assert replace(SHORT, units=lambda prices, weeks: answer).at(PRICES, WEEKS).units is answer


def shelf(values: object) -> np.ndarray:
    return np.broadcast_to(np.asarray(values, dtype=float), (2, len(SHELF_SHARES)))


@pytest.mark.parametrize(
    ("fault", "parts"),
    [
        ("dispersion", {"dispersion": np.array([0.1])}),
        ("dispersion", {"dispersion": -0.1}),
        ("dispersion", {"dispersion": np.nan}),
        ("level_sd", {"level_sd": lambda weeks: np.zeros(2)}),
        ("level_sd", {"level_sd": lambda weeks: np.full((2, weeks), -1.0)}),
        ("elasticity", {"elasticity": (np.zeros(2), np.zeros(1))}),
        ("shelf has the shape", {"shelf": np.ones((2, 5))}),
        ("not above 0 and at most 1", {"shelf": shelf(0.0)}),
        ("not above 0 and at most 1", {"shelf": shelf(np.nan)}),
        ("not above 0 and at most 1", {"shelf": shelf(1.1)}),
        ("does not rise with the stock", {"shelf": shelf(np.linspace(1, 0.5, 33))}),
        ("does not rise with the stock", {"shelf": shelf(0.5)}),
    ],
)
def test_any_other_part_that_breaks_the_contract_is_refused(fault: str, parts: dict[str, object]) -> None:
    with pytest.raises(BrokenModel, match=fault):
        replace(SHORT, **parts).at(PRICES, WEEKS)


def test_a_forecast_of_no_articles_has_every_part() -> None:
    nothing = Forecast.for_no_articles("Short")
    demand = nothing.at(np.zeros((0, 4)), WEEKS)

    assert demand.units.shape == (0, 4, WEEKS)
    assert demand.shelf is not None
    assert demand.level_sd is not None
    assert nothing.elasticity is not None


def test_a_demand_that_is_known_is_a_forecast() -> None:
    known = Demand(ten_a_week(PRICES, WEEKS), np.array([0.1, 0.3]), shelf(1.0), np.zeros((2, WEEKS)))

    asked = Forecast.fixed("Short", known).at(PRICES, WEEKS)

    for name in ("units", "dispersion", "shelf", "level_sd"):
        assert np.array_equal(getattr(asked, name), getattr(known, name))
