"""A demand model that is right about sales at today's price, and believes that customers hardly mind it."""

from tests.demand.odd_models import WithOtherUnits


class Shy(WithOtherUnits):
    """A quarter of the true response, in logarithms."""

    def made_of(self, units, prices):
        today = units[:, :1]
        return today * (units / today) ** 0.25
