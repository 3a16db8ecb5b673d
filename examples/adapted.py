"""What one country adds to the network that all learn together: two numbers, learnt from its own sales."""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from examples.running_rate import HORIZONS_A_TARGET, LEAST_ELASTICITY, PRICE_CHANGE, RunningRate
from examples.shared_network import Rows, SharedNetwork
from markdown_pricing.arrays import FloatArray
from markdown_pricing.demand.sold_out import fill_sold_out

SHIFT_SD, STRETCH_SD, STRETCH_BOUNDS = 0.3, 0.2, (0.4, 2.5)
"""How far a country is expected to be from what all countries together say. Chosen on 2026-11-29."""
NEWTON_STEPS, LONGEST_STEP, LARGEST_SHIFT = 8, 0.5, 1.5


@dataclass(frozen=True)
class Adapted:
    """The shared network in one country.

    categories : those that the codes in a row's features number
    shift      : of the level's log ; stretch : of the elasticity
    """

    network: SharedNetwork
    country: str
    categories: tuple[str, ...]
    shift: float = 0.0
    stretch: float = 1.0

    @classmethod
    def to(cls, network: SharedNetwork, country: str, running: RunningRate, rows: Rows) -> Self:
        """The most probable shift and stretch, found twice where weeks sold out, which are filled the second time.

        running : learns its dispersion, as it does from a network of the country's own
        """
        as_shared = cls(network, country, rows.categories)
        if not rows.units.any():
            return as_shared
        change, free = rows.x[:, PRICE_CHANGE], rows.censored == 0
        level, response = network.answers(rows.x, rows.categories, country)
        base, slope = np.log(rows.rate) + LEAST_ELASTICITY * change + level, -(LEAST_ELASTICITY + response) * change
        own, demand = np.array([0.0, 1.0]), rows.units
        for _ in range(1 if free.all() else 2):
            own = _most_probable(base, slope, demand, rows.rate, own)
            mean = np.exp(base + own[0] + own[1] * slope)
            running.learn_dispersion(rows.units[free], mean[free])
            demand, _ = fill_sold_out(rows.units, ~free, mean, np.full(len(mean), running.dispersion))
        return cls(network, country, rows.categories, float(own[0]), float(own[1]))

    def answers(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The log of the level over the running rate, and the elasticity above LEAST_ELASTICITY, both (rows,)."""
        level, response = self.network.answers(x, self.categories, self.country)
        return level + self.shift, self.stretch * (LEAST_ELASTICITY + response) - LEAST_ELASTICITY

    def to_dict(self) -> dict[str, Any]:
        """In the form of JSON, without the categories, which the running rate keeps."""
        own = {"country": self.country, "shift": self.shift, "stretch": self.stretch}
        return {**own, "network": b64encode(self.network.to_bytes()).decode()}

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any], categories: tuple[str, ...]) -> Self:
        network = SharedNetwork.from_bytes(b64decode(saved["network"], validate=True))
        return cls(network, saved["country"], categories, saved["shift"], saved["stretch"])


def _most_probable(
    base: FloatArray, slope: FloatArray, demand: FloatArray, rate: FloatArray, start: FloatArray
) -> FloatArray:
    """Shift and stretch, (2,), by Newton's steps for a Poisson mean of exp(base + shift + stretch · slope).

    Rows are weighted as in the network's own training. Each week was drawn HORIZONS_A_TARGET times and counts once.
    """
    terms = np.column_stack([np.ones_like(slope), slope])
    weight, prior = 1.0 / (1.0 + 0.4 * rate) / HORIZONS_A_TARGET, np.array([SHIFT_SD, STRETCH_SD]) ** -2.0
    own, around = start, np.array([0.0, 1.0])
    for _ in range(NEWTON_STEPS):
        mean = np.exp(base + terms @ own)
        gradient = terms.T @ (weight * (demand - mean)) - prior * (own - around)
        step = np.linalg.solve((terms.T * (weight * mean)) @ terms + np.diag(prior), gradient)
        own = own + np.clip(step, -LONGEST_STEP, LONGEST_STEP)
        own = np.array([np.clip(own[0], -LARGEST_SHIFT, LARGEST_SHIFT), np.clip(own[1], *STRETCH_BOUNDS)])
    return own
