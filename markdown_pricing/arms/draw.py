"""Draw which cells of country × category are held on the old habit for a season, and what a share of them would show.

Cells and not articles, because customers buy one article in place of another of its category: a comparison by articles
would count as earned what an article takes from its neighbours (`bench/arms.py` shows by how much).
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime

import numpy as np
import pandas as pd

from markdown_pricing.arms.effect import LEAST, POWER_AND_SIZE, Cells, spread_of_draws
from markdown_pricing.arrays import BoolArray
from markdown_pricing.codes import ON_HABIT, ON_PLAN

SHARES = (0.05, 0.10, 0.15, 0.20, 0.25, 0.30, 0.40, 0.50)
"""The shares of cells that are weighed against each other."""
STRATA = ("large countries", "middle countries", "small countries")
LEAST_CELLS = 4
"""A stratum has at least so many cells on average: of fewer a draw has hardly a choice. Chosen on 2026-11-28."""
TRIED = 400
"""Draws by which the power of a share is told: its error is then some 4 % of itself."""

Key = tuple[str, str]
"""Country and category."""


@dataclass(frozen=True)
class Cell:
    """A category in a country, its stratum, and how its articles of the season are priced.

    before : what the articles that ended in the year before brought, over their list value; None without any
    """

    country: str
    category: str
    stratum: str
    arm: str
    before: float | None

    @property
    def key(self) -> Key:
        return self.country, self.category


@dataclass(frozen=True)
class Draw:
    """The cells of a season. Articles of it that are launched from `from_week` on are compared.

    kept_from : the earlier season from which cells keep their arm, as it was still in the shops; empty without one
    """

    season: str
    from_week: date
    seed: int
    share: float
    drawn_at: datetime
    cells: tuple[Cell, ...]
    kept_from: str = ""

    @property
    def held(self) -> tuple[Cell, ...]:
        return tuple(each for each in self.cells if each.arm == ON_HABIT)

    def frame(self) -> pd.DataFrame:
        """A row for each cell, with its fields."""
        return pd.DataFrame([asdict(each) for each in self.cells]).astype({"before": float})

    def to_json(self) -> str:
        return json.dumps(asdict(self), default=str, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "Draw":
        """The draw that `to_json` has written. Raises ValueError, KeyError and TypeError for another text."""
        fields = json.loads(text)
        return cls(
            **{
                **fields,
                "from_week": date.fromisoformat(fields["from_week"]),
                "drawn_at": datetime.fromisoformat(fields["drawn_at"]),
                "cells": tuple(Cell(**each) for each in fields["cells"]),
            }
        )


def arms_of(draws: Iterable[Draw], country: str, week: date) -> dict[Key, str]:
    """By season and category the arm of one country's articles in a week; empty where nothing was drawn for it."""
    return {
        (draw.season, cell.category): cell.arm
        for draw in draws
        if draw.from_week <= week
        for cell in draw.cells
        if cell.country == country
    }


@dataclass(frozen=True)
class HeldShare:
    """What holding a share of the cells would show, and what it would cost by the model's own reckoning.

    held : cells ; detectable : the effect that it finds with 4 chances in 5, as a share ; cost : in euros
    """

    share: float
    held: int
    detectable: float
    cost: float


def strata_of(cells: pd.DataFrame) -> "pd.Series[str]":
    """The stratum of each cell, by the size of its country: as many cells in each as can be without parting a country.

    cells : rows with country and list_value, in euros
    """
    size = cells.groupby("country")["list_value"].sum().sort_values(ascending=False, kind="stable")
    count = max(1, min(len(STRATA), len(size), len(cells) // LEAST_CELLS))
    names = STRATA if count == len(STRATA) else (STRATA[0], STRATA[-1])[:count]
    number = cells["country"].value_counts().reindex(size.index)
    middle = (number.cumsum() - number / 2) / max(len(cells), 1)
    place = np.minimum((middle * count).astype(int), count - 1)
    return cells["country"].map({country: names[at] for country, at in place.items()})


def held_by_stratum(strata: "pd.Series[str]", share: float) -> dict[str, int]:
    """How many cells of each stratum are held: two or more of each arm; none of a stratum that has fewer than four."""
    return {
        str(name): int(np.clip(round(share * count), LEAST, count - LEAST)) if count >= 2 * LEAST else 0
        for name, count in strata.value_counts().items()
    }


def draw_held(strata: "pd.Series[str]", share: float, seed: int) -> BoolArray:
    """Which cells are held on the habit, (cells,). The same cells in the same order give the same draw."""
    rng, held = np.random.default_rng(seed), np.zeros(len(strata), dtype=np.bool_)
    for name, number in sorted(held_by_stratum(strata, share).items()):
        held[rng.choice(np.flatnonzero(strata == name), number, replace=False)] = True
    return held


def choices(cells: pd.DataFrame, seed: int, shares: Sequence[float] = SHARES) -> list[HeldShare]:
    """What each share would show and cost; of shares that hold equally many cells the smallest.

    cells : rows with stratum, list_value, revenue (both of the year before, in euros), earlier (the ratio of the year
        before that, NaN where unknown) and gain: what the plan is reckoned to bring more than the habit, in euros
    Power is that of the year before, as if its seasons were compared; cells without any are in no power.
    """
    known = cells[cells["list_value"] > 0]
    by_held = {sum(held_by_stratum(cells["stratum"], share).values()): share for share in reversed(shares)}
    return [_choice(cells, known, share, seed) for share in sorted(by_held.values())]


def _choice(cells: pd.DataFrame, known: pd.DataFrame, share: float, seed: int) -> HeldShare:
    held = held_by_stratum(cells["stratum"], share)
    part = cells["stratum"].map(held) / cells.groupby("stratum")["stratum"].transform("size")
    arms = np.where(draw_held(known["stratum"], share, seed), ON_HABIT, ON_PLAN)
    measured = Cells.of(known.assign(arm=arms, before=known["earlier"]))
    spread = spread_of_draws(measured, seed, TRIED) if (arms == ON_HABIT).any() else float("inf")
    return HeldShare(share, sum(held.values()), POWER_AND_SIZE * spread, float((part * cells["gain"]).sum()))


def cheapest(choices: Iterable[HeldShare], reckoned: float) -> HeldShare | None:
    """The smallest share that would find what the plan is reckoned to bring; None where none would.

    reckoned : by how much more than the habit, as a share
    """
    return next((each for each in choices if each.detectable <= reckoned), None)


def draw_season(cells: pd.DataFrame, given: Draw, standing: Mapping[Key, Cell]) -> Draw:
    """The season's draw: `given` with its cells.

    cells    : rows with country, category, stratum and before
    standing : the cells of a season that is still in the shops. They keep their arm, so that an article does not stand
        beside one of its category that is priced in the other way; only the other cells are drawn
    """
    kept = [standing.get((row.country, row.category)) for row in cells.itertuples()]
    new = np.array([each is None for each in kept], dtype=np.bool_)
    strata = cells["stratum"] + (", new" if not new.all() else "")
    held = np.zeros(len(cells), dtype=np.bool_)
    held[new] = draw_held(strata[new], given.share, given.seed)
    drawn = [
        Cell(
            row.country,
            row.category,
            before=None if np.isnan(row.before) else float(row.before),
            stratum=strata.iloc[at] if own is None else own.stratum,
            arm=(ON_HABIT if held[at] else ON_PLAN) if own is None else own.arm,
        )
        for at, (row, own) in enumerate(zip(cells.itertuples(), kept, strict=True))
    ]
    return replace(given, cells=tuple(drawn))
