"""Demand models that no real week speaks for: one says twice the units of the steady one, the other no number."""

from dataclasses import replace

import numpy as np

from tests.quick import Steady


class Twice(Steady):
    def forecast(self, articles, history, week):
        known = super().forecast(articles, history, week)
        return replace(known, units=lambda prices, weeks: 2.0 * known.units(prices, weeks))


class Broken(Steady):
    def forecast(self, articles, history, week):
        known = super().forecast(articles, history, week)
        return replace(known, units=lambda prices, weeks: np.nan * known.units(prices, weeks))
