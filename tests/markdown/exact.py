"""The best policy by brute force: whole units, negative binomial demand, every state; no code shared with the plan."""

import numpy as np


def value_of_first_moves(
    price: np.ndarray,
    units: np.ndarray,
    dispersion: float,
    salvage: float,
    stock: int,
    demand_left: np.ndarray,
    markdowns: int,
    between: int,
    stock_to_come: int = 0,
) -> np.ndarray:
    """(rungs,): what selling the first week on each rung brings when all that follows is decided best.

    price : (rungs,), falling; units : (rungs, weeks); stock_to_come : there from the second week on
    demand_left : (stock + stock_to_come + 1,), relative to the whole stock's
    A week's demand is that of the stock at its start; all rungs may be reached from all higher ones.
    """
    rungs, weeks = units.shape
    stocks = np.arange(stock + stock_to_come + 1)
    # Value by rung in force, markdowns left, weeks until the next is allowed, stock.
    value = np.broadcast_to(salvage * stocks, (rungs, markdowns + 1, between, len(stocks))).copy()
    for week in reversed(range(weeks)):
        if week == 0:
            value = value[..., np.minimum(stocks + stock_to_come, stock + stock_to_come)]
        sold = np.array([_sell(price[r], units[r, week], dispersion, demand_left, value[r]) for r in range(rungs)])
        stay = sold[:, :, [max(wait - 1, 0) for wait in range(between)]]
        value = stay.copy()
        for rung in range(rungs):
            for left in range(1, markdowns + 1):
                for to in range(rung + 1, rungs):
                    value[rung, left, 0] = np.maximum(value[rung, left, 0], sold[to, left - 1, between - 1])
    first = [stay[0, markdowns, 0, stock], *sold[1:, markdowns - 1, between - 1, stock]]
    return np.array(first)


def _sell(price: float, mean: float, dispersion: float, demand_left: np.ndarray, after: np.ndarray) -> np.ndarray:
    """One week from each stock, the best that follows included: after (markdowns left, wait, stock)."""
    from scipy.stats import nbinom  # a second of each process of the tests, of which few need it

    brings, stocks = np.zeros_like(after), np.arange(after.shape[-1])
    size = 1 / dispersion
    success = size / (size + mean * demand_left)
    chances, sold_out = nbinom.pmf(stocks, size, success[:, np.newaxis]), nbinom.sf(stocks, size, success)
    for stock in stocks:
        sold = stocks[: stock + 1]
        chance = chances[stock, sold]
        chance[-1] += sold_out[stock]
        brings[..., stock] = (chance * (price * sold + after[..., stock - sold])).sum(axis=-1)
    return brings
