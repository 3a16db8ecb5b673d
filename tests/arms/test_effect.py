"""The interval of an effect: right where it can be worked out, wide where cells scatter, and honest over many draws."""

from dataclasses import replace

import numpy as np
import pytest

from markdown_pricing.arms.effect import Cells, effect_of, spread_of_draws

STRATA = np.repeat([0, 1, 2], 14)


def market(effect: float, seed: int, noise: float = 0.05, uneven: float = 0.0) -> Cells:
    """42 cells of which a third is on the habit; the plan brings `effect` more, in some cells more than in others."""
    rng = np.random.default_rng(seed)
    on_plan = np.concatenate([rng.permutation(np.arange(14) >= 4) for _ in range(3)])
    level = 0.7 + 0.1 * rng.standard_normal(42)
    own = effect + uneven * rng.standard_normal(42)
    ratio = level * (1 + np.where(on_plan, own, 0.0)) + noise * rng.standard_normal(42)
    return Cells(STRATA, on_plan, 1 + rng.random(42), ratio, level + 0.02 * rng.standard_normal(42))


def test_what_every_cell_shows_is_the_effect() -> None:
    """Equal cells, of which those with the plan bring a tenth more."""
    on_plan = np.arange(42) % 3 > 0
    ratio = np.where(on_plan, 0.77, 0.7)

    found = effect_of(Cells(STRATA, on_plan, np.ones(42), ratio, np.full(42, np.nan)), seed=1)

    assert found is not None
    assert found.value == pytest.approx(0.1, abs=1e-6)
    assert (found.held, found.cells) == (14, 42)
    assert found.low == pytest.approx(0.1, abs=1e-6)
    assert found.high == pytest.approx(0.1, abs=1e-6)


def test_an_effect_that_is_there_is_found_and_its_interval_does_not_hold_0() -> None:
    found = effect_of(market(0.15, seed=3, noise=0.01), seed=1)

    assert found is not None
    assert 0 < found.low < 0.15 < found.high
    assert found.detectable < 0.15


@pytest.mark.parametrize("uneven", [0.0, 0.1])
def test_the_interval_holds_the_effect_in_about_19_of_20_draws(uneven: float) -> None:
    """Also where the plan is worth more in some cells than in others."""
    inside = 0
    for seed in range(200):
        found = effect_of(market(0.05, seed, uneven=uneven), seed=seed, draws=399)
        assert found is not None
        inside += found.low <= 0.05 <= found.high

    assert 182 <= inside <= 199


def test_the_same_seed_gives_the_same_interval() -> None:
    cells = market(0.05, seed=2)

    assert effect_of(cells, seed=4) == effect_of(cells, seed=4)


def test_what_cells_brought_before_makes_the_interval_narrower() -> None:
    cells = market(0.05, seed=2, noise=0.01)

    with_it, without = effect_of(cells, seed=1), effect_of(replace(cells, before=np.full(42, np.nan)), seed=1)

    assert with_it is not None
    assert without is not None
    assert with_it.high - with_it.low < 0.6 * (without.high - without.low)


def test_cells_that_scatter_more_have_a_wider_spread() -> None:
    calm, wild = (
        spread_of_draws(replace(market(0.0, 2, noise), before=np.full(42, np.nan)), 1, 400) for noise in (0, 0.3)
    )

    assert wild > 1.5 * calm


def test_a_stratum_without_two_cells_in_each_arm_tells_nothing() -> None:
    cells = market(0.05, seed=2)
    alone = replace(cells, on_plan=np.where(STRATA == 0, cells.on_plan, True))

    found = effect_of(alone, seed=1)

    assert found is not None
    assert (found.held, found.cells) == (4, 14)
    assert effect_of(replace(cells, on_plan=np.ones(42, dtype=bool)), seed=1) is None
