"""The words that fill the sentences of the data file: each comes from the row, its menu and its paths.

How a number is written is said in `words.py`; which clause says a thing is said here, and its text is in the file.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from markdown_pricing.arrays import BoolArray, FloatArray, IntArray
from markdown_pricing.columns import SET_ASIDE
from markdown_pricing.markdown.candidates import Ladders
from markdown_pricing.markdown.decided import Decided
from markdown_pricing.markdown.ladder import to_price
from markdown_pricing.markdown.planning import Plan
from markdown_pricing.markdown.sales import NINE_IN_TEN
from markdown_pricing.old_habit import CUT_PCT
from markdown_pricing.texts.words import (
    UNKNOWN,
    about,
    about_range,
    counted,
    day,
    last_day,
    listed,
    more_or_less,
    percent,
    price,
)

SENTENCE_COLUMNS = [
    *("week", "end_week", "locked_until", "category", "reason_code", "exception_code", "stock", "markdowns_taken"),
    *("list_price", "current_price", "recommended_price", "salvage_price", "stake_low", "stake_high"),
    *("elasticity", "elasticity_se", "expected_leftover", "expected_leftover_habit"),
    *("expected_revenue", "expected_revenue_habit"),
]
"""What sentences read of a row itself: all columns would take four times as long."""
LEAST_TOLD = 1.0
"""A lead on paper of less than so much, in local currency, is not told."""
COUNTED = (("counts_luck", "counts_target"), ("counts_labels", "counts_both"))
"""The clauses on what only the plan counts, by whether labels cost anything and whether there is a target."""
RIVALS = ("on_paper_now", "on_paper_keep", "on_paper_habit")
"""The clauses on what may bring more on paper than the plan, in the order of `RowFacts.on_paper`."""

Step = tuple[date, float]


@dataclass(frozen=True)
class RowFacts:
    """What the sentence of one article is made from; prices and money in local currency.

    row        : its row, all but the sentences
    other      : the best price in the other direction this week, and by how much it is worth more than the recommended
        one; NaN both where no such price has a value
    on_paper   : the expected revenue, on the path that follows, of the best other price of this week, of today's price
        kept and of the old habit; `best_now` is that other price
    supply     : the units that are to be sold by the end: today's stock and what is on its way
    least_left : the least that a price of this week is expected to leave over, units
    steps, habit : the changes of price that are planned after this week, and those of the old habit from this week on
    allowed    : the first Monday on which the rules allow a markdown ; until : the last week of a temporary price
    label_cost : what the new labels of one markdown cost
    lock_cost  : what the best price of this week is worth more than the recommended one
    decided_week, decided_price, void : of a decision that still counts, and why it cannot be followed
    """

    row: Any
    currency: str
    other: float
    lead: float
    best_now: float
    on_paper: Sequence[float]
    supply: int
    least_left: float
    steps: Sequence[Step]
    habit: Sequence[Step]
    same_as_habit: bool
    allowed: date
    until: date
    most: int
    between: int
    target_pct: float
    least_gain_pct: float
    label_cost: float
    fault: str
    lock_cost: float
    decided_week: date | None
    decided_price: float
    void: str

    @property
    def stake(self) -> float:
        """The stake as it follows from the menu, whose values are to the cent."""
        return max(-self.lead, 0.0)

    @property
    def rival(self) -> int:
        """Which of `on_paper` brings most; -1 where the plan does."""
        most = max(self.on_paper)
        return self.on_paper.index(most) if most - self.row.expected_revenue >= LEAST_TOLD else -1


def row_facts(
    rows: pd.DataFrame, articles: pd.DataFrame, currency: str, ladders: Ladders, plan: Plan
) -> Iterator[RowFacts]:
    """What each row's sentence is made from, in the rows' order."""
    season, limits, every = ladders.season, plan.limits, np.arange(len(rows))
    menu, chosen, decided = plan.menu, plan.menu.chosen, Decided.of(articles)
    value, revenue = np.round(menu.value, 2), np.round(menu.expected.revenue, 2)
    places = np.arange(value.shape[1])
    other = _best(value, (places > 0) != (chosen > 0)[:, np.newaxis])
    now = _best(revenue, places != chosen[:, np.newaxis])
    path, habit = ladders.prices_in(plan.best.rungs), ladders.prices_in(plan.habit.rungs)
    prices, in_force = to_price(menu.cents), value[every, chosen]
    on_paper = np.column_stack([revenue[every, now], rows["expected_revenue_keep"], rows["expected_revenue_habit"]])
    on_paper = np.where(np.isnan(on_paper), -np.inf, on_paper)
    on_paper[now == chosen, 0] = -np.inf
    over = np.arange(path.shape[1]) >= season.weeks_left[:, np.newaxis]
    columns: Mapping[str, Iterable[Any]] = {
        "row": rows[SENTENCE_COLUMNS].itertuples(index=False),
        "other": np.where(other == chosen, np.nan, prices[every, other]),
        "lead": np.where(other == chosen, np.nan, value[every, other] - in_force),
        "best_now": prices[every, now],
        "on_paper": on_paper.tolist(),
        "supply": season.supply.tolist(),
        "least_left": np.nanmin(menu.expected.leftover, axis=1, initial=np.inf),
        "steps": _steps(np.column_stack([path[:, 0], path]), season.weeks_left, season.week),
        "habit": _steps(np.column_stack([rows["current_price"], habit]), season.weeks_left, season.week),
        "same_as_habit": ((path == habit) | over).all(axis=1).tolist(),
        "allowed": _mondays(season.week, limits.first_allowed),
        "until": _mondays(season.week, limits.temporary - 1),
        "most": limits.most.tolist(),
        "between": limits.between.tolist(),
        "target_pct": 100 * ladders.per_article([own.sell_through_target for own in ladders.rules]),
        "least_gain_pct": ladders.per_article([own.least_gain_pct for own in ladders.rules]),
        "label_cost": limits.label_cost.tolist(),
        "fault": articles[SET_ASIDE] if SET_ASIDE in articles else [""] * len(articles),
        "lock_cost": menu.forgone.tolist(),
        "decided_week": decided.week,
        "decided_price": decided.price.tolist(),
        "void": decided.void,
    }
    for values in zip(*columns.values(), strict=True):
        yield RowFacts(currency=currency, **dict(zip(columns, values, strict=True)))


def _best(values: FloatArray, among: BoolArray) -> IntArray:
    """The place of the highest value among some of each row's, (articles,); one not among them where none is known.

    values, among : (articles, prices)
    """
    known = among & ~np.isnan(values)
    best = np.where(known, values, -np.inf).argmax(axis=1)
    place: IntArray = np.where(known.any(axis=1), best, (~among).argmax(axis=1))
    return place


def _mondays(week: date, ahead: IntArray) -> list[date]:
    return [week + timedelta(weeks=weeks) for weeks in ahead.tolist()]


def _steps(paths: FloatArray, weeks_left: IntArray, week: date) -> list[list[Step]]:
    """The weeks and prices at which each path changes before its article's end.

    paths : (articles, weeks and the one before them), prices
    """
    changes = np.diff(paths, axis=1) != 0
    changes &= np.arange(changes.shape[1]) < weeks_left[:, np.newaxis]
    steps: list[list[Step]] = [[] for _ in paths]
    article, ahead = np.nonzero(changes)
    for own, when, to in zip(article, _mondays(week, ahead), paths[article, ahead + 1].tolist(), strict=True):
        steps[own].append((when, to))
    return steps


def times_as_many(elasticity: float) -> float:
    """How many times as many units a cut of CUT_PCT of today's price sells."""
    return float((1 - CUT_PCT / 100) ** -elasticity)


def response_in_words(elasticity: float | None, error: float | None) -> str:
    """How many times as much a cut of CUT_PCT sells, with the range that holds 8 times in 10; empty where nobody knows.

    >>> response_in_words(2.57, 0.2)
    '2.5 times as many (2.3 to 2.7)'
    >>> response_in_words(None, None)
    ''
    """
    if elasticity is None or pd.isna(elasticity):
        return ""
    wide = NINE_IN_TEN * (np.nan if error is None else error)
    low, high = times_as_many(elasticity - wide), times_as_many(elasticity + wide)
    return f"{about(times_as_many(elasticity))} times as many{about_range(low, high)}"


PLAIN: Mapping[str, Callable[[RowFacts], str]] = {
    "current": lambda facts: price(facts.row.current_price),
    "recommended": lambda facts: price(facts.row.recommended_price),
    "list": lambda facts: price(facts.row.list_price),
    "salvage": lambda facts: price(facts.row.salvage_price),
    "currency": lambda facts: facts.currency,
    "units_in_stock": lambda facts: counted(facts.supply, "unit"),
    "units_to_come": lambda facts: counted(facts.supply - facts.row.stock, "unit"),
    "leftover": lambda facts: about(facts.row.expected_leftover),
    "leftover_pct": lambda facts: percent(facts.row.expected_leftover / max(facts.supply, 1)),
    "least_leftover": lambda facts: about(facts.least_left),
    "least_leftover_pct": lambda facts: percent(facts.least_left / max(facts.supply, 1)),
    "end_day": lambda facts: last_day(facts.row.end_week),
    "steps": lambda facts: listed([f"{price(cut)} from {day(week)}" for week, cut in facts.steps]),
    "stake": lambda facts: about(facts.stake),
    "stake_range": lambda facts: about_range(facts.row.stake_low, facts.row.stake_high),
    "other": lambda facts: price(facts.other),
    "lead": lambda facts: about(facts.lead),
    "habit_price": lambda facts: price(facts.habit[0][1]) if facts.habit else UNKNOWN,
    "habit_day": lambda facts: day(facts.habit[0][0]) if facts.habit else UNKNOWN,
    "habit_leftover": lambda facts: about(facts.row.expected_leftover_habit),
    "habit_leftover_pct": lambda facts: percent(facts.row.expected_leftover_habit / max(facts.supply, 1)),
    "habit_gain": lambda facts: more_or_less(_ratio(facts.row.expected_revenue_habit, facts.row.expected_revenue)),
    "best_now": lambda facts: price(facts.best_now),
    "paper_gain": lambda facts: about(max(facts.on_paper) - facts.row.expected_revenue),
    "cut": lambda facts: str(CUT_PCT),
    "times": lambda facts: response_in_words(facts.row.elasticity, facts.row.elasticity_se),
    "allowed_day": lambda facts: day(facts.allowed),
    "until_day": lambda facts: last_day(facts.until),
    "taken": lambda facts: str(facts.row.markdowns_taken),
    "most": lambda facts: str(facts.most),
    "weeks_between": lambda facts: counted(facts.between, "week"),
    "target": lambda facts: f"{facts.target_pct:g}",
    "least_gain": lambda facts: f"{facts.least_gain_pct:g}",
    "fault": lambda facts: facts.fault,
    "lock_day": lambda facts: day(facts.row.locked_until) if facts.row.locked_until else UNKNOWN,
    "lock_cost": lambda facts: about(facts.lock_cost),
    "decided_day": lambda facts: day(facts.decided_week) if facts.decided_week else UNKNOWN,
    "decided_price": lambda facts: price(facts.decided_price),
    "void": lambda facts: facts.void,
    "category": lambda facts: category if isinstance(category := facts.row.category, str) and category else "none",
}
"""The words that may stand in every text of the file; UNKNOWN where an article has no such thing."""


def _ratio(one: float, other: float) -> float:
    return one / other if other > 0 else 1.0


def _instead(facts: RowFacts) -> str:
    if np.isnan(facts.lead):
        return "not_before" if facts.row.week < facts.allowed <= facts.row.end_week else "no_choice"
    return "no_better" if about(facts.stake) == "0" else "worth_less"


def _habit(facts: RowFacts) -> str:
    if facts.same_as_habit:
        return "habit_same"
    if not facts.habit:
        return "habit_keeps"
    return "habit_now" if facts.habit[0][0] == facts.row.week else "habit_later"


CLAUSE_WORDS: Mapping[str, Callable[[RowFacts], str | None]] = {
    "then": lambda facts: "then" if facts.steps else None,
    "of_which": lambda facts: "of_which" if facts.supply > facts.row.stock else None,
    "possible": lambda facts: "possible_from" if facts.allowed <= facts.row.end_week else "not_possible",
    "instead": _instead,
    "habit": _habit,
    "response": lambda facts: None if pd.isna(facts.row.elasticity) else "response",
    "on_paper": lambda facts: RIVALS[facts.rival] if facts.rival >= 0 else None,
    "counted": lambda facts: (
        COUNTED[bool(facts.label_cost > 0)][bool(facts.target_pct > 0)] if facts.rival >= 0 else None
    ),
}
"""The words that stand for a clause, with the one that holds for an article; None for nothing."""
CLAUSES = frozenset(
    (
        "then",
        "of_which",
        "possible_from",
        "not_possible",
        "not_before",
        "no_choice",
        "no_better",
        "worth_less",
        "habit_same",
        "habit_keeps",
        "habit_now",
        "habit_later",
        "response",
        *RIVALS,
        *itertools.chain(*COUNTED),
    )
)


@dataclass(frozen=True)
class Words:
    """The words of one article for `str.format_map`: each is made when a sentence asks for it.

    clauses : the text of each of CLAUSES
    """

    facts: RowFacts
    clauses: Mapping[str, str]

    def __getitem__(self, word: str) -> str:
        if word in PLAIN:
            return PLAIN[word](self.facts)
        clause = CLAUSE_WORDS[word](self.facts)
        return "" if clause is None else self.clauses[clause].format_map(self)
