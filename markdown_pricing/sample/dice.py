"""Random numbers that are looked up by keys instead of being drawn one after the other.

A number depends on its keys alone (seed, what it is for, article, week), not on what was asked before. So one
country's sample does not depend on which others are made, next week's sample continues this week's, and two
pricing policies meet the same luck.
"""

from zlib import crc32

import numpy as np
import numpy.typing as npt
from scipy.special import gammaincinv, ndtri, pdtr, pdtrik

from markdown_pricing.arrays import FloatArray, IntArray

Key = int | str | IntArray


def uniform(*keys: Key) -> FloatArray:
    """Numbers strictly between 0 and 1, of the shape to which the keys broadcast.

    The mixing is that of SplitMix64 (Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators").
    """
    state = np.array([0], np.uint64)
    for key in keys:
        number = np.asarray(crc32(key.encode()) if isinstance(key, str) else key).astype(np.uint64)
        state = _mixed(state * np.uint64(0x9E3779B97F4A7C15) + number + np.uint64(0x632BE59BD9B4E019))
    shape = np.broadcast_shapes(*(np.shape(key) for key in keys))
    return ((state >> np.uint64(12)).astype(float) + 0.5).reshape(shape) * 2.0**-52


def normal(*keys: Key) -> FloatArray:
    """Standard normal numbers, of the shape to which the keys broadcast."""
    return np.asarray(ndtri(uniform(*keys)), float)


def integer(low: int | IntArray, high: int | IntArray, *keys: Key) -> IntArray:
    """Whole numbers from `low` to `high`, both included, of the shape to which the keys broadcast."""
    return np.asarray(low + np.floor(uniform(*keys) * (np.asarray(high) - low + 1)), np.int64)


def gamma_quantile(chance: FloatArray, dispersion: FloatArray) -> FloatArray:
    """The quantile of the gamma distribution with mean 1 and variance `dispersion`. The shapes broadcast."""
    return np.asarray(gammaincinv(1 / dispersion, chance) * dispersion, float)


def poisson_quantile(chance: FloatArray, mean: FloatArray) -> IntArray:
    """The smallest whole number at which the Poisson distribution reaches `chance`; it never falls as `mean` rises.

    The arguments' shapes broadcast.
    """
    mean = np.maximum(mean, 1e-9)
    above = np.ceil(pdtrik(chance, mean))
    below = np.maximum(above - 1, 0)
    return np.asarray(np.where(pdtr(below, mean) >= chance, below, above), np.int64)


def _mixed(state: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))
