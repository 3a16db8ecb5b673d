"""What one country gives to the network that all learn together, as bytes of plain numbers and texts."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd

from examples.running_rate import RunningRate
from markdown_pricing.arrays import FloatArray

ROWS_A_COUNTRY = 20_000
"""A country gives at most so many rows, 1.3 MB: 45 countries fit into 60 MB, and large ones drown no small ones."""
NUMBERS = ("x", "rate", "units", "censored", "before", "step")


@dataclass(frozen=True)
class Rows:
    """A row for each forecast that could have been made in one country, with what was sold.

    x          : (rows, FEATURES), whose category is a place in `categories`
    rate       : at the week's price ; units, censored : of the week ; all (rows,)
    before     : units of the week before, NaN where the two weeks cannot be compared ; (rows,)
    step       : the log of the price over the one of the week before, 0 where they cannot be compared ; (rows,)
    """

    x: FloatArray
    rate: FloatArray
    units: FloatArray
    censored: FloatArray
    before: FloatArray
    step: FloatArray
    categories: tuple[str, ...]

    @classmethod
    def of(cls, running: RunningRate, history: pd.DataFrame, seed: int) -> Self:
        """All that can be learnt from, at the running rates of the country."""
        x, rate, sold = running.training_rows(history, seed)
        units = np.maximum(sold["units"].to_numpy(dtype=np.float64), 0.0)
        pairs = _weeks_before(history).loc[sold.index]
        censored = sold["censored"].to_numpy(dtype=np.float64)
        before, step = pairs["before"].to_numpy(), pairs["step"].to_numpy()
        return cls(x, rate, units, censored, before, np.where(np.isnan(before), 0.0, step), running.categories)

    @classmethod
    def together(cls, each: Sequence["Rows"]) -> Self:
        """The rows of several countries, whose categories are no longer known."""
        return cls(**{name: np.concatenate([getattr(one, name) for one in each]) for name in NUMBERS}, categories=())

    def weight_of_pairs(self) -> FloatArray:
        """How much the pair of weeks counts that a row ends, (rows,), so that best sellers drown no others; 0: none."""
        both = np.nan_to_num(self.before) + self.units
        return np.where(np.isnan(self.before), 0.0, 1.0 / (1.0 + 0.2 * both))

    def to_bytes(self, seed: int) -> bytes:
        """At most ROWS_A_COUNTRY of them, drawn at random, in single precision."""
        drawn = np.sort(np.random.default_rng(seed).permutation(len(self.x))[:ROWS_A_COUNTRY])
        numbers = {name: getattr(self, name)[drawn].astype(np.float32) for name in NUMBERS}
        return packed({**numbers, "categories": np.array(self.categories, dtype=np.str_)})

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        saved = unpacked(data)
        categories = tuple(saved["categories"].tolist())
        return cls(**{name: saved[name].astype(np.float64) for name in NUMBERS}, categories=categories)


def _weeks_before(history: pd.DataFrame) -> pd.DataFrame:
    """Of each row the units of the article's week before, and the log of its price over that week's.

    `before` is NaN where either week was not in stock or was limited by it. Its index is the history's.
    """
    comparable = (history["stock"] > 0) & ~history["censored"]
    units = history["units"].astype(np.float64).clip(lower=0.0).where(comparable)
    past = history.assign(units=units, log_price=np.log(history["price"]))[["article_id", "week", "units", "log_price"]]
    earlier = past.shift(1)
    same = (earlier["article_id"] == past["article_id"]) & (past["week"] - earlier["week"] == pd.Timedelta(weeks=1))
    before = earlier["units"].where(same & comparable)
    return pd.DataFrame({"before": before, "step": past["log_price"] - earlier["log_price"]}, index=history.index)


def packed(arrays: Mapping[str, Any]) -> bytes:
    """Arrays as bytes that hold nothing but numbers and texts; equal ones give equal bytes."""
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **arrays)
    return file.getvalue()


def unpacked(data: bytes) -> dict[str, Any]:
    """What `packed` was given. Raises ValueError for an array of objects, which would run what it names."""
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        return {name: file[name] for name in file.files}
