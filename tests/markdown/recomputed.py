"""The words of a sentence worked out anew from what is published: an article's row, its menu and its price path."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from markdown_pricing.markdown.assortment import Assortment
from markdown_pricing.markdown.candidates import candidate_prices
from markdown_pricing.markdown.habit import habit_rungs
from markdown_pricing.markdown.limits import Limits
from markdown_pricing.markdown.reasons import ReasonCodes


@dataclass(frozen=True)
class Published:
    """One article: its row, its menu, the prices of each week from this one on by its plan and by the old habit, and
    the units of each week by its plan."""

    row: Any
    menu: Sequence[Any]
    plan: Sequence[float]
    habit: Sequence[float]
    units: Sequence[float]

    @property
    def mine(self) -> Any:
        """The recommended price's line of the menu."""
        return next(line for line in self.menu if line.price == self.row.recommended_price)

    @property
    def valued(self) -> list[Any]:
        """The lines that have a value."""
        return [line for line in self.menu if not np.isnan(line.value)]

    @property
    def others(self) -> list[Any]:
        """Those of the prices in the other direction."""
        return [line for line in self.valued if (line.step > 0) != (self.row.action == "markdown")]

    def changes(self, prices: Sequence[float], before: float) -> list[tuple[date, float]]:
        """The weeks and prices at which a path changes."""
        path = [before, *prices]
        changes = [ahead for ahead in range(len(prices)) if path[ahead + 1] != path[ahead]]
        return [(self.row.week + timedelta(weeks=ahead), path[ahead + 1]) for ahead in changes]


def published(
    rows: pd.DataFrame, options: pd.DataFrame, path: pd.DataFrame, assortment: Assortment
) -> Iterator[tuple[Published, dict[str, str]]]:
    """What is published of each article, and the words of its sentence that the rules and the delivery give."""
    articles, country, week = assortment.articles, assortment.country, assortment.week
    ladders = candidate_prices(articles, assortment.history, country, assortment.book, week)
    limits = Limits.of(ladders)
    habit = ladders.prices_in(habit_rungs(ladders, limits))
    menus, plans = _by_article(options), _by_article(path)
    to_come = articles["stock_to_come"] if "stock_to_come" in articles else [0] * len(articles)
    asides = articles["set_aside"] if "set_aside" in articles else [""] * len(articles)
    untils = articles["price_until"] if "price_until" in articles else [pd.NaT] * len(articles)
    delivered = zip(rows.itertuples(index=False), asides, untils, to_come, strict=True)
    for place, (row, aside, until, coming) in enumerate(delivered):
        plan = [step.price for step in plans[row.article_id]]
        allowed, rules = week + timedelta(weeks=int(limits.first_allowed[place])), ladders.rules[ladders.rule_of[place]]
        words = {
            "salvage": f"{row.salvage_price:,.2f}",
            "list": f"{row.list_price:,.2f}",
            "currency": country.currency,
            "allowed": str(allowed),
            "allowed_day": day(allowed),
            "until_day": "" if pd.isna(until) else day(until.date() + timedelta(days=6)),
            "most": str(rules.max_markdowns),
            "weeks_between": counted(rules.weeks_between_markdowns, "week"),
            "only_in_the_plan": {
                (False, False): "counts_luck",
                (True, False): "counts_labels",
                (False, True): "counts_target",
                (True, True): "counts_both",
            }[rules.relabel_cost_per_store * row.stores > 0, rules.sell_through_target > 0],
            "target": f"{100 * rules.sell_through_target:g}",
            "least_gain": f"{rules.least_gain_pct:g}",
            "category": row.category,
            "fault": aside,
            "units_in_stock": counted(row.stock + coming, "unit"),
            "units_to_come": counted(coming, "unit"),
        }
        units = [step.expected_units for step in plans[row.article_id]]
        yield Published(row, menus[row.article_id], plan, habit[place, : len(plan)].tolist(), units), words


def _by_article(frame: pd.DataFrame) -> Mapping[str, list[Any]]:
    lines = defaultdict(list)
    for line in frame.itertuples(index=False):
        lines[line.article_id].append(line)
    return lines


def two_digits(number: float) -> str:
    """Two significant digits, at most one of them behind the point, and none there of a whole number."""
    shown = float(f"{number:.2g}")
    if abs(shown) >= 10 or number == int(number):
        return f"{shown:,.0f}"
    return f"{number:.1f}" if abs(number) >= 0.05 else "0"


def counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def day(when: date) -> str:
    return when.strftime("%d %b %Y").lstrip("0")


def compared(ratio: float) -> str:
    more = two_digits(100 * abs(ratio - 1))
    return "as much" if more == "0" else f"{more} % {'more' if ratio > 1 else 'less'}"


def a_range(low: float, high: float) -> str:
    return "" if np.isnan(low) else f" ({two_digits(low)} to {two_digits(high)})"


def numbers_of(own: Published) -> dict[str, str]:
    """Every word that is a number of the article, by the place it has in the file of sentences."""
    row, mine = own.row, own.mine
    # What is sold by the end and what is left is all that there was to sell.
    stock = max(round(sum(own.units) + row.expected_leftover), 1)
    least = min(line.expected_leftover for line in own.valued)
    words = {
        "current": f"{own.menu[0].price:,.2f}",
        "recommended": f"{row.recommended_price:,.2f}",
        "leftover": two_digits(mine.expected_leftover),
        "leftover_pct": f"{two_digits(100 * mine.expected_leftover / stock)} %",
        "least_leftover": two_digits(least),
        "least_leftover_pct": f"{two_digits(100 * least / stock)} %",
        "end_day": day(row.end_week + timedelta(days=6)),
        "habit_leftover": two_digits(row.expected_leftover_habit),
        "habit_leftover_pct": f"{two_digits(100 * row.expected_leftover_habit / stock)} %",
        "habit_gain": compared(row.expected_revenue_habit / mine.expected_revenue if mine.expected_revenue else 1),
        "taken": str(row.markdowns_taken),
    }
    if own.others:
        best = max(own.others, key=lambda line: line.value)
        lead = mine.value - best.value
        words["other"], words["stake"] = f"{best.price:,.2f}", two_digits(max(lead, 0.0))
        words["lead"], words["stake_range"] = two_digits(-lead), a_range(row.stake_low, row.stake_high)
    if changes := own.changes(own.habit, row.current_price):
        words["habit_price"], words["habit_day"] = f"{changes[0][1]:,.2f}", day(changes[0][0])
    if not pd.isna(row.elasticity):
        power = row.elasticity + np.array([0, -1.2816, 1.2816]) * row.elasticity_se
        times, low, high = 0.7**-power
        words["cut"] = "30"
        words["times"] = f"{two_digits(times)} times as many{a_range(low, high)}"
    if steps := own.changes(own.plan, own.plan[0]):
        said = [f"{price:,.2f} from {day(when)}" for when, price in steps]
        words["steps"] = " and ".join([", ".join(said[:-1]), said[-1]] if len(said) > 1 else said)
    rivals = {"on_paper_keep": row.expected_revenue_keep, "on_paper_habit": row.expected_revenue_habit}
    if now := [line for line in own.valued if line != mine]:
        best = max(now, key=lambda line: line.expected_revenue)
        rivals = {"on_paper_now": best.expected_revenue, **rivals}
        words["best_now"] = f"{best.price:,.2f}"
    rival = max(rivals, key=lambda name: rivals[name])
    ahead = rivals[rival] - mine.expected_revenue
    words["paper_gain"], words["on_paper"] = two_digits(ahead), rival if ahead >= 1 else ""
    return words


def sentence_of(own: Published, codes: ReasonCodes, rules: Mapping[str, str]) -> str:
    """The sentence that the row should have; `rules` are the words that the rules and the delivery give."""
    words = {**rules, **numbers_of(own)}
    row, changes = own.row, own.changes(own.habit, own.row.current_price)
    chosen = {
        "then": "then" if "steps" in words else "",
        "of_which": "of_which" if words["units_to_come"] != "0 units" else "",
        "possible": "possible_from" if words["allowed"] <= str(row.end_week) else "not_possible",
        "habit": "habit_keeps" if not changes else "habit_now" if changes[0][0] == row.week else "habit_later",
        "response": "response" if "times" in words else "",
        "on_paper": words["on_paper"],
        "counted": words["only_in_the_plan"] if words["on_paper"] else "",
        "instead": ("worth_less" if words["stake"] != "0" else "no_better") if "stake" in words else "no_choice",
    }
    if np.array_equal(own.plan, own.habit):
        chosen["habit"] = "habit_same"
    if chosen["instead"] == "no_choice" and str(row.week) < words["allowed"] <= str(row.end_week):
        chosen["instead"] = "not_before"
    words |= {word: codes.clauses[clause].format_map(words) if clause else "" for word, clause in chosen.items()}
    said = codes.reasons[row.reason_code].format_map(words)
    if not pd.isna(row.exception_code) and row.exception_code != row.reason_code:
        said += f"; note that {codes.exceptions[row.exception_code].format_map(words)}"
    return f"{said}."
