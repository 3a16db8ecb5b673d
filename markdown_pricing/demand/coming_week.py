"""The coming week's demand by what just happened: last week's price and promotions, the others', and trees on top.

log demand − its mean of the past = Σ_k γ_k · (z_k − its mean of the past) + trees + noise     (`local_linear.py`)

The terms z are listed in `local_terms.py`. The trees (LightGBM) know the surprises of the last weeks, past prices, and
what the others of the category and of each text attribute ask and sold. They never see the week's own price. The anchor
(`anchor.py`) does: its trees forecast the same week at its own price, and the forecast is a mean of both. It is
taken at today's price alone. The answer to another price moves from there by the base model's elasticity, which is
learnt within articles. What the manager's prices tell of what he knew can therefore not enter the answer (Schultz et
al. 2023, arXiv 2312.15282, part nuisance and effect for the same reason).
"""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from markdown_pricing.arrays import FloatArray, IntArray
from markdown_pricing.demand.anchor import SHARE, Anchor
from markdown_pricing.demand.local_linear import LocalLinear
from markdown_pricing.demand.local_terms import past_mean
from markdown_pricing.demand.seen import SeenFrame
from markdown_pricing.demand.surroundings import CATEGORY, lately
from markdown_pricing.demand.trees import OF_SAMPLES, NamedTrees, grow, matrix_of
from markdown_pricing.training_data.features import lag, week_of_year

ROUNDS = 30
"""How many trees there are. On the panels 30 forecast as well as 60 and 100."""
LARGEST_TRAINING_ROWS = 60_000
"""So many rows are drawn at most, so that trees take no longer in a large country."""
PARAMETERS: dict[str, Any] = {
    **OF_SAMPLES,
    "objective": "tweedie",
    "tweedie_variance_power": 1.5,
    "learning_rate": 0.1,
    "num_leaves": 15,
}


@dataclass(frozen=True)
class ComingWeek:
    """The fitted model.

    linear : the regression on differences ; lift : what is added to its forecast of a log, for the log of a mean
    trees  : on top of it ; anchor : other trees, which know the week's own price, too
    """

    linear: LocalLinear
    lift: float
    trees: NamedTrees | None
    anchor: Anchor | None = None

    @classmethod
    def fit(
        cls, seen: SeenFrame, demand: FloatArray, until: int, seed: int, threads: int, with_anchor: bool = False
    ) -> Self:
        """The model of the rows in columns of the panel before `until`.

        demand : (rows,), of all rows ; with_anchor : whether the anchor is learnt from the same rows, too
        """
        early, local = seen.before(until), seen.local
        linear = LocalLinear.fit(
            local.terms[early],
            local.difference[early],
            seen.weight[early],
            seen.category[early],
            len(seen.around.asked[CATEGORY].count) - 1,
            seen.panel.row[early],
            local.own,
        )
        made = cls(linear, 0.0, None)
        log_mean = made.log_linear(seen, until)
        lift = float(np.clip(np.log(demand[early].sum() / np.exp(log_mean[early]).sum()), -1.0, 1.0))
        drawn = _drawn(early, seed)
        columns, offset = features_of(seen, log_mean, drawn), log_mean[drawn] + lift
        trees = grow(matrix_of(columns), demand[drawn], offset, PARAMETERS, ROUNDS, seed, threads)
        made = replace(made, lift=lift, trees=NamedTrees(trees, tuple(columns)))
        if not with_anchor:
            return made
        return replace(made, anchor=Anchor.grow(seen, columns, log_mean, drawn, demand[drawn], seed, threads))

    def log_linear(self, seen: SeenFrame, until: int | None = None) -> FloatArray:
        """The log of demand in each row by the regression alone, (rows,), with articles' own coefficients.

        until : these are learnt from the columns before it; None: from all
        """
        local, panel = seen.local, seen.panel
        common = self.linear.foretold(local.terms, seen.category)
        known = seen.learnable if until is None else seen.before(until)
        left = local.difference[known] - common[known]
        own = self.linear.deviations(
            local.terms[known], left, seen.weight[known], panel.row[known], len(panel.article_ids)
        )
        expected: FloatArray = local.past + common + (local.terms[:, : local.own] * own[panel.row]).sum(axis=1)
        return expected

    def log_mean(self, seen: SeenFrame, at: IntArray, until: int | None = None) -> FloatArray:
        """The log of mean demand in the rows `at`, (at,), NaN where an article has no past; until: see `log_linear`."""
        log_linear = self.log_linear(seen, until)
        log_mean: FloatArray = log_linear[at] + self.lift
        if self.trees is None or not len(at):
            return log_mean
        columns = features_of(seen, log_linear, at)
        log_mean = log_mean + self.trees.added(columns)
        if self.anchor is None:
            return log_mean
        return np.asarray((1.0 - SHARE) * log_mean + SHARE * self.anchor.log_mean(seen, columns, log_linear, at))

    def to_dict(self) -> dict[str, Any]:
        trees, anchor = (each and each.to_dict() for each in (self.trees, self.anchor))
        return {"linear": self.linear.to_dict(), "lift": self.lift, "trees": trees, "anchor": anchor}

    @classmethod
    def from_dict(cls, saved: dict[str, Any]) -> Self:
        trees = saved["trees"] and NamedTrees.from_dict(saved["trees"])
        anchor = saved["anchor"] and Anchor.from_dict(saved["anchor"])
        return cls(LocalLinear.from_dict(saved["linear"]), saved["lift"], trees, anchor)


def _drawn(rows: IntArray, seed: int) -> IntArray:
    """At most LARGEST_TRAINING_ROWS of the rows, in their order."""
    if len(rows) <= LARGEST_TRAINING_ROWS:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, LARGEST_TRAINING_ROWS, replace=False))


def features_of(seen: SeenFrame, log_linear: FloatArray, at: IntArray) -> dict[str, FloatArray]:
    """What the trees know of the rows `at`, by name, each (at,): nothing of the week's own price and sales."""
    local, panel = seen.local, seen.panel
    cell = panel.row[at], panel.column[at]
    past, week = local.past[at], seen.week[at]
    surprise = panel.grid(local.log_demand - log_linear)
    log_demand = panel.grid(local.log_demand)
    columns = {"past": past, "weeks_known": local.seen[at], "category": seen.category[at].astype(np.float64)}
    columns["week_of_year"] = week_of_year(week).astype(np.float64)
    for back in (1, 2, 3, 4):
        columns[f"surprise_{back}"] = lag(surprise, cell, back)
    for back in (1, 2, 4, 8):
        columns[f"sold_{back}"] = lag(log_demand, cell, back) - past
    for name, speed in (("fast", 0.5), ("slow", 0.04)):
        columns[f"sold_{name}"] = past_mean(log_demand, speed)[cell] - past
    for name, speed in (("fast", 0.3), ("slow", 0.08)):
        columns[f"surprise_{name}"] = past_mean(surprise, speed)[cell]
    price = panel.grid(local.values[:, 0])
    for back in (1, 2, 3):
        columns[f"price_{back}"] = lag(price, cell, back)
    columns["price_past"] = past_mean(price, 0.15)[cell]
    for number in range(1, local.own):
        columns |= _of_promotion(f"attribute_{number}", panel.grid(local.values[:, number]), surprise, cell)
    for number in range(2 * local.own, local.values.shape[1]):
        columns[f"around_{number}"] = local.values[at, number]
    for name, codes in seen.groups.items():
        group = codes[at]
        columns[f"lately_{name}"] = lately(seen.around.sold[name], group, week)
        if name != CATEGORY:
            columns[f"group_{name}"] = group.astype(np.float64)
            others = seen.around.asked[name].others(group, week, local.values[at, : local.own])
            columns |= {f"others_{name}_{number}": column for number, column in enumerate(others.T)}
    return columns


def _of_promotion(
    name: str, grid: FloatArray, surprise: FloatArray, cell: tuple[IntArray, IntArray]
) -> dict[str, FloatArray]:
    """An attribute now and in three weeks before, how long ago it was last above its mean, and the surprise then."""
    columns = {f"{name}_{back}": lag(grid, cell, back) for back in range(4)}
    since, at_last = np.full(grid.shape, np.nan), np.full(grid.shape, np.nan)
    weeks, last = np.full(len(grid), np.nan), np.full(len(grid), np.nan)
    for week in range(grid.shape[1]):
        since[:, week], at_last[:, week] = weeks, last
        on = grid[:, week] > 0
        weeks = np.where(on, 1.0, weeks + 1.0)
        last = np.where(on & np.isfinite(surprise[:, week]), surprise[:, week], last)
    return columns | {f"{name}_since": since[cell], f"{name}_surprise": at_last[cell]}
