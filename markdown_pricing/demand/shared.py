"""What all countries know together, computed once a week: each country's contribution, and all of them pooled.

A country with few sales learns its price response and season from the others'; and an article that other countries
launched earlier is known there before its first week here. A contribution is what a country's sales alone say: the
moments of its regression, and the likelihood of its articles' levels; so the pooled result is the fit of all
countries' sales at once, with a deviation for each country (as of each category in `pooling`), at the cost of one
country at a time.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, dataclass
from datetime import date
from typing import Self

import numpy as np
import pandas as pd

from markdown_pricing.demand.design import TERMS, Design
from markdown_pricing.demand.elsewhere import Quality, SharedDemand
from markdown_pricing.demand.level import OwnEffects
from markdown_pricing.demand.log_linear import LogLinear
from markdown_pricing.training_data.features import FloatArray

__all__ = ["CountryDemand", "Quality", "SharedDemand", "learn_country", "pool"]

FORGOTTEN_WEEKS = 8
"""An article that sold nowhere for so long is nobody's question any more."""
LEAST_TASTE_SD = 0.1


@dataclass(frozen=True)
class CountryDemand:
    """One country's contribution.

    gram : (categories, TERMS, TERMS), rhs : (categories, TERMS), moments of the regression without any prior
    quality : what its own sales say of its articles
    """

    categories: tuple[str, ...]
    gram: FloatArray
    rhs: FloatArray
    own: OwnEffects
    quality: Quality

    def to_bytes(self) -> bytes:
        plain = {"gram": self.gram.tolist(), "rhs": self.rhs.tolist(), "categories": list(self.categories)}
        return json.dumps({**plain, "own": asdict(self.own), "quality": self.quality.to_dict()}).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        saved = json.loads(data)
        count = len(saved["categories"])
        gram = np.array(saved["gram"]).reshape(count, len(TERMS), len(TERMS))
        rhs = np.array(saved["rhs"]).reshape(count, len(TERMS))
        quality = Quality.from_dict(saved["quality"])
        return cls(tuple(saved["categories"]), gram, rhs, OwnEffects(**saved["own"]), quality)


def learn_country(history: pd.DataFrame, week: date, seed: int) -> CountryDemand:
    """What a country's sales before `week` say, priors taken out; of no sales at all: nothing."""
    model = LogLinear()
    learnt = model.learn(history, seed)
    if learnt is None:
        empty = np.zeros((0, len(TERMS), len(TERMS)))
        return CountryDemand((), empty, empty[..., 0], OwnEffects(), Quality())
    terms = slice(len(TERMS))
    mean, variance = learnt.level.mean[:, -1, 0], learnt.level.covariance[:, -1, 0]
    prior = 1.0 / model.own.level_sd**2
    # The posterior less the prior is what the sales alone say.
    precision = np.maximum(1.0 / variance - prior, 0.0)
    guess = learnt.guess
    said = np.where(precision > 0, (mean - guess) / (variance * np.maximum(precision, 1e-9)), 0.0)
    last = learnt.panel.last(learnt.panel.column)
    use = (precision > 0) & (last >= learnt.panel.weeks - FORGOTTEN_WEEKS)
    ids = tuple(str(article) for article in learnt.panel.article_ids[use])
    return CountryDemand(
        tuple(model.design.categories),
        learnt.gram[:, terms, terms],
        learnt.rhs[:, terms],
        model.own,
        Quality(ids, said[use], precision[use]),
    )


def pool(contributions: Mapping[str, CountryDemand]) -> SharedDemand:
    """All contributions, by country, as one; the order does not matter."""
    told = [contribution for _, contribution in sorted(contributions.items()) if contribution.categories]
    categories = tuple(sorted({category for one in told for category in one.categories}))
    seen = {country: one.quality for country, one in sorted(contributions.items())}
    return SharedDemand(categories, _pooled_terms(told, categories), _typical(told), seen, _taste_sd(seen))


def _pooled_terms(told: Sequence[CountryDemand], categories: Sequence[str]) -> FloatArray:
    """(categories, TERMS): each category's coefficients in all countries, shrunk toward those of all categories."""
    prior = Design().prior
    place = {category: number for number, category in enumerate(categories)}
    left = np.zeros((len(categories), len(TERMS), len(TERMS)))
    right = np.zeros((len(categories), len(TERMS)))
    between = np.diag(prior.category_sd**-2.0)
    for one in told:
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


def _typical(told: Sequence[CountryDemand]) -> OwnEffects:
    """The countries' scales, in the geometric mean."""
    if not told:
        return OwnEffects()
    return OwnEffects(*np.exp(np.log([astuple(one.own) for one in told]).mean(axis=0)).tolist())


def _taste_sd(seen: Mapping[str, Quality]) -> float:
    """How far countries differ on one article beyond what chance explains, by moments over articles seen twice."""
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
