"""What one country adds to the network that all learn together: two numbers, learnt from its own sales."""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from examples.contribution import Rows
from examples.running_rate import HORIZONS_A_TARGET, LEAST_ELASTICITY, PRICE_CHANGE, RunningRate
from examples.shared_network import SharedNetwork
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
        """The most probable stretch, and then the shift: twice where weeks sold out, which are filled the second time.

        running : learns its dispersion, as it does from a network of the country's own
        """
        as_shared = cls(network, country, rows.categories)
        if not rows.units.any():
            return as_shared
        level, response, drift = network.answers(rows.x, rows.categories, country)
        stretch = _stretch(drift, (LEAST_ELASTICITY + response) * rows.step, rows)
        change, free = rows.x[:, PRICE_CHANGE], rows.censored == 0
        expected = rows.rate * np.exp(level + (LEAST_ELASTICITY - stretch * (LEAST_ELASTICITY + response)) * change)
        shift, demand = 0.0, rows.units
        for _ in range(1 if free.all() else 2):
            shift = _shift(expected, demand, rows.rate, shift)
            mean = expected * np.exp(shift)
            running.learn_dispersion(rows.units[free], mean[free])
            demand, _ = fill_sold_out(rows.units, ~free, mean, np.full(len(mean), running.dispersion))
        return cls(network, country, rows.categories, shift, stretch)

    def answers(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The log of the level over the running rate, and the elasticity above LEAST_ELASTICITY, both (rows,)."""
        level, response, _ = self.network.answers(x, self.categories, self.country)
        return level + self.shift, self.stretch * (LEAST_ELASTICITY + response) - LEAST_ELASTICITY

    def to_dict(self) -> dict[str, Any]:
        """In the form of JSON, without the categories, which the running rate keeps."""
        own = {"country": self.country, "shift": self.shift, "stretch": self.stretch}
        return {**own, "network": b64encode(self.network.to_bytes()).decode()}

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any], categories: tuple[str, ...]) -> Self:
        network = SharedNetwork.from_bytes(b64decode(saved["network"], validate=True))
        return cls(network, saved["country"], categories, saved["shift"], saved["stretch"])


def _stretch(drift: FloatArray, drop: FloatArray, rows: Rows) -> float:
    """The most probable stretch, from how pairs of weeks share their units; `drop` is that of log demand without it."""
    weight, before = rows.weight_of_pairs(), np.nan_to_num(rows.before)
    stretch = 1.0
    for _ in range(NEWTON_STEPS):
        share = 1.0 / (1.0 + np.exp(stretch * drop - drift))
        both = weight * (rows.units + before)
        gradient = -float((drop * (weight * rows.units - both * share)).sum()) - (stretch - 1.0) / STRETCH_SD**2
        curvature = float((drop**2 * both * share * (1.0 - share)).sum()) + 1.0 / STRETCH_SD**2
        stretch = float(np.clip(stretch + np.clip(gradient / curvature, -LONGEST_STEP, LONGEST_STEP), *STRETCH_BOUNDS))
    return stretch


def _shift(expected: FloatArray, demand: FloatArray, rate: FloatArray, start: float) -> float:
    """The most probable shift for a Poisson mean of expected · exp(shift), with rows weighted as in the training.

    Each week was drawn HORIZONS_A_TARGET times and counts once.
    """
    weight, shift = 1.0 / (1.0 + 0.4 * rate) / HORIZONS_A_TARGET, start
    for _ in range(NEWTON_STEPS):
        mean = weight * expected * np.exp(shift)
        gradient = float((weight * demand - mean).sum()) - shift / SHIFT_SD**2
        step = gradient / (float(mean.sum()) + 1.0 / SHIFT_SD**2)
        shift = float(np.clip(shift + np.clip(step, -LONGEST_STEP, LONGEST_STEP), -LARGEST_SHIFT, LARGEST_SHIFT))
    return shift
