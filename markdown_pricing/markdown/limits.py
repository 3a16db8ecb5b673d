"""What holds an article's price: markdowns left, weeks between them, no-touch weeks and the largest step."""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from markdown_pricing.markdown.candidates import Ladders
from markdown_pricing.markdown.ladder import FloatArray, IntArray
from markdown_pricing.markdown.season import BoolArray


@dataclass(frozen=True)
class Limits:
    """What holds each article's price.

    left, wait : (articles,), markdowns left; weeks until the interval allows the next one
    between    : (articles,), weeks from one markdown to the next
    touchable  : (articles, weeks), False in no-touch weeks
    moves      : (articles, from rung, to rung), lower rungs within the largest step
    label_cost : (articles,), of one markdown
    """

    left: IntArray
    wait: IntArray
    between: IntArray
    touchable: BoolArray
    moves: BoolArray
    label_cost: FloatArray

    @classmethod
    def of(cls, ladders: Ladders) -> "Limits":
        season, rules = ladders.season, ladders.rules
        between = ladders.per_article([own.weeks_between_markdowns for own in rules]).astype(np.int64)
        most = ladders.per_article([own.max_markdowns for own in rules]).astype(np.int64)
        return cls(
            left=np.maximum(most - season.markdowns_taken, 0),
            wait=np.maximum(between - season.weeks_since_markdown, 0),
            between=between,
            touchable=_touchable(ladders),
            moves=_allowed_moves(ladders),
            label_cost=ladders.per_article([own.relabel_cost_per_store for own in rules]) * season.stores,
        )


def deepest_rungs(ladders: Ladders, limits: Limits) -> IntArray:
    """(articles, weeks): the rungs when every markdown comes as early and as deep as the rules allow."""
    every, rung = np.arange(len(ladders.cents)), np.zeros(len(ladders.cents), dtype=np.int64)
    left, wait, path = limits.left, limits.wait, np.zeros(limits.touchable.shape, dtype=np.int64)
    deepest = ladders.cents.shape[1] - 1 - limits.moves[:, :, ::-1].argmax(axis=2)
    for week in range(ladders.weeks):
        free = (wait == 0) & (left > 0) & limits.touchable[:, week] & limits.moves[every, rung].any(axis=1)
        free &= week < ladders.season.weeks_left
        rung = np.where(free, deepest[every, rung], rung)
        left, wait = left - free, np.where(free, limits.between - 1, np.maximum(wait - 1, 0))
        path[:, week] = rung
    return path


def _touchable(ladders: Ladders) -> BoolArray:
    weeks = [ladders.season.week + timedelta(weeks=index) for index in range(ladders.weeks)]
    by_rules = np.array([[week not in own.no_touch_weeks for week in weeks] for own in ladders.rules], dtype=np.bool_)
    return by_rules[ladders.rule_of]


def _allowed_moves(ladders: Ladders) -> BoolArray:
    """(articles, from, to): lower rungs within the largest step, measured to the whole point of the list price."""
    step = ladders.cents[:, :, np.newaxis] - ladders.cents[:, np.newaxis, :]
    most = ladders.per_article([own.max_step_pct for own in ladders.rules])[:, np.newaxis, np.newaxis]
    real = np.arange(ladders.cents.shape[1]) < ladders.rungs[:, np.newaxis]
    points = np.floor(step * 100 / ladders.season.list_cents[:, np.newaxis, np.newaxis] + 0.5)
    allowed: BoolArray = (step > 0) & real[:, np.newaxis, :] & ((points <= most) | (most >= 100))
    return allowed
