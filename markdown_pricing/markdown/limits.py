"""What may be done with an article's price, and what that leaves for later.

Every rule that holds a price back stands here once. The deepest path, the habit, the plan's policy and the simulation
step through `Limits.may_move` and `Limits.after` week by week. The dynamic programme values all states at once and has
the same rules as arrays.
"""

from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np

from markdown_pricing.arrays import BoolArray, FloatArray, IntArray
from markdown_pricing.codes import OptionRule, ReasonCode
from markdown_pricing.markdown.candidates import Ladders


@dataclass(frozen=True)
class Standing:
    """Where each article stands under the rules at the start of a week. Every array has the shape (articles,).

    rung : the rung in force ; left : how many markdowns are left
    wait : how many weeks it takes until the interval allows the next markdown
    """

    rung: IntArray
    left: IntArray
    wait: IntArray


LEAST_STEP_PCT = 3
"""A new price lies at least so many percent of the list price below the one before, as the contract has it."""


@dataclass(frozen=True)
class Limits:
    """What the rules allow for each article's price, from this week on.

    most       : (articles,), markdowns that the rules allow in all
    left, wait : (articles,), markdowns left, and weeks until the interval allows the next one
    between    : (articles,), weeks from one markdown to the next
    weeks_left : (articles,), selling weeks from this one to end_week
    full_price : (articles,), for how many weeks from now no markdown is allowed, because the article is new
    temporary  : (articles,), for how many weeks from now no markdown is allowed, because today's price is temporary
    locked     : (articles,), for how many weeks from now somebody has locked the price; only `held` counts it, so that
        what a lock costs can be told
    touchable  : (articles, weeks), False in no-touch weeks
    moves      : (articles, from rung, to rung), True for lower rungs that are no too small and no too large step away
    label_cost : (articles,), cost of new labels for one markdown, in local currency
    """

    most: IntArray
    left: IntArray
    wait: IntArray
    between: IntArray
    weeks_left: IntArray
    full_price: IntArray
    temporary: IntArray
    locked: IntArray
    touchable: BoolArray
    moves: BoolArray
    label_cost: FloatArray

    @classmethod
    def of(cls, ladders: Ladders) -> "Limits":
        """The limits that the rules and seasons of these ladders set."""
        season, rules = ladders.season, ladders.rules
        between = ladders.per_article([own.weeks_between_markdowns for own in rules]).astype(np.int64)
        most = ladders.per_article([own.max_markdowns for own in rules]).astype(np.int64)
        return cls(
            most=most,
            left=np.maximum(most - season.markdowns_taken, 0),
            wait=np.maximum(between - season.weeks_since_markdown, 0),
            between=between,
            weeks_left=season.weeks_left,
            full_price=_full_price(ladders),
            temporary=season.temporary_weeks,
            locked=season.locked_weeks,
            touchable=_touchable(ladders),
            moves=_allowed_moves(ladders),
            label_cost=ladders.label_cost,
        )

    def for_group(self, members: IntArray, rungs: IntArray, stock: IntArray) -> "Limits":
        """The limits of articles that are planned as one, which has a single row: those of the strictest member.

        members : (members,), the rows of the articles ; stock : (members,), their units today. Those without any await
            stock, and hold nothing back this week where others have some
        rungs   : (members, rungs of the group), each member's own rung for the group's rungs
        Every field is given here by name, so that nobody can add a rule and forget how a group keeps it.
        """
        repeated = np.r_[False, rungs[0, 1:] == rungs[0, :-1]]
        moves = np.logical_and.reduce(
            [self.moves[row][np.ix_(own, own)] for row, own in zip(members, rungs, strict=True)]
        )
        return Limits(
            most=self.most[members].min(keepdims=True),
            left=self.left[members].min(keepdims=True),
            wait=self.wait[members].max(keepdims=True),
            # A group's articles are under the same rules, so that their intervals are equal.
            between=self.between[members[:1]],
            weeks_left=self.weeks_left[members].max(keepdims=True),
            full_price=np.array([_held_longest_by_most(self.full_price[members], stock)]),
            temporary=self.temporary[members].max(keepdims=True),
            locked=self.locked[members].max(keepdims=True),
            touchable=self._touchable_by_all(members, stock)[np.newaxis],
            moves=(moves & ~repeated)[np.newaxis],
            label_cost=self.label_cost[members].sum(keepdims=True),
        )

    def _touchable_by_all(self, members: IntArray, stock: IntArray) -> BoolArray:
        """The weeks in which the price of a group may be changed, (weeks,)."""
        touchable: BoolArray = np.logical_and.reduce(self.touchable[members])
        touchable[0] = np.logical_and.reduce(self.touchable[members[stock > 0] if stock.any() else members, 0])
        return touchable

    @property
    def weeks(self) -> int:
        """How many weeks are planned: to the latest end_week, and at least 1."""
        return len(self.touchable.T)

    @property
    def start(self) -> Standing:
        """The state today, in which the current price is in force."""
        return Standing(np.zeros_like(self.left), self.left, self.wait)

    @property
    def open(self) -> BoolArray:
        """The weeks in which a markdown may fall, whatever came before them, (articles, weeks)."""
        held = np.arange(self.weeks) < np.maximum(self.full_price, self.temporary)[:, np.newaxis]
        return self.touchable & ~held

    @property
    def first_allowed(self) -> IntArray:
        """The weeks until time allows a markdown, (articles,); the number of all weeks when it never does."""
        allowed = self.open & (np.arange(self.weeks) >= self.wait[:, np.newaxis])
        first = np.where(allowed.any(axis=1), allowed.argmax(axis=1), self.weeks)
        return np.maximum(first, self.wait)

    def holds(self, state: Standing, week: int) -> dict[str, BoolArray]:
        """What forbids any markdown `week` weeks from now: a flag for each article, (articles,), by the rule's word."""
        return {
            ReasonCode.PAST_END: week >= self.weeks_left,
            OptionRule.FULL_PRICE_WEEKS: week < self.full_price,
            ReasonCode.TEMPORARY_PRICE: week < self.temporary,
            OptionRule.TOO_SOON: state.wait > 0,
            OptionRule.TOO_MANY: state.left == 0,
            OptionRule.NO_TOUCH_WEEK: ~self.touchable[:, week],
        }

    def may_move(self, state: Standing, week: int) -> BoolArray:
        """The rungs to which a markdown may go `week` weeks from now, (articles, rungs)."""
        held = np.logical_or.reduce(list(self.holds(state, week).values()))
        allowed: BoolArray = self.moves[np.arange(len(held)), state.rung] & ~held[:, np.newaxis]
        return allowed

    def after(self, state: Standing, rung: IntArray) -> Standing:
        """The state one week later, after the week was sold on `rung`, (articles,)."""
        moved = rung != state.rung
        wait = np.where(moved, self.between - 1, np.maximum(state.wait - 1, 0))
        return Standing(rung, state.left - moved, wait)

    def held(self) -> "Limits":
        """The same limits, except that no markdown falls into a week in which the price is locked."""
        free = np.arange(self.weeks) >= self.locked[:, np.newaxis]
        return replace(self, touchable=self.touchable & free)


def deepest_rungs(limits: Limits) -> IntArray:
    """The rungs when every markdown comes as early and as deep as the rules allow, (articles, weeks)."""
    state, path = limits.start, np.zeros(limits.touchable.shape, dtype=np.int64)
    for week in range(limits.weeks):
        state = limits.after(state, deepest_of(limits.may_move(state, week), state.rung))
        path[:, week] = state.rung
    return path


def deepest_of(allowed: BoolArray, otherwise: IntArray) -> IntArray:
    """The lowest of the rungs that are allowed, (articles,); `otherwise` (articles,) where none is.

    allowed : (articles, rungs)
    """
    lowest = allowed.shape[1] - 1 - allowed[:, ::-1].argmax(axis=1)
    return np.where(allowed.any(axis=1), lowest, otherwise)


def _held_longest_by_most(weeks: IntArray, stock: IntArray) -> int:
    """The number of weeks for which the full price is still held for more than half of the stock."""
    return max((int(week) for week in weeks if 2 * stock[weeks >= week].sum() > stock.sum()), default=0)


def _full_price(ladders: Ladders) -> IntArray:
    """How many full-price weeks are still to come, (articles,): at most a third of the selling weeks in all."""
    season = ladders.season
    asked = ladders.per_article([own.full_price_weeks for own in ladders.rules]).astype(np.int64)
    weeks = np.minimum(asked, season.life_weeks // 3)
    return np.where(asked > 0, np.maximum(weeks - season.age_weeks, 0), 0)


def _touchable(ladders: Ladders) -> BoolArray:
    """The weeks in which a price may be changed, (articles, weeks): not while the stock is still on its way."""
    weeks = [ladders.season.week + timedelta(weeks=index) for index in range(ladders.weeks)]
    by_rules = np.array([[week not in own.no_touch_weeks for week in weeks] for own in ladders.rules], dtype=np.bool_)
    touchable: BoolArray = by_rules[ladders.rule_of]
    touchable[:, 0] &= ~ladders.season.awaits_stock
    return touchable


def _allowed_moves(ladders: Ladders) -> BoolArray:
    """The lower rungs that may be moved to, (articles, from, to); none for an article that is set aside.

    A step has at least LEAST_STEP_PCT of the list price, and at most the largest step to the whole point.
    """
    step = ladders.cents[:, :, np.newaxis] - ladders.cents[:, np.newaxis, :]
    list_cents = ladders.season.list_cents[:, np.newaxis, np.newaxis]
    most = ladders.per_article([own.max_step_pct for own in ladders.rules])[:, np.newaxis, np.newaxis]
    real = np.arange(ladders.cents.shape[1]) < ladders.rungs[:, np.newaxis]
    fits = ~is_too_small(step, list_cents) & ~is_too_large(step, list_cents, most)
    may_change = ~ladders.season.set_aside[:, np.newaxis, np.newaxis]
    allowed: BoolArray = fits & real[:, np.newaxis, :] & may_change
    return allowed


def is_too_small(step: IntArray, list_cents: IntArray) -> BoolArray:
    """Whether a step in whole cents is too small to be a markdown; the arguments broadcast to the answer."""
    small: BoolArray = step * 100 < LEAST_STEP_PCT * list_cents
    return small


def is_too_large(step: IntArray, list_cents: IntArray, most_pct: FloatArray) -> BoolArray:
    """Whether a step in whole cents is larger than `most_pct` allows; the arguments broadcast to the answer."""
    points = np.floor(step * 100 / list_cents + 0.5)
    large: BoolArray = (points > most_pct) & (most_pct < 100)
    return large


def only_small_steps(ladders: Ladders) -> BoolArray:
    """Whether an article has lower rungs, and all of them lie too little below today's price, (articles,)."""
    lowest = np.take_along_axis(ladders.cents, ladders.rungs[:, np.newaxis] - 1, axis=1)[:, 0]
    step = ladders.cents[:, 0] - lowest
    small: BoolArray = (ladders.rungs > 1) & is_too_small(step, ladders.season.list_cents)
    return small
