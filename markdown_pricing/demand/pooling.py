"""Log-linear demand with an effect for each article. What categories have of their own is shrunk towards the country.

log demand = article + x·(country + category) + calendar + luck of the week, the country's and the category's

The effect of the article avoids the trap of price endogeneity. A manager marks slow sellers down because they are slow,
so that a low price goes with low sales when articles are compared. Within one article it does not, except by chance: a
markdown follows weeks that were slow by bad luck. This makes the response look too strong by about the dispersion over
the weeks of a life, which is a tenth to a fifth in simulated markets.
The fit maximises the quasi-likelihood of the negative binomial, so that best sellers do not drown the others
(Wooldridge 1999). The shrinkage is the empirical Bayes of Hua et al. 2021, arXiv 2105.08313, section 4. Newton's steps
find all effects at once: articles are eliminated first, then what each category has of its own, so that the country's
effects are left (absorption: Henderson 1984, "Applications of linear models in animal breeding").

Numbers below that name no source were chosen by judgement from 2026-11-23 to 2026-11-27, and none of them on the seeds
that docs/pricing.md reports. What others would bring was not measured.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Self

import numpy as np
from scipy.sparse import csr_array

from markdown_pricing.arrays import BoolArray, FloatArray, IntArray, arrays_of, rows_of
from markdown_pricing.demand.calendar import LUCK_SD, PRIORS
from markdown_pricing.demand.sold_out import fill_sold_out
from markdown_pricing.forecast import USUAL_DISPERSION

MOST_STEPS = 20
"""The search ends after so many Newton steps, whether or not it has converged."""
LARGEST_STEP = 1.0
"""No effect moves by more than this in one step, in logs."""
SMALL_STEP = 2e-3
"""The search is over when no effect moves by more than this, in logs: smaller steps change no price."""
ARTICLE_WEIGHT = 0.3
"""The information, about as many units sold, with which an article's effect is held to its category's mean."""
WEEK_WEIGHT = 150.0
"""The same for the luck of a category's week: a standard deviation of about 0.08 in logs."""
COUNTRY_LEVEL_SD, LEVEL_SD = 5.0, 1.0
"""Prior standard deviations, in logs, of a country's mean level and of a category's around it: nearly free."""
LOG_RANGE = (-12.0, 14.0)
"""The log of mean demand is held within this range, so that its exponential stays finite."""
DISPERSION_BOUNDS = (0.02, 4.0)
"""An estimated dispersion is held within these bounds."""
DISPERSION_ROWS = 200.0
"""A category's dispersion is shrunk towards the country's as if so many of its rows had the country's."""
LEAST_ROWS_OF_DISPERSION = 5.0
"""With a smaller weight of rows a country has no dispersion of its own, and USUAL_DISPERSION is taken."""
LEAST_FREE_SHARE = 0.2
"""The articles' effects take degrees of freedom from the rows, of which at least this share counts as left."""


@dataclass(frozen=True)
class Prior:
    """Normal priors of the coefficients.

    mean        : (terms,), or (categories, terms) where categories are known to differ
    country_sd  : (terms,), standard deviation of the country's coefficients around the mean
    category_sd : (terms,), standard deviation of a category's coefficients around the country's
    """

    mean: FloatArray
    country_sd: FloatArray
    category_sd: FloatArray

    def with_mean_level(self, mean: float) -> "Prior":
        """The same priors with one more term, which is the mean of the articles' levels."""
        means = np.insert(self.mean, self.mean.shape[-1], mean, axis=-1)
        return Prior(means, np.append(self.country_sd, COUNTRY_LEVEL_SD), np.append(self.category_sd, LEVEL_SD))


@dataclass(frozen=True)
class Effects:
    """The effects that the fit looks for, in logs.

    articles : (articles,) ; terms : (categories, terms + 1), the mean level last ; weeks : (categories, weeks)
    """

    articles: FloatArray
    terms: FloatArray
    weeks: FloatArray

    def toward(self, solution: Self, largest: float) -> Self:
        """These effects moved towards `solution`, each by at most `largest`."""
        moved = [old + np.clip(new - old, -largest, largest) for old, new in self._beside(solution)]
        return type(self)(*moved)

    def distance(self, other: Self) -> float:
        """The largest difference of any shared effect. An article that always sold out would take very long."""
        return max(float(np.abs(new - old).max(initial=0.0)) for old, new in self._beside(other)[1:])

    def _beside(self, other: Self) -> list[tuple[FloatArray, FloatArray]]:
        return list(zip(arrays_of(self).values(), arrays_of(other).values(), strict=True))


@dataclass(frozen=True)
class Search:
    """Where the search of a fit has got to, so that another fit of the same rows can go on from there.

    dispersion : (categories,)
    """

    effects: Effects
    dispersion: FloatArray

    def is_of(self, articles: int, categories: int, terms: int, weeks: int) -> bool:
        """Whether it is the search of a fit with so many of each, the mean level among the terms."""
        shapes = [array.shape for array in (*arrays_of(self.effects).values(), self.dispersion)]
        return shapes == [(articles,), (categories, terms), (categories, weeks), (categories,)]

    def part(self, articles: IntArray, weeks: int | None = None) -> Self:
        """The search of these articles, (part,), alone, in the first `weeks` weeks; None means in all of them."""
        own, effects = self.effects.articles[articles], self.effects
        return replace(self, effects=replace(effects, articles=own, weeks=effects.weeks[:, :weeks]))

    def to_dict(self) -> dict[str, list[Any]]:
        return {name: array.tolist() for name, array in {**arrays_of(self.effects), **arrays_of(self)}.items()}

    @classmethod
    def from_dict(cls, saved: Mapping[str, list[Any]]) -> Self:
        terms = np.array(saved["terms"])
        weeks = np.array(saved["weeks"]).reshape(len(terms), -1)
        return cls(Effects(np.array(saved["articles"]), terms, weeks), np.array(saved["dispersion"]))


@dataclass(frozen=True)
class PooledFit:
    """What `fit_pooled` finds.

    country     : (terms,), the country's coefficients
    by_category : (categories, terms), those of each category, which are the country's and its own deviation
    covariance  : (categories, terms, terms), of how far a category lies from its country
    level       : (articles,), log of demand at x = 0 ; information : (articles,), the weight of the sales behind it
    calendar    : (calendar terms,), effects that all categories share ; week : (categories, weeks), luck
    dispersion  : (categories,)
    gram, rhs   : (categories, terms, terms) and (categories, terms), the moments of the regression without any prior
    demand      : (rows,), units, where in sold-out weeks the demand that is expected there stands
    fitted      : (rows,), mean demand, the luck of its week included
    search      : where the search ended
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
    search: Search


@dataclass(frozen=True)
class _Rows:
    """Rows in the order of their articles' categories, and in each of the articles.

    x        : (rows, terms + 1), the last term is 1 ; article, week : (rows,) ; weeks : how many there are
    parts    : the rows of each category ; articles : the articles of each, in the order of `starts`
    starts   : (articles,), the first row of each article
    in_week  : (categories · weeks, rows), 1 where a row is of the category and week, which a product adds up with
    in_place : (articles, rows), the same for each article
    """

    x: FloatArray
    article: IntArray
    week: IntArray
    weeks: int
    parts: list[slice]
    articles: list[slice]
    starts: IntArray
    in_week: csr_array
    in_place: csr_array

    @classmethod
    def of(
        cls, x: FloatArray, article: IntArray, category: IntArray, week: IntArray, categories: int, weeks: int
    ) -> Self:
        """The rows, which are in that order already. A category that no article has in the end has no rows."""
        starts = np.flatnonzero(np.diff(article, prepend=-1))
        edges = np.searchsorted(category, np.arange(categories + 1))
        parts, articles = ([slice(*ends) for ends in pairwise(at)] for at in (edges, np.searchsorted(starts, edges)))
        ones, every = np.ones(len(x)), np.arange(len(x))
        in_week = csr_array((ones, (category * weeks + week, every)), (categories * weeks, len(x)))
        in_place = csr_array((ones, every, np.append(starts, len(x))), (len(starts), len(x)))
        return cls(np.column_stack([x, ones]), article, week, weeks, parts, articles, starts, in_week, in_place)

    def times(self, effects: Effects) -> FloatArray:
        """The log of demand of an article whose own effect is 0, (rows,)."""
        each = [
            self.x[part] @ terms + weeks[self.week[part]]
            for part, terms, weeks in zip(self.parts, effects.terms, effects.weeks, strict=True)
        ]
        return np.concatenate(each)

    def by_week(self, values: FloatArray) -> FloatArray:
        """The sums of the values, (rows, …), by category and week, (categories, weeks, …)."""
        sums: FloatArray = self.in_week @ values
        return sums.reshape(len(self.parts), self.weeks, *values.shape[1:])

    def by_article(self, values: FloatArray) -> FloatArray:
        """The sums of the values, (rows, …), by article in the order of `starts`, (articles, …)."""
        sums: FloatArray = self.in_place @ values
        return sums


@dataclass(frozen=True)
class SoldRows:
    """What a fit learns from, (rows,) each.

    units    : >= 0 ; article, week : codes from 0
    censored : weeks whose sales the stock limited; they are filled with the demand that is expected there
    in_stock : False for weeks that began without stock, which say nothing; they are filled, too
    x        : (rows, terms), the regressors
    category : codes from 0; an article counts in its last one
    """

    units: FloatArray
    censored: BoolArray
    in_stock: BoolArray
    x: FloatArray
    article: IntArray
    category: IntArray
    week: IntArray


def fit_pooled(
    sold: SoldRows, calendar: FloatArray, prior: Prior, start: Search | None = None, categories: int | None = None
) -> PooledFit:
    """The most likely effects of all rows together.

    calendar   : (weeks, calendar terms), the regressors of the calendar
    start      : where to begin; the effects are the same wherever that is, but a fit of the same rows is soon there
    categories : how many there are; by default as many as the rows have
    """
    articles, terms = int(sold.article.max()) + 1, sold.x.shape[1]
    categories = categories or int(sold.category.max()) + 1
    home, order = _by_category(sold.article, sold.category)
    sold = rows_of(sold, order)
    article, category = sold.article, home[sold.article]
    rows = _Rows.of(sold.x, article, category, sold.week, categories, len(calendar))
    level = _first_level(np.maximum(sold.units, 0.0), article, articles)
    prior = prior.with_mean_level(float(level.mean()))
    effects, dispersion, largest = _beginning(start, level, prior, calendar, categories)
    for _ in range(MOST_STEPS):
        log_mean = effects.articles[article] + rows.times(effects)
        mu, demand, w, z = _linearized(sold, log_mean, dispersion[category])
        gram, rhs = _moments(rows, w, z)
        country, by_category, covariance = _shrunk(gram, rhs, prior, calendar)
        solution = Effects(effects.articles, by_category[:, : terms + 1], by_category[:, terms + 1 :])
        information = np.bincount(article, w, articles).astype(np.float64)
        left = np.bincount(article, w * (z - rows.times(solution)), articles)
        solution = replace(solution, articles=left / (information + ARTICLE_WEIGHT))
        before, effects, largest = effects, effects.toward(solution, largest), LARGEST_STEP
        dispersion = _dispersion(demand, mu, ~sold.censored & sold.in_stock, category, categories, articles)
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
        search=Search(effects, dispersion),
    )


def _beginning(
    start: Search | None, level: FloatArray, prior: Prior, calendar: FloatArray, categories: int
) -> tuple[Effects, FloatArray, float]:
    """Where a search begins and how long its first step may be: at `start`, when that is of a fit of the same rows.

    There only the prior is new, so that the first step may be of any length. Without it a search begins with its prior
    and with how much each article sold, `level`.
    """
    articles, terms, weeks = len(level), prior.mean.shape[-1], len(calendar)
    if start is not None and start.is_of(articles, categories, terms, weeks):
        return start.effects, start.dispersion, np.inf
    effects = Effects(
        level - level.mean(),
        np.broadcast_to(prior.mean, (categories, terms)),
        np.broadcast_to(calendar @ PRIORS[:, 0], (categories, weeks)),
    )
    return effects, np.full(categories, USUAL_DISPERSION), LARGEST_STEP


def _linearized(
    sold: SoldRows, log_mean: FloatArray, dispersion: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """What a Newton step of the rows starts from: mean and expected demand, and the weights and values to regress."""
    mu = np.exp(np.clip(log_mean, *LOG_RANGE))
    demand, share = fill_sold_out(sold.units, sold.censored, mu, dispersion)
    return mu, demand, sold.in_stock * (share * mu / (1.0 + dispersion * mu)), log_mean + (demand - mu) / mu / share


def _by_category(article: IntArray, category: IntArray) -> tuple[IntArray, IntArray]:
    """Each article's last category, (articles,), and the order of the rows by these and by article, (rows,)."""
    home = np.zeros(int(article.max()) + 1, dtype=np.int64)
    home[article] = category
    return home, np.lexsort((article, home[article]))


def _first_level(demand: FloatArray, article: IntArray, articles: int) -> FloatArray:
    mean = demand.mean() + 0.1
    level: FloatArray = np.log(
        (np.bincount(article, demand, articles) + mean) / (np.bincount(article, minlength=articles) + 1.0)
    )
    return level


def _moments(rows: _Rows, w: FloatArray, z: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The moments of each category's regression of z (rows,) on its terms and weeks, with weights w (rows,).

    The articles' effects are eliminated from them.
    returns (categories, terms + weeks, terms + weeks) and (categories, terms + weeks)
    """
    terms, weeks, every = rows.x.shape[1], rows.weeks, np.arange(rows.weeks)
    gram = np.zeros((len(rows.parts), terms + weeks, terms + weeks))
    rhs = np.zeros((len(rows.parts), terms + weeks))
    x, z = rows.x * w[:, np.newaxis], z * w
    gram[:, terms:, :terms] = rows.by_week(x)
    gram[:, :terms, terms:] = gram[:, terms:, :terms].transpose(0, 2, 1)
    gram[:, terms + every, terms + every], rhs[:, terms:] = rows.by_week(w), rows.by_week(z)
    # What each article adds up to, divided by the root of its weight, so that products with itself take it away.
    root = np.sqrt(rows.by_article(w) + ARTICLE_WEIGHT)
    place = np.repeat(np.arange(len(root)), np.diff(rows.starts, append=len(w)))
    by_week = np.bincount(place * weeks + rows.week, w, len(root) * weeks).reshape(-1, weeks)
    sums = np.hstack([rows.by_article(x), by_week]) / root[:, np.newaxis]
    left = rows.by_article(z) / root
    for part, articles, square, right in zip(rows.parts, rows.articles, gram, rhs, strict=True):
        square[:terms, :terms] += x[part].T @ rows.x[part]
        right[:terms] += z[part] @ rows.x[part]
        square -= sums[articles].T @ sums[articles]
        right -= left[articles] @ sums[articles]
    return gram, rhs


def _shrunk(
    gram: FloatArray, rhs: FloatArray, prior: Prior, calendar: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The country's effects, those of the categories, and the categories' covariances, from the moments of `_moments`.

    The country has effects of terms, calendar and weeks. A category has deviations of its own in terms and weeks. These
    are eliminated, so that the work grows only linearly with the number of categories.
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
    # With G for gram and D for the precision, G − G (G + D)⁻¹ G is D − D (G + D)⁻¹ D, which takes no product.
    left = len(gram) * np.diag(own_precision) - own_precision[:, np.newaxis] * inverse.sum(axis=0) * own_precision
    right = own_precision * (inverse @ rhs[..., np.newaxis])[..., 0].sum(axis=0)
    country = np.linalg.solve(
        country_design.T @ left @ country_design + np.diag(country_precision), country_design.T @ right
    )
    common = country_design @ country
    own = (inverse @ (rhs - gram @ common)[..., np.newaxis])[..., 0]
    expected = np.concatenate([mean[:, :terms].mean(axis=0), PRIORS[:, 0], np.zeros(weeks)])
    return expected + country, mean + common + own, inverse


def _dispersion(
    demand: FloatArray, mu: FloatArray, used: BoolArray, category: IntArray, categories: int, articles: int
) -> FloatArray:
    """The moment estimate of each category's dispersion, (categories,), shrunk towards the country's."""
    free = max(1.0 - articles / max(int(used.sum()), 1), LEAST_FREE_SHARE)
    pull = mu / (1.0 + mu)  # a weight, because weeks with a mean far below 1 say little about dispersion
    excess = np.where(used, pull * ((demand - mu) ** 2 / free - mu) / np.maximum(mu, 1e-6) ** 2, 0.0)
    share = np.where(used, pull, 0.0)
    overall = USUAL_DISPERSION
    if share.sum() > LEAST_ROWS_OF_DISPERSION:
        overall = float(np.clip(excess.sum() / max(share.sum(), 1e-9), *DISPERSION_BOUNDS))
    summed = np.bincount(category, excess, categories) + DISPERSION_ROWS * overall
    rows = np.bincount(category, share, categories) + DISPERSION_ROWS
    shrunk: FloatArray = np.clip(summed / rows, *DISPERSION_BOUNDS)
    return shrunk
