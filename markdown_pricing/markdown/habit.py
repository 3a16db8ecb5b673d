"""The prices of the old habit, which a plan has to beat.

For a comparison, articles may be held on it (`season.ARM`).
"""

import numpy as np

from markdown_pricing.arrays import IntArray
from markdown_pricing.markdown.candidates import Ladders
from markdown_pricing.markdown.limits import Limits
from markdown_pricing.old_habit import HABIT


def habit_rungs(ladders: Ladders, limits: Limits) -> IntArray:
    """The rungs of the fixed ladder from today's price on, (articles, weeks).

    In each week it goes to the deepest rung that is due, as soon as the rules allow it.
    """
    season, every = ladders.season, np.arange(len(ladders.cents))
    match = ladders.habit_cents[:, :, np.newaxis] == ladders.cents[:, np.newaxis, :]
    target = np.where(match.any(axis=2), match.argmax(axis=2), 0)
    state, path = limits.start, np.zeros(limits.touchable.shape, dtype=np.int64)
    for week in range(limits.weeks):
        season_share = (season.age_weeks + week) / season.life_weeks
        allowed, to = limits.may_move(state, week), state.rung
        for step, (share, _) in enumerate(HABIT):
            due = (season_share >= share) & allowed[every, target[:, step]]
            to = np.where(due, target[:, step], to)
        state = limits.after(state, to)
        path[:, week] = state.rung
    return path
