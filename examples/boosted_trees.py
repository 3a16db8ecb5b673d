"""A demand model in scikit-learn: boosted trees learn the factor by which a week differs from the running rate.

MARKDOWN_PRICING_MODEL=examples.boosted_trees:BoostedTrees
"""

import io
import json
import pickle
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from examples.running_rate import FEATURES, PRICE_CHANGE, RunningRate
from markdown_pricing.arrays import FloatArray
from markdown_pricing.demand.model import DemandModel
from markdown_pricing.demand.shared import SharedDemand
from markdown_pricing.demand.sold_out import fill_sold_out
from markdown_pricing.forecast import Forecast

LEAST_ROWS = 100
LARGEST_FACTOR = 20.0


@dataclass
class BoostedTrees(DemandModel):
    """See the module. `trees` is None when there was too little to learn from; then the running rate stands."""

    running: RunningRate = field(default_factory=RunningRate)
    trees: HistGradientBoostingRegressor | None = None

    def fit(
        self, history: pd.DataFrame, week: date, seed: int, threads: int = 1, shared: SharedDemand | None = None
    ) -> None:
        """Fit twice: for the second fit, sold-out weeks are filled with the demand that the first one expects there."""
        self.running, self.trees = RunningRate.of(history), None
        x, rate, target = self.running.training_rows(history, seed)
        units = np.maximum(target["units"].to_numpy(dtype=np.float64), 0.0)
        if len(x) < LEAST_ROWS or not units.any():
            return
        censored, demand = target["censored"].to_numpy(dtype=np.bool_), units
        with threadpool_limits(threads):
            for _ in range(2 if censored.any() else 1):
                self.trees = self._grown(x, demand, rate, seed)
                mean = rate * self._factor(x)
                self.running.learn_dispersion(units[~censored], mean[~censored])
                demand, _ = fill_sold_out(units, censored, mean, np.full(len(x), self.running.dispersion))

    def _grown(self, x: FloatArray, demand: FloatArray, rate: FloatArray, seed: int) -> HistGradientBoostingRegressor:
        # Demand over rate, weighted by rate, is a Poisson regression with the rate as exposure. The weight is smaller
        # where the variance is above the rate's own, so that best sellers do not drown the others.
        trees = HistGradientBoostingRegressor(
            loss="poisson",
            learning_rate=0.15,
            max_iter=40,
            max_leaf_nodes=15,
            min_samples_leaf=40,
            l2_regularization=5.0,
            monotonic_cst=[-1 if number == PRICE_CHANGE else 0 for number in range(len(FEATURES))],
            early_stopping=False,
            random_state=seed,
        )
        return trees.fit(x, demand / rate, sample_weight=rate / (1.0 + 0.4 * rate))

    def _factor(self, x: FloatArray) -> FloatArray:
        if self.trees is None:
            return np.ones(len(x))
        factor: FloatArray = np.minimum(self.trees.predict(x), LARGEST_FACTOR)
        return factor

    def forecast(self, articles: pd.DataFrame, history: pd.DataFrame, week: date) -> Forecast:
        """Demand falls with the price: the rate by LEAST_ELASTICITY, and the trees by their constraint."""
        if articles.empty:
            return Forecast.for_no_articles("BoostedTrees")
        known = self.running.now(articles, history)

        def units(prices: FloatArray, weeks: int) -> FloatArray:
            x, rate = self.running.asked(known, articles, week, prices, weeks)
            return (rate * self._factor(x)).reshape(len(articles), weeks, prices.shape[1]).swapaxes(1, 2)

        level_sd = self.running.level_sd(known)
        return Forecast(
            "BoostedTrees",
            units,
            dispersion=self.running.dispersion,
            level_sd=lambda weeks: np.repeat(level_sd[:, None], weeks, axis=1),
        )

    def to_bytes(self) -> bytes:
        """A line of JSON, then the trees as a pickle, because scikit-learn has no other form for them."""
        return json.dumps(self.running.to_dict()).encode() + b"\n" + pickle.dumps(self.trees, protocol=5)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        header, _, trees = data.partition(b"\n")
        return cls(RunningRate.from_dict(json.loads(header)), _TreesOnly(io.BytesIO(trees)).load())


class _TreesOnly(pickle.Unpickler):
    """Reads a pickle that may name nothing but the parts of trees. Any other pickle can call any function."""

    def find_class(self, module: str, name: str) -> Any:
        if not module.startswith(PARTS_OF_TREES) and f"{module}.{name}" not in OTHER_PARTS:
            raise pickle.UnpicklingError(f"{module}.{name} is no part of boosted trees")
        return super().find_class(module, name)


PARTS_OF_TREES = ("sklearn.ensemble._hist_gradient_boosting.", "sklearn._loss.")
OTHER_PARTS = {
    "numpy.dtype",
    "numpy.ndarray",
    "numpy._core.multiarray._reconstruct",
    "numpy._core.multiarray.scalar",
    "numpy._core.numeric._frombuffer",
    "numpy.random._pickle.__generator_ctor",
    "numpy.random._pickle.__bit_generator_ctor",
    "numpy.random._pcg64.PCG64",
    "numpy.random.bit_generator.SeedSequence",
    "numpy.random.bit_generator.__pyx_unpickle_SeedSequence",
}
