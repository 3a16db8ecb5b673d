"""Demand models with one fault each."""

import numpy as np

from markdown_pricing.demand.log_linear import LogLinear
from markdown_pricing.errors import TransientError


class SellsMoreWhenDearer(LogLinear):
    def units(self, articles, history, week, prices, weeks):
        return super().units(articles, history, week, prices, weeks)[:, ::-1]


class Indifferent(LogLinear):
    """The same at every price: what a model held to the contract answers when its data said the opposite."""

    def units(self, articles, history, week, prices, weeks):
        units = super().units(articles, history, week, prices, weeks)
        return np.broadcast_to(units[:, :1], units.shape).copy()


class AtTheBound(LogLinear):
    """Elasticity 6: no customers are like that."""

    def units(self, articles, history, week, prices, weeks):
        units = super().units(articles, history, week, prices, weeks)
        return units[:, :1] * ((prices / prices[:, :1]) ** -6.0)[:, :, None]


class NotANumber(LogLinear):
    def units(self, articles, history, week, prices, weeks):
        return super().units(articles, history, week, prices, weeks) * np.nan


class FarOff(LogLinear):
    def units(self, articles, history, week, prices, weeks):
        return 10 * super().units(articles, history, week, prices, weeks)


class NoDispersion(LogLinear):
    def dispersion(self, articles, history, week):
        return np.zeros(len(articles))


class Breaks(LogLinear):
    def fit(self, history, week, seed, threads=1, shared=None):
        raise ValueError("matrix is singular")


class LakeAway(LogLinear):
    def fit(self, history, week, seed, threads=1, shared=None):
        raise TransientError("the lake does not answer")
