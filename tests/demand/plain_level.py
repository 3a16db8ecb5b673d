"""The level filter as it is defined: all articles together, week after week of the calendar.

It takes many times as long as `markdown_pricing.demand.level`, which must say the same.
"""

from dataclasses import asdict, replace
from itertools import product

import numpy as np
from scipy.special import betaincc, gammaln

from markdown_pricing.arrays import FloatArray
from markdown_pricing.demand.level import (
    LARGEST_LEAN,
    LARGEST_STEP,
    MOST_SCALINGS,
    NEWTON_STEPS,
    SCALING,
    OwnEffects,
    Sales,
)
from markdown_pricing.demand.pooling import LOG_RANGE
from markdown_pricing.demand.sold_out import fill_sold_out
from markdown_pricing.forecast import with_level_unknown

ROWS, COLUMNS = [0, 0, 0, 1, 1, 2], [0, 1, 2, 1, 2, 2]


def followed(
    sales: Sales, guess: FloatArray, own: OwnEffects, guess_sd: FloatArray | None = None
) -> tuple[FloatArray, FloatArray, float]:
    """Means, (articles, weeks + 1, 3), and covariances, (articles, weeks + 1, 6), before each week; the likelihood."""
    articles, weeks = sales.units.shape
    mean, covariance = np.zeros((articles, 3)), np.zeros((articles, 6))
    mean[:, 0] = guess
    covariance[:, [0, 3, 5]] = np.square([own.level_sd, own.trend_sd, own.price_sd])
    if guess_sd is not None:
        covariance[:, 0] = guess_sd**2
    means, covariances, log_chance = [mean.copy()], [covariance.copy()], 0.0
    for week in range(weeks):
        seen = np.flatnonzero(~np.isnan(sales.units[:, week]) & (sales.stock[:, week] > 0))
        x, p = sales.life_share[seen, week], sales.price[seen, week]
        before, known = mean[seen], covariance[seen]
        gain = np.stack(
            [
                known[:, 0] + known[:, 1] * x + known[:, 2] * p,
                known[:, 1] + known[:, 3] * x + known[:, 4] * p,
                known[:, 2] + known[:, 4] * x + known[:, 5] * p,
            ],
            axis=1,
        )
        variance = gain[:, 0] + gain[:, 1] * x + gain[:, 2] * p
        foreseen = sales.curve[seen, week] + before[:, 0] + before[:, 1] * x + before[:, 2] * p
        units = np.maximum(sales.units[seen, week], 0.0)
        sold = units, sales.censored[seen, week] > 0, foreseen, variance, sales.dispersion[seen]
        log_chance += log_chance_of(*sold)
        log_mean, weight = learnt_from(*sold)
        mean[seen] = before + gain * ((log_mean - foreseen) / variance)[:, np.newaxis]
        covariance[seen] = known - gain[:, ROWS] * gain[:, COLUMNS] / (variance + 1.0 / weight)[:, np.newaxis]
        # The level walks after each week that has a row, with or without stock.
        covariance[:, 0] += own.walk_sd**2 * np.isfinite(sales.units[:, week])
        means.append(mean.copy())
        covariances.append(covariance.copy())
    return np.stack(means, axis=1), np.stack(covariances, axis=1), log_chance


def learnt_from(
    units: FloatArray, censored: FloatArray, foreseen: FloatArray, variance: FloatArray, dispersion: FloatArray
) -> tuple[FloatArray, FloatArray]:
    log_mean = foreseen
    for _ in range(NEWTON_STEPS):
        mu = np.exp(np.clip(log_mean, *LOG_RANGE))
        demand, share = fill_sold_out(units, censored, mu, dispersion)
        weight = mu / (1.0 + dispersion * mu)
        slope = weight * (demand - mu) / mu - (log_mean - foreseen) / variance
        log_mean = log_mean + np.clip(slope / (share * weight + 1.0 / variance), -LARGEST_STEP, LARGEST_STEP)
    mu = np.exp(np.clip(log_mean, *LOG_RANGE))
    weight = share * mu / (1.0 + dispersion * mu)
    third = -mu * (1.0 + dispersion * units) * (1.0 - dispersion * mu) / (1.0 + dispersion * mu) ** 3
    to_the_mean = np.where(censored, 0.0, third / 2.0 / (weight + 1.0 / variance) ** 2)
    return log_mean + np.clip(to_the_mean, -LARGEST_LEAN, LARGEST_LEAN), weight


def log_chance_of(
    units: FloatArray, censored: FloatArray, foreseen: FloatArray, variance: FloatArray, dispersion: FloatArray
) -> float:
    size = 1.0 / with_level_unknown(dispersion, variance)
    mu = np.exp(np.clip(foreseen + variance / 2.0, *LOG_RANGE))
    p = size / (size + mu)
    exact = gammaln(units + size) - gammaln(size) - gammaln(units + 1) + size * np.log(p) + units * np.log1p(-p)
    at_least = np.log(np.maximum(betaincc(size, np.maximum(units, 1e-9), p), 1e-12))
    return float(np.where(censored, np.where(units > 0, at_least, 0.0), exact).sum())


def chosen(sales: Sales, guess: FloatArray, start: OwnEffects) -> OwnEffects:
    """The scales that `choose_own_effects` has to choose: one is tried after the other, each only while it helps."""
    best, reached = start, followed(sales, guess, start)[2]
    for name, factor in product(("walk_sd", "trend_sd", "level_sd", "price_sd"), (1 / SCALING, SCALING)):
        for _ in range(MOST_SCALINGS):
            tried = replace(best, **{name: asdict(best)[name] * factor})
            log_chance = followed(sales, guess, tried)[2]
            if log_chance <= reached:
                break
            best, reached = tried, log_chance
    return best
