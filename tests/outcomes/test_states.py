"""The state of a price, of which 20.00 was wanted for an article with a list price of 100.00."""

import numpy as np
import pytest

from markdown_pricing.codes import APPLIED, APPLIED_LATE, END, LAUNCH, MIDDLE, NOT_APPLIED, OPEN, OVERTAKEN, UNKNOWN
from markdown_pricing.outcomes.states import AskedPrices, is_same, phases_of, states_of

UNSEEN = np.nan


@pytest.mark.parametrize(
    ("next", "after", "wanted_next", "has_after", "state"),
    [
        pytest.param(20.0, UNSEEN, UNSEEN, False, APPLIED, id="there at once"),
        pytest.param(20.0, 30.0, 30.0, True, APPLIED, id="there at once, and changed since"),
        pytest.param(30.0, UNSEEN, 20.0, False, OPEN, id="not there, and nothing delivered since"),
        pytest.param(30.0, 20.0, 20.0, True, APPLIED_LATE, id="there a week later"),
        pytest.param(30.0, 30.0, 25.0, True, OVERTAKEN, id="something else was wanted by then"),
        pytest.param(30.0, 30.0, 20.0, True, NOT_APPLIED, id="still wanted, and never there"),
        pytest.param(30.0, 30.0, UNSEEN, True, NOT_APPLIED, id="nothing wanted since, and never there"),
        pytest.param(30.0, UNSEEN, 20.0, True, NOT_APPLIED, id="gone in the week after"),
        pytest.param(UNSEEN, 20.0, 20.0, True, UNKNOWN, id="not in the first snapshot"),
    ],
)
def test_a_price_has_one_state(next: float, after: float, wanted_next: float, has_after: bool, state: str) -> None:
    each = (np.array([value]) for value in (100.0, 20.0, next, after, wanted_next))

    assert states_of(AskedPrices(*each, has_after=has_after)).tolist() == [state]


def test_a_price_is_the_same_within_a_part_of_the_list_price() -> None:
    """1.5 % of 100.00, to the cent; what is not known is the same as nothing."""
    prices = np.array([20.0, 21.5, 18.5, 21.51, 18.49, UNSEEN])

    assert is_same(prices, np.full(6, 20.0), np.full(6, 100.0)).tolist() == [True, True, True, False, False, False]


def test_a_life_has_three_parts_of_one_length() -> None:
    shares = np.array([0.0, 0.33, 1 / 3, 0.5, 2 / 3, 1.2, UNSEEN])

    assert phases_of(shares).tolist() == [LAUNCH, LAUNCH, MIDDLE, MIDDLE, END, END, None]
