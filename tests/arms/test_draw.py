"""Cells are drawn within countries of like size, by a seed; power and cost are told before."""

from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest

from markdown_pricing.arms.draw import (
    STRATA,
    Cell,
    Draw,
    arms_of,
    cheapest,
    choices,
    draw_held,
    draw_season,
    held_by_stratum,
    strata_of,
)

CATEGORIES = [f"category {number}" for number in range(6)]
SIZES = {"DEU": 100.0, "FRA": 60.0, "POL": 30.0, "AUT": 20.0, "CZE": 8.0, "MLT": 1.0}
MONDAY = date(2026, 3, 2)


def cells(noise: float = 0.02, gain: float = 10.0) -> pd.DataFrame:
    """Six countries with six categories each, whose ratios scatter by `noise`."""
    rng = np.random.default_rng(5)
    rows = [
        {"country": country, "category": category, "list_value": 1_000 * size}
        for country, size in SIZES.items()
        for category in CATEGORIES
    ]
    found = pd.DataFrame(rows)
    ratio = 0.7 + noise * rng.standard_normal(len(found))
    found = found.assign(revenue=ratio * found["list_value"], before=ratio, earlier=np.nan, gain=gain)
    return found.assign(stratum=strata_of(found))


def given(season: str = "SS26", seed: int = 7, share: float = 0.25) -> Draw:
    return Draw(season, MONDAY, seed, share, datetime(2026, 2, 25, 9, tzinfo=UTC), ())


def test_countries_of_like_size_are_drawn_among_each_other() -> None:
    found = cells().groupby("country")["stratum"].first().to_dict()

    assert found == dict(zip(SIZES, np.repeat(STRATA, 2), strict=True))


def test_few_cells_are_one_stratum() -> None:
    few = cells().iloc[:4].drop(columns="stratum")

    assert strata_of(few).nunique() == 1


def test_of_each_stratum_its_share_is_held_and_in_each_arm_are_two_cells_at_least() -> None:
    strata = pd.Series(["a"] * 20 + ["b"] * 5 + ["c"] * 3)

    assert held_by_stratum(strata, 0.25) == {"a": 5, "b": 2, "c": 0}
    assert held_by_stratum(strata, 0.02) == {"a": 2, "b": 2, "c": 0}
    held = draw_held(strata, 0.25, seed=1)
    assert [held[(strata == name).to_numpy()].sum() for name in "abc"] == [5, 2, 0]


def test_the_seed_makes_the_draw() -> None:
    strata = cells()["stratum"]

    one, again, other = (draw_held(strata, 0.25, seed) for seed in (7, 7, 8))

    assert (one == again).all()
    assert (one != other).any()


def test_each_cell_is_as_likely_as_the_others_of_its_stratum() -> None:
    strata = pd.Series(["a"] * 8)

    often = np.mean([draw_held(strata, 0.25, seed) for seed in range(2_000)], axis=0)

    assert often == pytest.approx(0.25, abs=0.04)


def test_a_larger_share_finds_less_and_costs_more() -> None:
    found = choices(cells(), seed=3)

    assert [each.held for each in found] == sorted({each.held for each in found})
    assert found[0].detectable > found[-1].detectable
    assert found[-1].cost > found[0].cost
    assert found[-1].cost == pytest.approx(10.0 * found[-1].held)


def test_what_scatters_more_takes_more_to_find() -> None:
    calm, wild = (choices(cells(noise), seed=3)[0].detectable for noise in (0.02, 0.08))

    assert wild == pytest.approx(4 * calm, rel=0.1)


def test_the_smallest_share_is_taken_that_finds_what_is_reckoned() -> None:
    found = choices(cells(), seed=3)
    between = (found[0].detectable + found[-1].detectable) / 2

    chosen = cheapest(found, between)

    assert chosen is not None
    assert chosen.detectable <= between
    assert all(each.detectable > between for each in found if each.share < chosen.share)
    assert cheapest(found, found[-1].detectable / 10) is None
    assert cheapest(found, float("nan")) is None


def test_a_draw_is_kept_and_read_again() -> None:
    draw = draw_season(cells(), given(), {})

    assert Draw.from_json(draw.to_json()) == draw


def test_a_rounds_arms_begin_with_the_draws_first_week() -> None:
    draw = draw_season(cells(), given(), {})

    arms = arms_of([draw], "DEU", MONDAY)

    assert arms_of([draw], "DEU", date(2026, 2, 23)) == {}
    assert arms_of([draw], "ESP", MONDAY) == {}
    assert set(arms) == {("SS26", category) for category in CATEGORIES}
    assert arms == {("SS26", cell.category): cell.arm for cell in draw.cells if cell.country == "DEU"}


def test_of_two_seasons_at_once_the_later_one_keeps_the_cells_arms_and_draws_new_ones() -> None:
    """Else articles of one category would stand beside each other under two ways of pricing."""
    first = draw_season(cells(), given(), {})
    later = pd.concat([cells(), cells().assign(category=lambda all: "new " + all["category"])], ignore_index=True)

    second = draw_season(later, given("AW26", seed=99), {cell.key: cell for cell in first.cells})

    arms = {cell.key: cell.arm for cell in second.cells}
    assert {cell.key: cell.arm for cell in first.cells}.items() <= arms.items()
    new = [cell for cell in second.cells if cell.category.startswith("new")]
    assert all(cell.stratum.endswith(", new") for cell in new)
    assert {cell.arm for cell in new} == {"plan", "habit"}


def test_a_cell_without_a_past_has_none() -> None:
    draw = draw_season(cells().assign(before=np.nan), given(), {})

    assert draw.cells[0] == Cell("DEU", "category 0", STRATA[0], draw.cells[0].arm, None)
    assert draw.frame()["before"].isna().all()
