"""The fixed ladder that the pricing department lived by before: what a plan has to beat."""

import numpy as np

from markdown_pricing.markdown.candidates import Ladders
from markdown_pricing.markdown.ladder import HABIT, IntArray
from markdown_pricing.markdown.limits import Limits


def habit_rungs(ladders: Ladders, limits: Limits) -> IntArray:
    """The fixed ladder from today's price on: the deepest rung that is due, when the rules first allow it."""
    season, every = ladders.season, np.arange(len(ladders.cents))
    left, wait, touchable = limits.left, limits.wait, limits.touchable
    match = ladders.habit_cents[:, :, np.newaxis] == ladders.cents[:, np.newaxis, :]
    target = np.where(match.any(axis=2), match.argmax(axis=2), 0)
    rung, path = np.zeros(len(every), dtype=np.int64), np.zeros(touchable.shape, dtype=np.int64)
    for week in range(touchable.shape[1]):
        season_share = (season.age_weeks + week) / season.life_weeks
        free = (wait == 0) & (left > 0) & touchable[:, week] & (week < season.weeks_left)
        to = rung
        for step, (share, _) in enumerate(HABIT):
            due = free & (season_share >= share) & limits.moves[every, rung, target[:, step]]
            to = np.where(due, target[:, step], to)
        moved = to != rung
        left, wait = left - moved, np.where(moved, limits.between - 1, np.maximum(wait - 1, 0))
        rung = to
        path[:, week] = rung
    return path
