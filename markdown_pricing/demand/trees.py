"""LightGBM as the demand models use it: the same trees from the same data, whatever its columns are called."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from markdown_pricing.arrays import FloatArray

Matrix = npt.NDArray[np.float32]
REPRODUCIBLE: dict[str, Any] = {"deterministic": True, "force_row_wise": True, "verbosity": -1}
"""Parameters under which the same rows and the same seed give the same trees, on any number of threads."""
OF_SAMPLES: dict[str, Any] = {
    "min_data_in_leaf": 30,
    "lambda_l2": 2.0,
    "feature_fraction": 0.7,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "max_bin": 63,
    "bin_construct_sample_cnt": 10_000,
}
"""What all trees that forecast the coming week have: each tree sees a sample of rows and features. Chosen
freely; ten others, in leaves, rounds, losses and rows of a leaf, forecast as well on two panels of real sales."""


def matrix_of(columns: Mapping[str, FloatArray]) -> Matrix:
    """The features beside each other, (rows, features), in the order of the columns."""
    return np.column_stack(list(columns.values())).astype(np.float32)


def grow(
    x: Matrix,
    demand: FloatArray,
    log_offset: FloatArray | None,
    parameters: Mapping[str, Any],
    rounds: int,
    seed: int,
    threads: int,
    weight: FloatArray | None = None,
    categorical: Sequence[int] = (),
) -> lgb.Booster:
    """Trees that add to the log of a forecast what brings it nearer to the demand.

    x           : (rows, features) ; demand, log_offset, weight : (rows,)
    log_offset  : the log of the forecast; None: they begin with the mean of all demand, which the trees then include
    categorical : the places of features that are codes
    """
    data = lgb.Dataset(
        x,
        label=demand,
        weight=weight,
        init_score=log_offset,
        # LightGBM gets numbers for names: it refuses signs that a column of the delivery may have in its name.
        feature_name=[str(index) for index in range(x.shape[1])],
        categorical_feature=list(categorical),
    )
    given = {**parameters, **REPRODUCIBLE, "seed": seed, "num_threads": threads}
    return lgb.train(given, data, num_boost_round=rounds)


def added_by(trees: lgb.Booster, x: Matrix) -> FloatArray:
    """What the trees add to the log of the forecast, (rows,)."""
    return np.asarray(trees.predict(x, raw_score=True, num_threads=1))


@dataclass(frozen=True)
class NamedTrees:
    """Trees that are asked by the names of their features, which stand in the order in which the trees learnt them."""

    booster: lgb.Booster
    features: tuple[str, ...]

    def added(self, columns: Mapping[str, FloatArray]) -> FloatArray:
        """What the trees add to the log of the forecast, (rows,)."""
        return added_by(self.booster, matrix_of({name: columns[name] for name in self.features}))

    def to_dict(self) -> dict[str, Any]:
        return {"trees": self.booster.model_to_string(), "features": self.features}

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> Self:
        return cls(lgb.Booster(model_str=saved["trees"]), tuple(saved["features"]))
