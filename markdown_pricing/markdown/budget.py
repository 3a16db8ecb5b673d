"""A country's markdown budget: one multiplier on what markdowns give away, so that the money goes where it brings most.

The multiplier is the Lagrangian of the budget (Talluri & van Ryzin 2004, ch. 3).
"""

import numpy as np

from markdown_pricing.arrays import FloatArray, IntArray, rows_where
from markdown_pricing.markdown.task import Task

BISECTIONS = 10
"""How many times the range of the multiplier, or of a penalty on what is left over, is halved."""
MULTIPLIERS = (1e-3, 1e3)
"""The range in which the multiplier of a budget is looked for."""


def within_budget(task: Task, best_rungs: IntArray, penalty: FloatArray) -> IntArray:
    """Paths that together give away no more than the country's budget, which is spent where it brings most.

    best_rungs : (articles, weeks), the paths without a budget ; returns the same shape
    """
    budget = min(own.markdown_budget for own in task.ladders.rules)
    if budget == np.inf:
        return best_rungs
    free = ~task.ladders.season.on_habit
    best, spent = task.value(np.where(free[:, np.newaxis], best_rungs, 0)), task.keep
    if task.given_away(best).sum() <= budget:
        return best_rungs
    if budget == 0:
        return spent.rungs
    low, high = MULTIPLIERS
    for _ in range(BISECTIONS):
        middle = float(np.sqrt(low * high))
        tried = task.path(penalty, middle, rows=free)
        # An article that was not worth a markdown now does not become worth one because money is short.
        tried = rows_where((tried.rungs[:, 0] > 0) & (best.rungs[:, 0] == 0), task.keep, tried)
        if task.given_away(tried).sum() <= budget:
            spent, high = tried, middle
        else:
            low = middle
    # Paths change in steps, so that a multiplier leaves some of the budget. The best of the other paths use the rest.
    more = task.given_away(best) - task.given_away(spent)
    gain = task.worth(best, penalty) - task.worth(spent, penalty)
    order = np.argsort(-gain / np.maximum(more, 1e-9), kind="stable")
    order = order[(more[order] > 0) & (gain[order] > 0)]
    rest, taken = budget - float(task.given_away(spent).sum()), np.zeros(len(more), dtype=np.bool_)
    for article in order:
        if more[article] <= rest:
            taken[article], rest = True, rest - more[article]
    return np.where(taken[:, np.newaxis], best.rungs, spent.rungs)
