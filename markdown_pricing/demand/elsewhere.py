"""What a country is told of the others: the price response and season of categories, and the quality of articles."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

import numpy as np
import pandas as pd

from markdown_pricing.demand.design import TERMS, Design
from markdown_pricing.demand.level import OwnEffects
from markdown_pricing.demand.pooling import Prior
from markdown_pricing.training_data.features import FloatArray

COUNTRY_SHARE, CATEGORY_SHARE = 0.35, 0.6
"""How far a country, and a category in it, may lie from all countries, as a share of their spread without them."""
LEAST_PRECISION = 1e-9


@dataclass(frozen=True)
class Quality:
    """How far articles' levels lie above what their attributes say, as countries saw it.

    ids : (articles,), sorted ; mean, precision : (articles,), in logs, precision of the mean
    """

    ids: tuple[str, ...] = ()
    mean: FloatArray = field(default_factory=lambda: np.zeros(0))
    precision: FloatArray = field(default_factory=lambda: np.zeros(0))

    def of(self, article_ids: Any) -> tuple[FloatArray, FloatArray]:
        """Mean and precision for each article asked, (articles,); 0 and 0 where nothing is known."""
        at = pd.Index(self.ids, dtype=object).get_indexer(pd.Index(article_ids, dtype=object))
        mean, precision = np.append(self.mean, 0.0), np.append(self.precision, 0.0)
        return mean[at], precision[at]

    def to_dict(self) -> dict[str, Any]:
        return {"ids": list(self.ids), "mean": self.mean.tolist(), "precision": self.precision.tolist()}

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> Self:
        return cls(tuple(saved["ids"]), np.array(saved["mean"]), np.array(saved["precision"]))


@dataclass(frozen=True)
class SharedDemand:
    """What is computed once a week for all countries.

    categories : by name ; mean : (categories, TERMS), coefficients that all countries share
    own : how far articles deviate from their category
    seen : the articles' quality as each country saw it ; taste_sd : how far countries differ on one article, in logs
    asking : the country that it is told to; what it saw itself is left out, since its own sales say so anyway
    """

    categories: tuple[str, ...]
    mean: FloatArray
    own: OwnEffects
    seen: Mapping[str, Quality]
    taste_sd: float
    asking: str | None = None

    def told_to(self, country: str) -> "SharedDemand":
        return replace(self, asking=country)

    @property
    def quality(self) -> Quality:
        """All other countries' view of an article: each one's own uncertainty, and its taste, make its weight."""
        others = [quality for country, quality in sorted(self.seen.items()) if country != self.asking and quality.ids]
        if not others:
            return Quality()
        weights = [1.0 / (1.0 / np.maximum(one.precision, LEAST_PRECISION) + self.taste_sd**2) for one in others]
        ids, place = np.unique(np.concatenate([np.array(one.ids, dtype=object) for one in others]), return_inverse=True)
        weight, mean = np.concatenate(weights), np.concatenate([one.mean for one in others])
        precision = np.bincount(place, weight, len(ids))
        pooled = np.bincount(place, weight * mean, len(ids)) / np.maximum(precision, LEAST_PRECISION)
        # Here the article meets a taste of its own.
        return Quality(tuple(ids), pooled, 1.0 / (1.0 / np.maximum(precision, LEAST_PRECISION) + self.taste_sd**2))

    def prior_of(self, design: Design) -> Prior:
        """Priors of a country's coefficients around what all countries share."""
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
        return json.dumps({**plain, "seen": seen, "taste_sd": self.taste_sd}).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        saved = json.loads(data)
        seen = {country: Quality.from_dict(quality) for country, quality in saved["seen"].items()}
        mean = np.array(saved["mean"]).reshape(len(saved["categories"]), -1)
        return cls(tuple(saved["categories"]), mean, OwnEffects(**saved["own"]), seen, saved["taste_sd"])
