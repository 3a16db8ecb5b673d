"""Log-linear demand with an effect per article; what categories share is shrunk toward the country.

log demand = article + x·(country + category) + calendar + luck of the week, the country's and the category's

The article's own effect takes out the trap of price endogeneity: a manager marks slow sellers down because they are
slow, so that across articles a low price goes with low sales. Within an article, at a given time, it does not, but
for chance: a markdown follows weeks that were slow by bad luck, which makes the response look too strong by about
dispersion over the weeks of a life (a tenth to a fifth in simulated markets).
Quasi-likelihood of the negative binomial, so that best sellers do not drown the others (Wooldridge 1999; the
shrinkage is the empirical Bayes of Hua et al. 2021, arXiv 2105.08313, section 4). All effects are found at once by
Newton's steps: articles are eliminated first, then what each category has of its own, and the country's are left
(Henderson 1984, "Applications of linear models in animal breeding": absorption).
"""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import betaincc

from markdown_pricing.arrays import arrays_of
from markdown_pricing.demand.calendar import LUCK_SD, PRIORS

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

MOST_STEPS = 20
LARGEST_STEP = 1.0
SMALL_STEP = 2e-3
"""Of any effect in logs: smaller ones change no price, and the search is over."""
ARTICLE_WEIGHT = 0.3
"""Information (about as many units sold) with which an article's effect is held to its category's mean."""
WEEK_WEIGHT = 150.0
"""The same for the luck of a category's week: a spread of about 0.08 in logs."""
COUNTRY_LEVEL_SD, LEVEL_SD = 5.0, 1.0
"""Of the mean level of a country and, around it, of a category: next to nothing is known of either."""
LEAST_SHARE = 0.02
"""Told of its mean by a week that was sure to sell out, so that a step is never divided by nothing."""
LOG_RANGE = (-12.0, 14.0)
DISPERSION_BOUNDS = (0.02, 4.0)


@dataclass(frozen=True)
class Prior:
    """Normal priors of the coefficients: the country's mean and spread, and the categories' spread around it.

    mean : (terms,), or (categories, terms) where categories are known to differ
    """

    mean: FloatArray
    country_sd: FloatArray
    category_sd: FloatArray

    def with_mean_level(self, mean: float) -> "Prior":
        """One more term, the mean of the articles' levels."""
        means = np.insert(self.mean, self.mean.shape[-1], mean, axis=-1)
        return Prior(means, np.append(self.country_sd, COUNTRY_LEVEL_SD), np.append(self.category_sd, LEVEL_SD))


@dataclass(frozen=True)
class PooledFit:
    """country (terms,), by_category (categories, terms) their sum with the country.

    covariance : (categories, terms, terms), of how far a category lies from its country

    level : (articles,) log of demand at x = 0; information : (articles,) what it rests on
    calendar : (calendar terms,), effects common to all categories ; week : (categories, weeks), luck
    gram (categories, terms, terms), rhs (categories, terms): the regression's moments, no prior in them
    demand : (rows,) units, sold-out weeks filled with the demand expected there
    fitted : (rows,) mean demand, its week's luck included
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


@dataclass(frozen=True)
class _Effects:
    """What the fit looks for: articles (articles,), terms (categories, terms), weeks (categories, weeks)."""

    articles: FloatArray
    terms: FloatArray
    weeks: FloatArray

    def toward(self, solution: Self) -> Self:
        moved = [old + np.clip(new - old, -LARGEST_STEP, LARGEST_STEP) for old, new in self._beside(solution)]
        return type(self)(*moved)

    def distance(self, other: Self) -> float:
        """The largest difference of what articles share; an article that always sold out goes on for long."""
        return max(float(np.abs(new - old).max(initial=0.0)) for old, new in self._beside(other)[1:])

    def _beside(self, other: Self) -> list[tuple[FloatArray, FloatArray]]:
        return list(zip(arrays_of(self).values(), arrays_of(other).values(), strict=True))


@dataclass(frozen=True)
class _Rows:
    """Rows ordered by category, which is that of the article.

    parts : the rows of each category ; place : (rows,), of the article among its category's
    """

    x: FloatArray
    place: IntArray
    week: IntArray
    parts: list[slice]

    def times(self, effects: _Effects) -> FloatArray:
        """Log of demand at an article's level of 0, (rows,)."""
        each = [
            self.x[part] @ terms + weeks[self.week[part]]
            for part, terms, weeks in zip(self.parts, effects.terms, effects.weeks, strict=True)
        ]
        return np.concatenate(each)


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
    """The most likely effects.

    in_stock : (rows,), weeks that began without stock say nothing and get the demand expected there
    units : (rows,), >= 0 ; x : (rows, terms) ; article, category, week : (rows,) codes from 0
    calendar : (weeks, calendar terms), what the calendar says of each week
    An article that has changed its category counts to its last one.
    """
    articles, categories, terms = int(article.max()) + 1, int(category.max()) + 1, x.shape[1]
    order, home, rows = _by_category(x, article, category, week)
    units, censored, in_stock, article = units[order], censored[order], in_stock[order], article[order]
    category = home[article]
    level, dispersion = _first_level(np.maximum(units, 0.0), article, articles), np.full(categories, 0.5)
    prior = prior.with_mean_level(float(level.mean()))
    effects = _Effects(
        level - level.mean(),
        np.broadcast_to(prior.mean, (categories, terms + 1)),
        np.broadcast_to(calendar @ PRIORS[:, 0], (categories, len(calendar))),
    )
    for _ in range(MOST_STEPS):
        log_mean = effects.articles[article] + rows.times(effects)
        mu = np.exp(np.clip(log_mean, *LOG_RANGE))
        demand, share = fill_sold_out(units, censored, mu, dispersion[category])
        w = in_stock * share * mu / (1.0 + dispersion[category] * mu)
        z = log_mean + (demand - mu) / mu / share
        gram, rhs = _moments(rows, w, z, len(calendar))
        country, by_category, covariance = _shrunk(gram, rhs, prior, calendar)
        solution = _Effects(effects.articles, by_category[:, : terms + 1], by_category[:, terms + 1 :])
        information = np.bincount(article, w, articles).astype(np.float64)
        left = np.bincount(article, w * (z - rows.times(solution)), articles)
        solution = replace(solution, articles=left / (information + ARTICLE_WEIGHT))
        before, effects = effects, effects.toward(solution)
        dispersion = _dispersion(demand, mu, ~censored & in_stock, category, categories, articles)
        if effects.distance(before) < SMALL_STEP:
            break
    calendar_effects, as_asked = country[terms + 1 : -len(calendar)], np.argsort(order)
    return PooledFit(
        country=country[:terms],
        by_category=effects.terms[:, :terms],
        covariance=covariance[:, :terms, :terms],
        level=effects.articles + effects.terms[home, terms],
        information=information,
        calendar=calendar_effects,
        week=effects.weeks - calendar @ calendar_effects,
        dispersion=dispersion,
        gram=gram[:, :terms, :terms],
        rhs=rhs[:, :terms] - (gram[:, :terms, terms + 1 :] @ effects.weeks[..., np.newaxis])[..., 0],
        demand=demand[as_asked],
        fitted=mu[as_asked],
    )


def _by_category(
    x: FloatArray, article: IntArray, category: IntArray, week: IntArray
) -> tuple[IntArray, IntArray, _Rows]:
    """The rows put together by category: (rows,) their order, (articles,) each one's last category, and the rows."""
    home = np.zeros(int(article.max()) + 1, dtype=np.int64)
    home[article] = category
    order = np.argsort(home[article], kind="stable")
    edges = np.searchsorted(home[article[order]], np.arange(int(category.max()) + 2))
    parts = [slice(*ends) for ends in pairwise(edges)]
    place = np.concatenate([np.unique(article[order][part], return_inverse=True)[1] for part in parts])
    return order, home, _Rows(np.column_stack([x[order], np.ones(len(x))]), place, week[order], parts)


def fill_sold_out(
    units: FloatArray, censored: NDArray[np.bool_], mean: FloatArray, dispersion: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Demand: `units`, and where stock cut them off the mean of a negative binomial known to be at least that.

    E[D | D >= s] = mean · P(D' >= s − 1) / P(D >= s), D' the same with one more in its size (by summing s·f(s)).
    returns demand, and what a row tells of its mean as a share of what a count tells: of a week that sold out the
    chance that it had not
    """
    demand, share = np.maximum(units, 0.0), np.ones(len(units))
    if not censored.any():
        return demand, share
    sold, mu, size = demand[censored], np.maximum(mean[censored], 1e-6), 1.0 / dispersion[censored]
    p = size / (size + mu)
    reached = _at_least(sold, size, p)
    tail = mu * _at_least(sold - 1, size + 1, p) / np.maximum(reached, 1e-12)
    # Far in the tail both probabilities vanish; demand is then little above what was sold.
    demand[censored] = np.where(reached > 1e-9, np.maximum(tail, sold), sold * (1.0 + dispersion[censored]))
    share[censored] = np.maximum(1.0 - reached, LEAST_SHARE)
    return demand, share


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


def _moments(rows: _Rows, w: FloatArray, z: FloatArray, weeks: int) -> tuple[FloatArray, FloatArray]:
    """Each category's weighted regression of z on its terms and weeks, the articles eliminated.

    returns (categories, terms + weeks, terms + weeks) and (categories, terms + weeks)
    """
    terms = rows.x.shape[1]
    gram, rhs = np.zeros((len(rows.parts), terms + weeks, terms + weeks)), np.zeros((len(rows.parts), terms + weeks))
    for part, left, right in zip(rows.parts, gram, rhs, strict=True):
        x, week, article, weight = rows.x[part], rows.week[part], rows.place[part], w[part]
        weighted = weight * z[part]
        count, every = int(article.max(initial=-1)) + 1, np.arange(len(week))
        by_week = csr_array((weight, (week, every)), (weeks, len(week))) @ x
        left[:terms, :terms] = (x * weight[:, np.newaxis]).T @ x
        left[terms:, :terms], left[:terms, terms:] = by_week, by_week.T
        left[terms:, terms:] = np.diag(np.bincount(week, weight, weeks))
        right[:terms], right[terms:] = weighted @ x, np.bincount(week, weighted, weeks)
        term_sums = csr_array((weight, (article, every)), (count, len(week))) @ x
        week_sums = np.bincount(article * weeks + week, weight, count * weeks).reshape(count, weeks)
        article_sums = np.hstack([term_sums, week_sums])
        taken = article_sums / (week_sums.sum(axis=1) + ARTICLE_WEIGHT)[:, np.newaxis]
        left -= article_sums.T @ taken
        right -= np.bincount(article, weighted, count) @ taken
    return gram, rhs


def _shrunk(
    gram: FloatArray, rhs: FloatArray, prior: Prior, calendar: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """From moments of terms and weeks by category the country's effects, the categories' and their covariances.

    The country's are its terms, the calendar's and the luck of its weeks; a category has deviations of its own in terms
    and weeks, which are eliminated, so that the work is linear in the number of categories.
    """
    weeks, calendar_terms = calendar.shape
    terms = rhs.shape[1] - weeks
    mean = np.zeros_like(rhs)
    mean[:, :terms], mean[:, terms:] = prior.mean, calendar @ PRIORS[:, 0]
    own_precision = np.append(prior.category_sd**-2.0, np.full(weeks, WEEK_WEIGHT))
    country_precision = np.concatenate([prior.country_sd, PRIORS[:, 1], np.full(weeks, LUCK_SD)]) ** -2.0
    country_design = np.zeros((terms + weeks, terms + calendar_terms + weeks))
    country_design[:terms, :terms] = np.eye(terms)
    country_design[terms:, terms:] = np.hstack([calendar, np.eye(weeks)])
    rhs = rhs - (gram @ mean[..., np.newaxis])[..., 0]
    inverse = np.asarray(np.linalg.inv(gram + np.diag(own_precision)), dtype=np.float64)
    kept = gram @ inverse
    left = (gram - kept @ gram).sum(axis=0)
    right = (rhs - (kept @ rhs[..., np.newaxis])[..., 0]).sum(axis=0)
    country = np.linalg.solve(
        country_design.T @ left @ country_design + np.diag(country_precision), country_design.T @ right
    )
    common = country_design @ country
    own = (inverse @ (rhs - gram @ common)[..., np.newaxis])[..., 0]
    expected = np.concatenate([mean[:, :terms].mean(axis=0), PRIORS[:, 0], np.zeros(weeks)])
    return expected + country, mean + common + own, inverse


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
