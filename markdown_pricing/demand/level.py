"""An article's own level, trend and price response, followed week by week as a decision in each week could know them.

    log demand = curve of its category + level + trend · share of life lived + response · log price ratio

The three are an article's deviations from its category: normal at launch, the level around a guess by attributes,
and corrected by each week's sales in proportion to what is still unknown (a Kalman filter in logs; each correction
goes to the mean of the negative binomial's likelihood and the normal, from the mode that Fisher scoring finds:
Fahrmeir 1992, "Posterior mode estimation by extended Kalman filtering for multivariate dynamic generalized linear
models"). The level walks on from week to week, so that long past sales count less. What is not known is kept beside
what is: a young article's demand may be half or twice the forecast for all weeks to come, which is no week's noise,
and the plan has to reckon with it.
"""

from dataclasses import asdict, dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincc, gammaln

from markdown_pricing.arrays import rows_of
from markdown_pricing.demand.pooling import LOG_RANGE, fill_sold_out
from markdown_pricing.forecast import with_level_unknown
from markdown_pricing.training_data.features import FloatArray, IntArray

BoolArray = NDArray[np.bool_]

NEWTON_STEPS = 3
LARGEST_STEP = 1.0
LARGEST_LEAN = 0.3
"""From mode to mean, in logs: the approximation is for the bulk of a posterior, not for its tails."""
SCALING, MOST_SCALINGS = 1.4, 2


@dataclass(frozen=True)
class OwnEffects:
    """How far articles deviate from their category, in logs: standard deviations at launch, and the level's walk.

    trend_sd : over a whole life ; price_sd : of the elasticity ; walk_sd : a week
    """

    level_sd: float = 0.8
    trend_sd: float = 0.4
    price_sd: float = 0.25
    walk_sd: float = 0.07


@dataclass(frozen=True)
class Sales:
    """What the filter reads, each (articles, weeks), NaN where an article has no row.

    curve : log of demand that the category expects of an article of level 0
    life_share, price : the regressors of trend and response ; dispersion : (articles,), of demand
    """

    units: FloatArray
    stock: FloatArray
    censored: FloatArray
    curve: FloatArray
    life_share: FloatArray
    price: FloatArray
    dispersion: FloatArray

    def part(self, articles: IntArray) -> "Sales":
        return rows_of(self, articles)


@dataclass(frozen=True)
class Level:
    """Normal posterior of each article's effects before each week.

    mean : (articles, weeks + 1, 3), level, trend, response
    covariance : (articles, weeks + 1, 6), of (level, level), (level, trend), (level, response), (trend, trend), …
    """

    mean: FloatArray
    covariance: FloatArray
    walk_sd: float

    def at(
        self, cell: tuple[IntArray, IntArray], life_share: FloatArray, price: FloatArray, ahead: IntArray | int = 0
    ) -> tuple[FloatArray, FloatArray]:
        """Mean and variance of an article's deviation from its curve, known at `cell`, in a week `ahead` of it."""
        mean, covariance = self.mean[cell], self.covariance[cell]
        if life_share.ndim > 1:
            mean, covariance = mean[:, np.newaxis], covariance[:, np.newaxis]
        expected = mean[..., 0] + mean[..., 1] * life_share + mean[..., 2] * price
        a, b, c = _gain(covariance, life_share, price)
        return expected, a + b * life_share + c * price + ahead * self.walk_sd**2


def follow_level(sales: Sales, guess: FloatArray, own: OwnEffects, guess_sd: FloatArray | None = None) -> Level:
    """From the guess at launch on, (articles,) in logs, corrected by each week's sales.

    guess_sd : (articles,), where more than `own` is known of the guess
    """
    level, _ = _followed(sales, guess, own, guess_sd, keep=True)
    return level


def likelihood(sales: Sales, guess: FloatArray, own: OwnEffects) -> float:
    """Log of the chance of all sales, each as foreseen the Monday before: what `own` effects are chosen by."""
    _, log_chance = _followed(sales, guess, own, None, keep=False)
    return log_chance


def choose_own_effects(sales: Sales, guess: FloatArray, start: OwnEffects) -> OwnEffects:
    """Each effect's scale in turn made smaller or larger for as long as that makes the sales more likely."""
    best, reached = start, likelihood(sales, guess, start)
    for name, factor in product(("walk_sd", "trend_sd", "level_sd", "price_sd"), (1 / SCALING, SCALING)):
        for _ in range(MOST_SCALINGS):
            tried = replace(best, **{name: asdict(best)[name] * factor})
            log_chance = likelihood(sales, guess, tried)
            if log_chance <= reached:
                break
            best, reached = tried, log_chance
    return best


def _followed(
    sales: Sales, guess: FloatArray, own: OwnEffects, guess_sd: FloatArray | None, keep: bool
) -> tuple[Level, float]:
    articles, weeks = sales.units.shape
    mean = np.zeros((articles, 3))
    mean[:, 0] = guess
    covariance = np.zeros((articles, 6))
    covariance[:, [0, 3, 5]] = np.square([own.level_sd, own.trend_sd, own.price_sd])
    if guess_sd is not None:
        covariance[:, 0] = guess_sd**2
    means = np.empty((articles, weeks + 1 if keep else 0, 3))
    covariances = np.empty((articles, weeks + 1 if keep else 0, 6))
    log_chance = 0.0
    offered = ~np.isnan(sales.units) & (sales.stock > 0)
    for week in range(weeks + 1):
        if keep:
            means[:, week], covariances[:, week] = mean, covariance
        if week == weeks:
            break
        # An article that is not on sale keeps what is known of it, and walks on.
        seen = np.flatnonzero(offered[:, week])
        x, p = sales.life_share[seen, week], sales.price[seen, week]
        before, known = mean[seen], covariance[seen]
        gain = np.stack(_gain(known, x, p), axis=1)
        variance = gain[:, 0] + gain[:, 1] * x + gain[:, 2] * p
        foreseen = sales.curve[seen, week] + before[:, 0] + before[:, 1] * x + before[:, 2] * p
        units, censored = np.maximum(sales.units[seen, week], 0.0), sales.censored[seen, week] > 0
        dispersion = sales.dispersion[seen]
        if not keep:
            log_chance += _log_chance(units, censored, foreseen, variance, dispersion)
        log_mean, weight = _learnt_from(units, censored, foreseen, variance, dispersion)
        mean[seen] = before + gain * ((log_mean - foreseen) / variance)[:, np.newaxis]
        outer = gain[:, _ROWS] * gain[:, _COLUMNS]
        covariance[seen] = known - outer / (variance + 1.0 / weight)[:, np.newaxis]
        covariance[:, 0] += own.walk_sd**2 * np.isfinite(sales.units[:, week])
    return Level(means, covariances, own.walk_sd), log_chance


_ROWS, _COLUMNS = [0, 0, 0, 1, 1, 2], [0, 1, 2, 1, 2, 2]


def _gain(covariance: FloatArray, x: FloatArray, p: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Covariance · (1, x, p)."""
    c = covariance
    return (
        c[..., 0] + c[..., 1] * x + c[..., 2] * p,
        c[..., 1] + c[..., 3] * x + c[..., 4] * p,
        c[..., 2] + c[..., 4] * x + c[..., 5] * p,
    )


def _learnt_from(
    units: FloatArray, censored: BoolArray, foreseen: FloatArray, variance: FloatArray, dispersion: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Log of mean demand to be expected after a week's sales, and the information in them.

    The mode of likelihood times prior, and to the mean half the log posterior's third derivative times the squared
    variance (Tierney & Kadane 1986): many units that were not foreseen say more than few.
    """
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


def _log_chance(
    units: FloatArray, censored: BoolArray, foreseen: FloatArray, variance: FloatArray, dispersion: FloatArray
) -> float:
    size = 1.0 / with_level_unknown(dispersion, variance)
    mu = np.exp(np.clip(foreseen + variance / 2.0, *LOG_RANGE))
    p = size / (size + mu)
    exact = gammaln(units + size) - gammaln(size) - gammaln(units + 1) + size * np.log(p) + units * np.log1p(-p)
    at_least = np.log(np.maximum(betaincc(size, np.maximum(units, 1e-9), p), 1e-12))
    return float(np.where(censored, np.where(units > 0, at_least, 0.0), exact).sum())
