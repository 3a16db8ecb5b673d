"""A demand model that is right about sales at today's price, and believes that customers hardly mind it."""

from markdown_pricing.demand.log_linear import LogLinear


class Shy(LogLinear):
    """A quarter of the true response, in logarithms."""

    def units(self, articles, history, week, prices, weeks):
        units = super().units(articles, history, week, prices, weeks)
        today = units[:, :1]
        return today * (units / today) ** 0.25
