"""Log-linear demand with an effect per article; what categories share is shrunk toward the country.

log demand = article + category's week + week of the year + x·(country + category)

The article's own effect takes out the trap of price endogeneity: a manager marks slow sellers down because they are
slow, so that across articles a low price goes with low sales. Within an article, at a given time, it does not, but
for chance: a markdown follows weeks that were slow by bad luck, which makes the response look too strong by about
dispersion over the weeks of a life (a tenth to a fifth in simulated markets).
Quasi-likelihood of the negative binomial, so that best sellers do not drown the others (Wooldridge 1999; the
shrinkage is the empirical Bayes of Hua et al. 2021, arXiv 2105.08313, section 4).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import betaincc

from markdown_pricing.demand.calendar import fit_calendar

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

ROUNDS = 14
ARTICLE_WEIGHT = 0.3
"""Information (about as many units sold) with which an article's effect is held to its category's mean."""
WEEK_WEIGHT = 150.0
"""The same for the effect of a category's week: a spread of about 0.08 in logs, so that it takes no season's peak."""
LARGEST_STEP = 1.0
DISPERSION_BOUNDS = (0.02, 4.0)


@dataclass(frozen=True)
class Prior:
    """Normal priors of the coefficients: the country's mean and spread, and the categories' spread around it.

    mean : (terms,), or (categories, terms) where categories are known to differ
    """

    mean: FloatArray
    country_sd: FloatArray
    category_sd: FloatArray


@dataclass(frozen=True)
class PooledFit:
    """country (terms,), by_category (categories, terms) their sum with the country.

    covariance : (categories, terms, terms), of how far a category lies from its country

    level : (articles,) log of demand at x = 0; information : (articles,) what it rests on
    calendar : (calendar terms,), effects common to all categories ; week : (categories, weeks)
    gram (categories, terms, terms), rhs (categories, terms): the regression's moments, no prior in them
    demand : (rows,) units, sold-out weeks filled with the demand expected there
    fitted : (rows,) mean demand, its week's effect included
    """

    country: FloatArray
    by_category: FloatArray
    covariance: FloatArray
    level: FloatArray
    information: FloatArray
    calendar: FloatArray
    week: FloatArray
    dispersion: FloatArray
    gram: FloatArray
    rhs: FloatArray
    demand: FloatArray
    fitted: FloatArray


def fit_pooled(
    units: FloatArray,
    censored: NDArray[np.bool_],
    in_stock: NDArray[np.bool_],
    x: FloatArray,
    article: IntArray,
    category: IntArray,
    week: IntArray,
    calendar: FloatArray,
    prior: Prior,
) -> PooledFit:
    """Fit by iterated weighted least squares.

    in_stock : (rows,), weeks that began without stock say nothing and get the demand expected there
    units : (rows,), >= 0 ; x : (rows, terms) ; article, category, week : (rows,) codes from 0
    calendar : (weeks, calendar terms), what the calendar says of each week
    """
    articles, categories = int(article.max()) + 1, int(category.max()) + 1
    cell = category * (int(week.max()) + 1) + week
    home = np.zeros(articles, dtype=np.int64)
    home[article] = category
    of_article = csr_array((np.ones(len(article)), (article, np.arange(len(article)))), (articles, len(article)))
    beta = np.broadcast_to(prior.mean, (categories, x.shape[1])).copy()
    country, covariance = beta.mean(axis=0), np.zeros((categories, x.shape[1], x.shape[1]))
    demand, dispersion = np.maximum(units, 0.0), np.full(categories, 0.5)
    level = _first_level(demand, article, articles)
    week_effect: FloatArray = np.zeros(categories * (int(week.max()) + 1))
    calendar_effects: FloatArray = np.zeros(calendar.shape[1])
    of_calendar: FloatArray = np.zeros(len(calendar))
    information: FloatArray = np.zeros(articles)
    gram, rhs = np.zeros((categories, x.shape[1], x.shape[1])), np.zeros((categories, x.shape[1]))
    for _ in range(ROUNDS):
        eta = np.clip(
            level[article] + (x * beta[category]).sum(axis=1) + week_effect[cell] + of_calendar[week],
            -12.0,
            14.0,
        )
        mu = np.exp(eta)
        demand = fill_sold_out(units, censored, mu, dispersion[category])
        w = in_stock * mu / (1.0 + dispersion[category] * mu)
        z = (x * beta[category]).sum(axis=1) + np.clip((demand - mu) / mu, -1.0, 4.0)
        within_x, within_z = (_within(values, w, article, of_article) for values in (x, z[:, np.newaxis]))
        gram, rhs = _moments(within_x, within_z[:, 0], w, category, categories)
        country, target, covariance = _shrunk(gram, rhs, prior)
        beta = beta + np.clip(target - beta, -LARGEST_STEP, LARGEST_STEP)
        resid = level[article] + z - (x * beta[category]).sum(axis=1)
        information = np.bincount(article, w, articles).astype(np.float64)
        pull = _mean(level, information, home, categories)[home]
        level = (np.bincount(article, w * resid, articles) + ARTICLE_WEIGHT * pull) / (information + ARTICLE_WEIGHT)
        left = resid - level[article] + week_effect[cell] + of_calendar[week]
        found = _effect(left - week_effect[cell], w, week, len(calendar), 1e-9)
        calendar_effects = fit_calendar(found, np.bincount(week, w, len(calendar)).astype(np.float64), calendar)
        of_calendar = calendar @ calendar_effects
        week_effect = _effect(left - of_calendar[week], w, cell, len(week_effect), WEEK_WEIGHT)
        dispersion = _dispersion(demand, mu, ~censored & in_stock, category, categories, articles)
    return PooledFit(
        country,
        beta,
        covariance,
        level,
        information,
        calendar_effects,
        week_effect.reshape(categories, -1),
        dispersion,
        gram,
        rhs,
        demand,
        mu,
    )


def fill_sold_out(
    units: FloatArray, censored: NDArray[np.bool_], mean: FloatArray, dispersion: FloatArray
) -> FloatArray:
    """Demand: `units`, and where stock cut them off the mean of a negative binomial known to be at least that.

    E[D | D >= s] = mean · P(D' >= s − 1) / P(D >= s), D' the same with one more in its size (by summing s·f(s)).
    """
    demand = np.maximum(units, 0.0)
    if not censored.any():
        return demand
    sold, mu, size = demand[censored], np.maximum(mean[censored], 1e-6), 1.0 / dispersion[censored]
    p = size / (size + mu)
    reached = _at_least(sold, size, p)
    tail = mu * _at_least(sold - 1, size + 1, p) / np.maximum(reached, 1e-12)
    # Far in the tail both probabilities vanish; demand is then little above what was sold.
    demand[censored] = np.where(reached > 1e-9, np.maximum(tail, sold), sold * (1.0 + dispersion[censored]))
    return demand


def _at_least(units: FloatArray, size: FloatArray, p: FloatArray) -> FloatArray:
    """P(demand >= units) of a negative binomial. scipy.stats has it too, at the price of a second's import."""
    chance = np.ones_like(units)
    some = units > 0  # most weeks whose sales the stock cut off began without any
    chance[some] = betaincc(size[some], units[some], p[some])
    return chance


def _first_level(demand: FloatArray, article: IntArray, articles: int) -> FloatArray:
    mean = demand.mean() + 0.1
    level: FloatArray = np.log(
        (np.bincount(article, demand, articles) + mean) / (np.bincount(article, minlength=articles) + 1.0)
    )
    return level


def _effect(left: FloatArray, w: FloatArray, group: IntArray, groups: int, shrink: float) -> FloatArray:
    effect: FloatArray = np.bincount(group, w * left, groups) / (np.bincount(group, w, groups) + shrink)
    return effect


def _mean(values: FloatArray, weight: FloatArray, group: IntArray, groups: int) -> FloatArray:
    overall = float((values * weight).sum() / max(weight.sum(), 1e-9))
    mean: FloatArray = (np.bincount(group, values * weight, groups) + overall) / (
        np.bincount(group, weight, groups) + 1.0
    )
    return mean


def _within(x: FloatArray, w: FloatArray, article: IntArray, of_article: csr_array) -> FloatArray:
    """Deviations from the article's weighted mean; `of_article` (articles, rows) is 1 where a row is the article's."""
    total = np.maximum(of_article @ w, 1e-9)
    means = (of_article @ (x * w[:, np.newaxis])) / total[:, np.newaxis]
    deviations: FloatArray = x - means[article]
    return deviations


def _moments(
    x: FloatArray, z: FloatArray, w: FloatArray, category: IntArray, categories: int
) -> tuple[FloatArray, FloatArray]:
    terms = x.shape[1]
    gram, rhs = np.zeros((categories, terms, terms)), np.zeros((categories, terms))
    order = np.argsort(category, kind="stable")
    edges = np.searchsorted(category[order], np.arange(categories + 1))
    x, z, w = x[order], z[order], w[order]
    for code in range(categories):
        rows = slice(edges[code], edges[code + 1])
        weighted = x[rows] * w[rows, None]
        gram[code], rhs[code] = x[rows].T @ weighted, weighted.T @ z[rows]
    return gram, rhs


def _shrunk(gram: FloatArray, rhs: FloatArray, prior: Prior) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Country's coefficients (terms,), categories' (categories, terms) and their covariances.

    The categories' deviations are eliminated, so that the work is linear in the number of categories.
    """
    mean = np.broadcast_to(prior.mean, rhs.shape)
    rhs = rhs - (gram @ mean[..., None])[..., 0]
    inverse = np.asarray(np.linalg.inv(gram + np.diag(prior.category_sd**-2.0)), dtype=np.float64)
    left = gram - gram @ inverse @ gram
    right = rhs - (gram @ inverse @ rhs[..., None])[..., 0]
    country = np.linalg.solve(left.sum(axis=0) + np.diag(prior.country_sd**-2.0), right.sum(axis=0))
    deviation = (inverse @ (rhs - gram @ country)[..., None])[..., 0]
    return mean.mean(axis=0) + country, mean + country + deviation, inverse


def _dispersion(
    demand: FloatArray, mu: FloatArray, used: NDArray[np.bool_], category: IntArray, categories: int, articles: int
) -> FloatArray:
    """Moment estimate by category, (categories,), shrunk toward the country's as by 200 rows."""
    free = max(1.0 - articles / max(int(used.sum()), 1), 0.2)
    pull = mu / (1.0 + mu)  # weight: weeks with a mean far below 1 say little about dispersion
    excess = np.where(used, pull * ((demand - mu) ** 2 / free - mu) / np.maximum(mu, 1e-6) ** 2, 0.0)
    share = np.where(used, pull, 0.0)
    overall = float(np.clip(excess.sum() / max(share.sum(), 1e-9), *DISPERSION_BOUNDS)) if share.sum() > 5 else 0.5
    summed = np.bincount(category, excess, categories) + 200.0 * overall
    shrunk: FloatArray = np.clip(summed / (np.bincount(category, share, categories) + 200.0), *DISPERSION_BOUNDS)
    return shrunk
