"""What all countries know together, computed once a week: each country's contribution, and all of them pooled.

A country with few sales learns its price response and season from the sales of the others. An article that other
countries launched earlier is known from there before its first week here. A contribution is what a country's sales
alone say: the moments of its regression, and the likelihood of its articles' levels (`log_linear.learn_country`). The
pooled result is therefore the fit of all countries' sales at once, with a deviation for each country as `pooling` has
one for each category, at the cost of fitting one country at a time.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, field, replace
from typing import Any, Self

import numpy as np
import pandas as pd

from markdown_pricing.arrays import FloatArray
from markdown_pricing.demand.design import Design
from markdown_pricing.demand.level import OwnEffects
from markdown_pricing.demand.pooling import Prior, Search
from markdown_pricing.demand.terms import TERMS

COUNTRY_SHARE, CATEGORY_SHARE = 0.35, 0.6
"""Where countries share what they know, the prior standard deviations of a country and of a category in it are these
shares of those that hold for a country alone."""
LEAST_PRECISION = 1e-9
"""A precision is taken for at least this, so that nothing is divided by 0."""
LEAST_TASTE_SD = 0.1
"""How far countries differ on one article at least, in logs."""


@dataclass(frozen=True)
class Quality:
    """How far the levels of articles lie above what their attributes say, as one or several countries saw it.

    ids       : (articles,), sorted
    mean      : (articles,), in logs
    precision : (articles,), one over the variance of the mean
    """

    ids: tuple[str, ...] = ()
    mean: FloatArray = field(default_factory=lambda: np.zeros(0))
    precision: FloatArray = field(default_factory=lambda: np.zeros(0))

    def look_up(self, article_ids: Any) -> tuple[FloatArray, FloatArray]:
        """Mean and precision of each of the articles, both (articles,); both are 0 where nothing is known."""
        at = pd.Index(self.ids, dtype=object).get_indexer(pd.Index(article_ids, dtype=object))
        mean, precision = np.append(self.mean, 0.0), np.append(self.precision, 0.0)
        return mean[at], precision[at]

    def to_dict(self) -> dict[str, Any]:
        return {"ids": list(self.ids), "mean": self.mean.tolist(), "precision": self.precision.tolist()}

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> Self:
        return cls(tuple(saved["ids"]), np.array(saved["mean"]), np.array(saved["precision"]))


@dataclass(frozen=True)
class CountryDemand:
    """One country's contribution to what all countries know.

    gram, rhs : (categories, TERMS, TERMS) and (categories, TERMS), moments of its regression without any prior
    own       : how far its articles deviate from their category ; quality : what its own sales say of its articles
    search    : where the fit of its sales ended, from which the fit of its model begins; None without a fit
    """

    categories: tuple[str, ...]
    gram: FloatArray
    rhs: FloatArray
    own: OwnEffects
    quality: Quality
    search: Search | None = None

    def to_bytes(self) -> bytes:
        plain = {"gram": self.gram.tolist(), "rhs": self.rhs.tolist(), "categories": list(self.categories)}
        search = None if self.search is None else self.search.to_dict()
        parts = {"own": asdict(self.own), "quality": self.quality.to_dict(), "search": search}
        return json.dumps({**plain, **parts}).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        saved = json.loads(data)
        count = len(saved["categories"])
        gram = np.array(saved["gram"]).reshape(count, len(TERMS), len(TERMS))
        rhs = np.array(saved["rhs"]).reshape(count, len(TERMS))
        quality = Quality.from_dict(saved["quality"])
        search = None if saved["search"] is None else Search.from_dict(saved["search"])
        return cls(tuple(saved["categories"]), gram, rhs, OwnEffects(**saved["own"]), quality, search)


@dataclass(frozen=True)
class SharedDemand:
    """What all countries know together, computed once a week.

    categories : sorted by name ; mean : (categories, TERMS), the coefficients that all countries share
    own        : how far articles deviate from their category
    seen       : the quality of articles as each country saw it, by country
    taste_sd   : the standard deviation of how countries differ on one article, in logs
    country    : the country that uses this; what it saw itself is left out, because its own sales say that anyway
    model      : the name of the model that uses this
    searches   : by country where the fit of its own sales ended, which the fit of its model goes on from, as JSON that
                 only this country parses. A model that is judged by the last of these sales gets nothing that is
                 shared, and so not this either
    learnt_by  : by name of the model what it has learnt from all countries itself, in a form of its own
    """

    categories: tuple[str, ...]
    mean: FloatArray
    own: OwnEffects
    seen: Mapping[str, Quality]
    taste_sd: float
    country: str | None = None
    searches: Mapping[str, str] = field(default_factory=dict)
    model: str | None = None
    learnt_by: Mapping[str, bytes] = field(default_factory=dict)

    def for_country(self, country: str, model: str | None = None) -> "SharedDemand":
        """The same for one country, without what that country saw itself, and for its model."""
        return replace(self, country=country, model=model)

    @property
    def learnt(self) -> bytes | None:
        """What the model that uses this has learnt from all countries (`DemandModel.learn_together`); None: nothing."""
        return None if self.model is None else self.learnt_by.get(self.model)

    @property
    def search(self) -> Search | None:
        """Where the fit of the country's own sales ended; None when it took no part."""
        kept = None if self.country is None else self.searches.get(self.country)
        return None if kept is None else Search.from_dict(json.loads(kept))

    @property
    def quality(self) -> Quality:
        """What all other countries together say of each article, weighted by their uncertainty and their taste."""
        others = [quality for country, quality in sorted(self.seen.items()) if country != self.country and quality.ids]
        if not others:
            return Quality()
        weights = [1.0 / (1.0 / np.maximum(one.precision, LEAST_PRECISION) + self.taste_sd**2) for one in others]
        ids, place = np.unique(np.concatenate([np.array(one.ids, dtype=object) for one in others]), return_inverse=True)
        weight, mean = np.concatenate(weights), np.concatenate([one.mean for one in others])
        precision = np.bincount(place, weight, len(ids))
        pooled = np.bincount(place, weight * mean, len(ids)) / np.maximum(precision, LEAST_PRECISION)
        # The taste of this country differs from theirs, too, which takes precision away.
        return Quality(tuple(ids), pooled, 1.0 / (1.0 / np.maximum(precision, LEAST_PRECISION) + self.taste_sd**2))

    def prior_of(self, design: Design) -> Prior:
        """The priors of a country's coefficients, around what all countries share."""
        alone = design.prior
        known = dict(zip(self.categories, self.mean, strict=True))
        overall = self.mean.mean(axis=0) if len(self.mean) else alone.mean[: len(TERMS)]
        mean = np.tile(alone.mean, (len(design.categories), 1))
        mean[:, : len(TERMS)] = [known.get(category, overall) for category in design.categories]
        country, category = alone.country_sd.copy(), alone.category_sd.copy()
        country[: len(TERMS)] *= COUNTRY_SHARE
        category[: len(TERMS)] *= CATEGORY_SHARE
        return Prior(mean, country, category)

    def to_bytes(self) -> bytes:
        seen = {country: quality.to_dict() for country, quality in self.seen.items()}
        plain = {"categories": list(self.categories), "mean": self.mean.tolist(), "own": asdict(self.own)}
        parts = {"seen": seen, "taste_sd": self.taste_sd, "searches": dict(self.searches)}
        learnt_by = {model: b64encode(learnt).decode() for model, learnt in sorted(self.learnt_by.items())}
        return json.dumps({**plain, **parts, **({"learnt_by": learnt_by} if learnt_by else {})}).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        saved = json.loads(data)
        seen = {country: Quality.from_dict(quality) for country, quality in saved["seen"].items()}
        mean = np.array(saved["mean"]).reshape(len(saved["categories"]), -1)
        own = OwnEffects(**saved["own"])
        learnt_by = {model: b64decode(learnt, validate=True) for model, learnt in saved.get("learnt_by", {}).items()}
        given = tuple(saved["categories"]), mean, own, seen, saved["taste_sd"]
        return cls(*given, searches=saved["searches"], learnt_by=learnt_by)


def pool(contributions: Mapping[str, CountryDemand]) -> SharedDemand:
    """What all countries know together, from their contributions by country. The order does not matter."""
    contributing = [contribution for _, contribution in sorted(contributions.items()) if contribution.categories]
    categories = tuple(sorted({category for one in contributing for category in one.categories}))
    seen = {country: one.quality for country, one in sorted(contributions.items())}
    searches = {
        country: json.dumps(one.search.to_dict())
        for country, one in sorted(contributions.items())
        if one.search is not None
    }
    mean, own = _pooled_terms(contributing, categories), _typical(contributing)
    return SharedDemand(categories, mean, own, seen, _taste_sd(seen), searches=searches)


def _pooled_terms(contributing: Sequence[CountryDemand], categories: Sequence[str]) -> FloatArray:
    """Each category's coefficients in all countries, shrunk towards those of all categories, (categories, TERMS)."""
    prior = Design().prior
    place = {category: number for number, category in enumerate(categories)}
    left = np.zeros((len(categories), len(TERMS), len(TERMS)))
    right = np.zeros((len(categories), len(TERMS)))
    between = np.diag(prior.category_sd**-2.0)
    for one in contributing:
        rhs = one.rhs - one.gram @ prior.mean
        inverse = np.linalg.inv(one.gram + between)
        at = [place[category] for category in one.categories]
        left[at] += one.gram - one.gram @ inverse @ one.gram
        right[at] += rhs - (one.gram @ inverse @ rhs[..., None])[..., 0]
    inverse = np.linalg.inv(left + between)
    whole = (left - left @ inverse @ left).sum(axis=0) + np.diag(prior.country_sd**-2.0)
    overall = np.linalg.solve(whole, (right - (left @ inverse @ right[..., None])[..., 0]).sum(axis=0))
    own = (inverse @ (right - left @ overall)[..., None])[..., 0]
    pooled: FloatArray = prior.mean + overall + own
    return pooled


def _typical(contributing: Sequence[CountryDemand]) -> OwnEffects:
    """The geometric means of the countries' scales."""
    if not contributing:
        return OwnEffects()
    return OwnEffects(*np.exp(np.log([astuple(one.own) for one in contributing]).mean(axis=0)).tolist())


def _taste_sd(seen: Mapping[str, Quality]) -> float:
    """The standard deviation, in logs, of how countries differ on one article beyond what chance explains.

    It is a moment estimate over the articles that at least two countries saw.
    """
    frame = pd.concat(
        [pd.DataFrame({"id": one.ids, "mean": one.mean, "noise": 1.0 / one.precision}) for one in seen.values()]
        or [pd.DataFrame({"id": [], "mean": [], "noise": []})]
    )
    frame = frame[frame["noise"] < 1.0]
    by_article = frame.groupby("id")
    seen_by = by_article["mean"].transform("size")
    apart = (frame["mean"] - by_article["mean"].transform("mean"))[seen_by > 1]
    if len(apart) < 10:
        return 3 * LEAST_TASTE_SD
    size = seen_by[seen_by > 1]
    noise = frame["noise"][seen_by > 1]
    share = (size - 1) / size
    variance = float((apart**2).sum() / share.sum() - noise.mean())
    return float(np.sqrt(max(variance, LEAST_TASTE_SD**2)))
