"""An article's own level, trend and price response, as a decision in each week could know them.

    log demand = curve of its category + level + trend · share of life lived + response · log price ratio

These three are an article's deviations from its category. At launch they are normal, the level around a guess by the
article's attributes. Each week's sales correct them in proportion to what is still unknown: a Kalman filter in logs, in
which Fisher scoring finds the mode of negative binomial likelihood times normal prior (Fahrmeir 1992, "Posterior mode
estimation by extended Kalman filtering for multivariate dynamic generalized linear models"), from which the correction
goes on to the mean. The level is a random walk, so that sales of long ago count less. How much is still unknown is also
kept. A young article's demand may be half or twice the forecast in all weeks to come. This is not weekly noise, and the
plan has to allow for it.

The numbers of steps and their sizes were chosen by judgement on 2026-11-24 and 2026-11-25. The search of
`choose_own_effects` begins at the scales of `OwnEffects`. What others would bring was not measured.
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
"""How many Fisher scoring steps look for the mode after each week."""
LARGEST_STEP = 1.0
"""The largest of these steps, in logs, so that one odd week throws no article off."""
LARGEST_LEAN = 0.3
"""The largest way from mode to mean, in logs. The approximation is for the bulk of a posterior, not for its tails."""
SCALING, MOST_SCALINGS = 1.4, 2
"""A scale of OwnEffects is tried larger and smaller by this factor, each at most so many times."""


@dataclass(frozen=True)
class OwnEffects:
    """How far articles deviate from their category, as standard deviations in logs.

    level_sd : of the level at launch ; trend_sd : of the trend over a whole life
    price_sd : of the elasticity      ; walk_sd  : of the change of the level from one week to the next
    The defaults are those of a model that has learnt nothing.
    """

    level_sd: float = 0.8
    trend_sd: float = 0.4
    price_sd: float = 0.25
    walk_sd: float = 0.07


@dataclass(frozen=True)
class Sales:
    """What the filter reads. All arrays but `dispersion` are (articles, weeks), with NaN where an article has no row.

    units, stock      : sold in the week, and on the shelf at its start ; censored : 1 where the stock limited the sales
    curve             : log of the demand that the category expects of an article of level 0
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
        """The sales of these articles alone."""
        return rows_of(self, articles)


@dataclass(frozen=True)
class Level:
    """The normal posterior of each article's effects before each week, and after the last one.

    mean       : (articles, weeks + 1, 3), of level, trend and response, in logs
    covariance : (articles, weeks + 1, 6), of level with level, trend and response, of trend with trend and response,
                 and of response with response
    walk_sd    : the standard deviation of the level's change in a week
    """

    mean: FloatArray
    covariance: FloatArray
    walk_sd: float

    def at(
        self, cell: tuple[IntArray, IntArray], life_share: FloatArray, price: FloatArray, ahead: IntArray | int = 0
    ) -> tuple[FloatArray, FloatArray]:
        """The mean and variance of articles' deviations from their curves, as they are known in the cells of the panel.

        life_share, price : (cells,) or (cells, weeks), of the weeks that are asked about ; ahead : how many weeks ahead
        """
        mean, covariance = self.mean[cell], self.covariance[cell]
        if life_share.ndim > 1:
            mean, covariance = mean[:, np.newaxis], covariance[:, np.newaxis]
        expected = mean[..., 0] + mean[..., 1] * life_share + mean[..., 2] * price
        a, b, c = _gain(covariance, life_share, price)
        return expected, a + b * life_share + c * price + ahead * self.walk_sd**2


def follow_level(sales: Sales, guess: FloatArray, own: OwnEffects, guess_sd: FloatArray | None = None) -> Level:
    """Each article's effects before each week: the guess of its level at launch, corrected by each week's sales.

    guess    : (articles,), in logs
    guess_sd : (articles,), how unsure the guess is; None means `own.level_sd` for all
    """
    level, _ = _followed(sales, guess, own, guess_sd, keep=True)
    return level


def likelihood(sales: Sales, guess: FloatArray, own: OwnEffects) -> float:
    """The log likelihood of all sales, each as it was foreseen on its Monday. `choose_own_effects` maximises it."""
    _, log_chance = _followed(sales, guess, own, None, keep=False)
    return log_chance


def choose_own_effects(sales: Sales, guess: FloatArray, start: OwnEffects) -> OwnEffects:
    """The scales under which the sales are most likely: each in turn is made smaller and larger while that helps."""
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
        # An article that is not on sale keeps what is known of it. Its level still walks.
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
    """The product of the covariance, (…, 6), with the vector (1, x, p), as three arrays."""
    c = covariance
    return (
        c[..., 0] + c[..., 1] * x + c[..., 2] * p,
        c[..., 1] + c[..., 3] * x + c[..., 4] * p,
        c[..., 2] + c[..., 4] * x + c[..., 5] * p,
    )


def _learnt_from(
    units: FloatArray, censored: BoolArray, foreseen: FloatArray, variance: FloatArray, dispersion: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """The log of mean demand to expect after a week's sales, and the information in these sales, both (articles,).

    The mode of likelihood times prior is found first. To get to the mean, half the log posterior's third derivative
    times the squared variance is added (Tierney & Kadane 1986), because many unforeseen units say more than few.
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
