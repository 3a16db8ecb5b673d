"""Units of a demand model that can't be planned with."""

from collections.abc import Sequence

import numpy as np
import pytest

from markdown_pricing.markdown.planning import plan
from markdown_pricing.markdown.valuation import BadUnits
from tests.markdown.seasons import article, demand, ladders_of


def shapes() -> Sequence[tuple[str, object]]:
    return [
        ("shape", lambda units: units[:, :-1]),
        ("not finite", lambda units: np.where(units == units.max(), np.nan, units)),
        ("below 0", lambda units: units - 100),
    ]


@pytest.mark.parametrize(("expected", "spoil"), shapes())
def test_units_that_cannot_be_planned_with_are_refused(expected: str, spoil: object) -> None:
    """A model's fault is named, not planned with."""
    ladders = ladders_of(article())

    with pytest.raises(BadUnits, match=expected):
        plan(ladders, spoil(demand(ladders)), np.array([0.2]))
