"""A regression on differences from the mean of the past, shrunk from country to category to article."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from markdown_pricing.arrays import FloatArray, IntArray, arrays_of

COUNTRY_SD, OWN_SD, OTHER_SD = 3.0, 0.4, 0.15
"""Prior standard deviations of a country's coefficients, and of a category's around them: of an article's own price and
attributes, and of all else. The first is nearly free. Of six choices these did as well as any on real sales."""
ARTICLE_SD = 0.3
"""Where the search for the standard deviations of articles around their category begins."""
LEAST_VARIANCE = 1e-6
SEARCH_STEPS = 8
"""Steps of expectation and maximisation, after which the scales change no forecast."""
ARTICLES_TO_CHOOSE_BY = 2_000
"""The scales of articles are learnt from so many of them."""


@dataclass(frozen=True)
class LocalLinear:
    """The coefficients of differences.

    beta     : (categories + 1, terms); the last row is the country's, for categories that were never seen
    spread   : (own,), the variance of articles' own coefficients around their category's; own terms come first
    noise    : the variance of what is left of a row of weight 1
    """

    beta: FloatArray
    spread: FloatArray
    noise: float

    @classmethod
    def fit(
        cls,
        x: FloatArray,
        y: FloatArray,
        weight: FloatArray,
        category: IntArray,
        categories: int,
        article: IntArray,
        own: int,
    ) -> Self:
        """The most likely coefficients.

        x : (rows, terms), the first `own` of them an article's own ; y, weight, category, article : (rows,)
        """
        terms = x.shape[1]
        weighted = x * weight[:, np.newaxis]
        gram, rhs = _moments(x, weighted, y, category, categories)
        noise = _noise(gram.sum(axis=0), rhs.sum(axis=0), float(weight @ y**2), len(y))
        country = np.linalg.solve(gram.sum(axis=0) + np.eye(terms) * noise / COUNTRY_SD**2, rhs.sum(axis=0))
        sd = np.where(np.arange(terms) < own, OWN_SD, OTHER_SD)
        left = rhs - gram @ country
        deviation = np.linalg.solve(gram + np.diag(noise / sd**2), left[..., np.newaxis])[..., 0]
        beta = np.vstack([country + deviation, country])
        left_over = y - (x * beta[category]).sum(axis=1)
        noise = float(weight @ left_over**2) / max(len(y) - terms, 1)
        count = min(int(article.max()) + 1, ARTICLES_TO_CHOOSE_BY)
        some = article < count
        moments = _moments(x[some, :own], weighted[some, :own], left_over[some], article[some], count)
        return cls(beta, _spread(*moments, noise), noise)

    def foretold(self, x: FloatArray, category: IntArray) -> FloatArray:
        """The difference that is expected without articles' own coefficients, (rows,)."""
        expected: FloatArray = (x * self.beta[category]).sum(axis=1)
        return expected

    def deviations(
        self, x: FloatArray, left: FloatArray, weight: FloatArray, article: IntArray, articles: int
    ) -> FloatArray:
        """Articles' deviations from their category's own coefficients, (articles, own), from what it left of `y`."""
        own = x[:, : len(self.spread)]
        gram, rhs = _moments(own, own * weight[:, np.newaxis], left, article, articles)
        deviations: FloatArray = _posterior(gram, rhs, self.spread, self.noise)[0]
        return deviations

    def to_dict(self) -> dict[str, Any]:
        return {name: array.tolist() for name, array in arrays_of(self).items()} | {"noise": self.noise}

    @classmethod
    def from_dict(cls, saved: dict[str, Any]) -> Self:
        return cls(np.array(saved["beta"]), np.array(saved["spread"]), saved["noise"])


def _moments(
    x: FloatArray, weighted: FloatArray, y: FloatArray, group: IntArray, groups: int
) -> tuple[FloatArray, FloatArray]:
    """The moments of each group's regression of y on x, (groups, terms, terms) and (groups, terms)."""
    terms = x.shape[1]
    gram, rhs = np.zeros((groups, terms, terms)), np.zeros((groups, terms))
    if groups * terms < len(x):  # few groups: a product for each of them
        order = np.argsort(group, kind="stable")
        edges = np.searchsorted(group[order], np.arange(groups + 1))
        x, weighted, y = x[order], weighted[order], y[order]
        for number in range(groups):
            part = slice(edges[number], edges[number + 1])
            gram[number], rhs[number] = weighted[part].T @ x[part], weighted[part].T @ y[part]
        return gram, rhs
    for i in range(terms):
        rhs[:, i] = np.bincount(group, weighted[:, i] * y, groups)
        for j in range(terms):
            gram[:, i, j] = np.bincount(group, weighted[:, i] * x[:, j], groups)
    return gram, rhs


def _noise(gram: FloatArray, rhs: FloatArray, square: float, rows: int) -> float:
    """The variance that one regression of all rows leaves."""
    free = np.linalg.solve(gram + LEAST_VARIANCE * np.eye(len(gram)), rhs)
    return max((square - float(free @ rhs)) / max(rows - len(rhs), 1), LEAST_VARIANCE)


def _spread(gram: FloatArray, rhs: FloatArray, noise: float) -> FloatArray:
    """How far articles differ: the variances under which their rows are most likely, by EM (Laird & Ware 1982)."""
    spread = np.full(rhs.shape[1], ARTICLE_SD**2)
    for _ in range(SEARCH_STEPS):
        mean, covariance = _posterior(gram, rhs, spread, noise)
        variance = np.diagonal(covariance, axis1=1, axis2=2)
        spread = np.maximum((mean**2 + variance).mean(axis=0), LEAST_VARIANCE)
    return spread


def _posterior(gram: FloatArray, rhs: FloatArray, spread: FloatArray, noise: float) -> tuple[FloatArray, FloatArray]:
    """The mean and the covariance of each group's deviations, (groups, terms) and (groups, terms, terms)."""
    covariance = np.asarray(np.linalg.inv(gram / noise + np.diag(1.0 / spread)), dtype=np.float64)
    return (covariance @ (rhs / noise)[..., np.newaxis])[..., 0], covariance
