"""Parts of the dynamic programme. What it plans is in test_planning.py, and which rules it keeps in test_limits.py."""

import numpy as np
import pytest

from markdown_pricing.markdown.dynamic_programme import FORBIDDEN, _best_below, _best_of_some, _first_rungs


@pytest.mark.parametrize("gap", [0, 1, 3])
def test_the_best_move_below_a_rung_is_the_best_of_those_that_are_allowed(gap: int) -> None:
    """A rule may forbid small steps, so that a move leads only to rungs some way below."""
    rng = np.random.default_rng(gap)
    rungs = np.arange(8)
    reachable = rng.random((50, 1, 8)) < 0.8
    steps = rng.integers(1, 2 + gap, (50, 8, 1))
    steps[:, 0] = 1  # from the first rung all are reached that can be reached at all
    moves = reachable & (rungs >= rungs[:, np.newaxis] + steps)
    moved = rng.normal(size=(50, 8, 4, 11)).astype(np.float32)
    moved[~moves.any(axis=1)] = FORBIDDEN
    first = _first_rungs(moves)
    assert first is not None
    np.testing.assert_array_equal(_best_below(moved, first), _best_of_some(moved, moves))


def test_a_largest_step_leaves_no_single_first_rung() -> None:
    rungs = np.arange(8)
    down = rungs - rungs[:, np.newaxis]
    assert _first_rungs(((down > 0) & (down <= 2))[np.newaxis]) is None
