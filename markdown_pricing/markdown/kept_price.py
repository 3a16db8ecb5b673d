"""What it is worth to ask today's price this week, with the plan that follows it, and that plan under another demand.

The ledger asks for it: a plan that was made is not made better by what is known later, it only brings something else.
"""

from dataclasses import dataclass, replace

import numpy as np

from markdown_pricing.arrays import FloatArray, IntArray
from markdown_pricing.forecast import Forecast
from markdown_pricing.markdown.candidates import Ladders
from markdown_pricing.markdown.limits import Limits
from markdown_pricing.markdown.planning import demand_at, meet_targets, plan
from markdown_pricing.markdown.policy import Solution, levels_of
from markdown_pricing.markdown.price_groups import price_groups
from markdown_pricing.markdown.task import Task


@dataclass(frozen=True)
class KeptPrice:
    """Today's price asked this week, and the best plan afterwards.

    rungs   : (articles, weeks), the rungs of the ladders in force along the plan, from today's on
    penalty : (articles,), what the plan takes each unit left over beyond a sell-through target to cost
    """

    rungs: IntArray
    penalty: FloatArray


def keep_todays_price(ladders: Ladders, forecast: Forecast) -> KeptPrice:
    """The plan that asks today's price this week. It is a part of the work of `plan`. Raises BrokenModel."""
    groups = price_groups(_task(ladders, forecast))
    found, penalty = _solved(groups.planned)
    return KeptPrice(groups.rungs_of_members(found.after[:, 0]), penalty[groups.place])


def worth_of_todays_price(ladders: Ladders, forecast: Forecast) -> FloatArray:
    """What `plan` finds today's price to be worth, (articles,), in local currency. Raises BrokenModel."""
    task = _task(ladders, forecast)
    if price_groups(task).joined.any():  # a group's worth is split by what its members' planned paths bring
        return plan(ladders, forecast).menu.value[:, 0]
    return _solved(task)[0].value[:, 0]


def _task(ladders: Ladders, forecast: Forecast) -> Task:
    return Task(ladders, Limits.of(ladders), demand_at(ladders, forecast))


def _solved(task: Task) -> tuple[Solution, FloatArray]:
    """The solution that meets the sell-through targets, and the penalties that led to it, (articles,)."""
    found, penalty, _ = meet_targets(task, task.solve(np.zeros(len(task.demand.units))))
    return found, penalty


def worth_by_level(ladders: Ladders, kept: KeptPrice, forecast: Forecast) -> FloatArray:
    """What the plan brings along the mean stock under a forecast, at each level it may have, (articles, levels).

    It is revenue less label cost and penalties, in local currency. The levels are equally likely; there is one where
    the forecast is sure. Raises BrokenModel.
    """
    task = _task(ladders, forecast)
    level_sd = task.demand.level_sd
    levels = np.ones((*task.limits.touchable.shape, 1)) if level_sd is None else levels_of(level_sd)
    worths = []
    for level in np.moveaxis(levels, -1, 0):
        demand = replace(task.demand, units=task.demand.units * level[:, np.newaxis], level_sd=None)
        at_level = replace(task, demand=demand)
        worths.append(at_level.worth(at_level.value(kept.rungs), kept.penalty))
    return np.stack(worths, axis=1)
