"""Demand models with one fault each."""

from dataclasses import replace

import numpy as np

from markdown_pricing.demand.log_linear import LogLinear
from markdown_pricing.errors import TransientError


class WithOtherUnits(LogLinear):
    """A log-linear model whose units are changed after it has answered."""

    def made_of(self, units, prices):
        raise NotImplementedError

    def forecast(self, articles, history, week):
        known = super().forecast(articles, history, week)
        return replace(known, units=lambda prices, weeks: self.made_of(known.units(prices, weeks), prices))


class SellsMoreWhenDearer(WithOtherUnits):
    def made_of(self, units, prices):
        return units[:, ::-1]


class Indifferent(WithOtherUnits):
    """The same at every price: what a model held to the contract answers when its data said the opposite."""

    def made_of(self, units, prices):
        return np.broadcast_to(units[:, :1], units.shape).copy()


class AtTheBound(WithOtherUnits):
    """Elasticity 6: no customers are like that."""

    def made_of(self, units, prices):
        return units[:, :1] * ((prices / prices[:, :1]) ** -6.0)[:, :, None]


class NotANumber(WithOtherUnits):
    def made_of(self, units, prices):
        return units * np.nan


class FarOff(WithOtherUnits):
    def made_of(self, units, prices):
        return 10 * units


class NoDispersion(LogLinear):
    def forecast(self, articles, history, week):
        return replace(super().forecast(articles, history, week), dispersion=np.full(len(articles), np.nan))


class Breaks(LogLinear):
    def fit(self, history, week, seed, threads=1, shared=None):
        raise ValueError("matrix is singular")


class LakeAway(LogLinear):
    def fit(self, history, week, seed, threads=1, shared=None):
        raise TransientError("the lake does not answer")
