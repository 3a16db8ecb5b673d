"""Say in a sentence what has changed since last week's row and why, and measure how steady the plans are."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from markdown_pricing.arrays import ObjectArray
from markdown_pricing.codes import MARKDOWN
from markdown_pricing.columns import STOCK_TO_COME
from markdown_pricing.markdown.sentences import times_as_many
from markdown_pricing.old_habit import CUT_PCT
from markdown_pricing.texts.words import about, counted, day, last_day, price
from markdown_pricing.weeks import weeks_between

RULES_VERSION = "rules_version"
"""A column that rows of an earlier week may have: the version of the rules under which they were priced."""
STEP_COLUMNS = [
    *("article_id", "week", "action", "stock", STOCK_TO_COME),
    *("end_week", "list_price", "current_price", "recommended_price"),
    *("next_markdown_week", "next_markdown_price", "expected_units_q10", "expected_units_q90"),
    *("elasticity", "elasticity_se", "model_grade", "model_version", RULES_VERSION),
]
"""What is read of the rows of both weeks."""
SAME_PRICE = 0.005
"""Prices that differ by less than half a cent are the same price."""
DELIVERED_SHARE = 0.02
"""A smaller rise of the stock, as a share of it, is taken for an error of counting and not for a delivery."""
RESPONSE_MOVED = 0.2
"""A smaller change of the elasticity is not mentioned, because it says nothing to a buyer; nor is one within its
standard error."""


def change_reasons(
    rows: pd.DataFrame, last_rows: pd.DataFrame | None, history: pd.DataFrame, currency: str, rules_version: str
) -> ObjectArray:
    """A sentence for each row of this week, (articles,); None for an article that had no row in the earlier week.

    rows      : the country's markdown_recommendations of this week, with STOCK_TO_COME where it is known
    last_rows : those of the nearest earlier week, with RULES_VERSION where it is known; None when there is none
    history   : article_id, week, units, the sales before this week
    """
    sentences = np.full(len(rows), None, dtype=object)
    if last_rows is None or last_rows.empty:
        return sentences
    before, sold = _before(last_rows), _sold(history, last_rows)
    for place, row in enumerate(_records(rows)):
        last = before.get(row["article_id"])
        if last is not None:
            step = _Step(row, last, sold.get(row["article_id"]), currency, rules_version)
            sentences[place] = step.sentence()
    return sentences


@dataclass(frozen=True)
class Stability:
    """How well this week's recommendations keep to last week's plans.

    articles    : how many articles still sell and had their recommended price taken
    changed     : how many of these now get another price than was planned
    unexplained : how many of the changed ones had sold what was expected, between q10 and q90
    """

    articles: int
    changed: int
    unexplained: int

    @property
    def unexplained_pct(self) -> float:
        """The unexplained changes in percent of the articles."""
        return 100 * self.unexplained / self.articles


def stability(rows: pd.DataFrame, last_rows: pd.DataFrame | None, history: pd.DataFrame) -> Stability | None:
    """How steady the plans are; None unless `last_rows` are of the week right before and one of their prices was taken.

    The arguments are those of `change_reasons`.
    """
    if last_rows is None or last_rows.empty:
        return None
    before, sold = _before(last_rows), _sold(history, last_rows)
    steps = [
        _Step(row, before[row["article_id"]], sold.get(row["article_id"]), "", "")
        for row in _records(rows)
        if row["article_id"] in before
    ]
    compared = [step for step in steps if step.weeks == 1 and step.taken and step.sells]
    if not compared:
        return None
    changed = [step for step in compared if not _same(step.row["recommended_price"], step.planned_now)]
    return Stability(len(compared), len(changed), sum(not step.surprised for step in changed))


def _before(last_rows: pd.DataFrame) -> dict[str, Mapping[str, Any]]:
    return {row["article_id"]: row for row in _records(last_rows)}


def _records(rows: pd.DataFrame) -> Iterator[Mapping[str, Any]]:
    """Each row's values of STEP_COLUMNS, of those that there are; `to_dict` of pandas takes four times as long."""
    names = [name for name in STEP_COLUMNS if name in rows]
    columns = (rows[name].to_numpy(dtype=object).tolist() for name in names)
    return (dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True))


def _sold(history: pd.DataFrame, last_rows: pd.DataFrame) -> dict[str, float]:
    """The units sold in the week of `last_rows` by article, for articles that have a row of that week."""
    week = pd.Timestamp(last_rows["week"].iloc[0])
    then = history[history["week"] == week]
    return dict(zip(then["article_id"], then["units"].astype(float), strict=True))


def _same(one: float, other: float) -> bool:
    return abs(float(one) - float(other)) < SAME_PRICE


@dataclass(frozen=True)
class _Step:
    """One article's step from the row of the earlier week to the row of this week."""

    row: Mapping[str, Any]
    last: Mapping[str, Any]
    units: float | None
    currency: str
    rules_version: str

    @property
    def weeks(self) -> int:
        """How many weeks lie between the two rows."""
        return weeks_between(self.last["week"], self.row["week"])

    @property
    def taken(self) -> bool:
        """Whether today's price is the one that was recommended then."""
        return _same(self.row["current_price"], self.last["recommended_price"])

    @property
    def sells(self) -> bool:
        """Whether the article has stock now, had some then, and is not past its end."""
        return bool(self.row["stock"] > 0 and self.last["stock"] > 0 and self.row["end_week"] >= self.row["week"])

    @property
    def sold(self) -> float:
        """The units sold in the week between, worked out from the stock where no sales are on record."""
        units = float(self.last["stock"] - self.row["stock"]) if self.units is None else self.units
        return 0.0 if np.isnan(units) else units

    @property
    def sold_more(self) -> bool:
        """Whether more units were sold in the week between than its 90 % quantile."""
        return self.weeks == 1 and self.sold > self.last["expected_units_q90"]

    @property
    def sold_fewer(self) -> bool:
        """Whether fewer units were sold than expected, at a price no higher than the one they were expected at."""
        dearer = self.row["current_price"] - self.last["recommended_price"] > SAME_PRICE
        return self.weeks == 1 and self.sold < self.last["expected_units_q10"] and not dearer

    @property
    def surprised(self) -> bool:
        """Whether more or fewer units were sold than was expected."""
        return self.sold_more or self.sold_fewer

    @property
    def planned_now(self) -> float:
        """The price that last week's plan had for this week."""
        due = self.last["next_markdown_week"] == self.row["week"]
        return float(self.last["next_markdown_price"] if due else self.last["recommended_price"])

    def sentence(self) -> str:
        """The sentence for change_reason: what happened since, and how the plan has moved."""
        since, facts, plan = day(self.last["week"]), list(self._facts()), self._plan()
        if not facts and plan is None:
            return f"Nothing changed since the week of {since}; the plan is as it was."
        if not facts and plan == AS_PLANNED:
            return f"As planned in the week of {since}, it is marked down now."
        if not facts:
            within = "sales were within what was expected, and " if self.weeks == 1 and self.sells else ""
            return f"Since the week of {since}: {within}by the newer forecast {plan}."
        if not self.sells:
            return f"Since the week of {since}: {'; '.join(facts)}."
        if plan is None or plan == AS_PLANNED:
            then = plan or "the plan is as it was"
        elif self.taken and len(facts) == 1 and self.last["action"] == MARKDOWN:
            then = f"by the newer forecast {plan}"  # that a markdown was taken explains no change of the plan
        else:
            then = f"so {plan}"
        return f"Since the week of {since}: {'; '.join(facts)}; {then}."

    def _facts(self) -> Iterator[str]:
        """What was sold and delivered, and what has changed of the article and of what its price is made from."""
        row, last = self.row, self.last
        yield from self._price()
        if self.surprised:
            low, high = last["expected_units_q10"], last["expected_units_q90"]
            how = "more" if self.sold_more else "fewer"
            yield f"{self.sold:,.0f} units were sold, {how} than the {about(low)} to {about(high)} expected"
        if row["stock"] == 0 and last["stock"] > 0:
            yield "it sold out"
        delivered = row["stock"] - (last["stock"] - (self.sold if self.weeks == 1 else 0))
        if delivered > max(DELIVERED_SHARE * last["stock"], 0.5):
            yield f"{delivered:,.0f} units came into stock"
        if to_come := row.get(STOCK_TO_COME, 0):
            yield f"{to_come:,.0f} {'unit is on its' if to_come == 1 else 'units are on their'} way"
        if row["end_week"] != last["end_week"]:
            yield f"its last selling day moved from {last_day(last['end_week'])} to {last_day(row['end_week'])}"
        if row["end_week"] < row["week"] and last["end_week"] >= last["week"]:
            yield "its last selling day has passed"
        if not _same(row["list_price"], last["list_price"]):
            yield f"the list price went from {price(last['list_price'])} to {price(row['list_price'])} {self.currency}"
        yield from self._model()
        rules = last.get(RULES_VERSION)
        if isinstance(rules, str) and rules and rules != self.rules_version:
            yield "the pricing rules were changed"

    def _price(self) -> Iterator[str]:
        current, recommended = float(self.row["current_price"]), float(self.last["recommended_price"])
        marked = self.last["action"] == MARKDOWN
        if self.taken:
            if marked:
                yield f"the markdown to {price(recommended)} {self.currency} was taken"
        elif marked and _same(current, self.last["current_price"]):
            yield f"the markdown to {price(recommended)} {self.currency} was not taken"
        else:
            yield f"the price is {price(current)} {self.currency}, not the {price(recommended)} recommended"

    def _model(self) -> Iterator[str]:
        row, last = self.row, self.last
        if row["model_grade"] != last["model_grade"]:
            yield f"the model's grade went from {last['model_grade']} to {row['model_grade']}"
        name, earlier = (str(each["model_version"]).split(" ")[0] for each in (row, last))
        if name != earlier:
            yield f"the demand model is {name}, no longer {earlier}"
        now, then, error = row["elasticity"], last["elasticity"], last["elasticity_se"]
        if pd.isna(now) or pd.isna(then):
            return
        if abs(now - then) > max(RESPONSE_MOVED, 0.0 if pd.isna(error) else error):
            how = "more" if now > then else "less"
            times, before = about(times_as_many(now)), about(times_as_many(then))
            yield (
                f"customers look {how} sensitive to price than thought ({CUT_PCT} % off sells about {times} "
                f"times as many, not {before})"
            )

    def _plan(self) -> str | None:
        """How the next markdown has moved; None when it has not, or when none is planned, neither then nor now."""
        then, now = self._next_then(), self._next_now()
        if then is None or now is None:
            if now is not None:
                return f"a markdown to {price(now[1])} {self.currency} {self._when(now[0])} is new in the plan"
            if then is not None and self.sells:
                return f"the markdown to {price(then[1])} {self.currency} that was planned is dropped"
            return None
        return self._moved(then, now)

    def _moved(self, then: tuple[date, float], now: tuple[date, float]) -> str | None:
        later, same = weeks_between(then[0], now[0]), _same(then[1], now[1])
        at = self._when(now[0])
        if later == 0 and same:
            if at != "now":
                return None
            return AS_PLANNED if self.taken else "it is recommended again"
        to = "" if same else f", and goes to {price(now[1])} instead of {price(then[1])} {self.currency}"
        if later == 0:
            due = "due" if at == "now" else "planned"
            return f"the markdown {due} {at} goes to {price(now[1])} instead of {price(then[1])} {self.currency}"
        count = f"{counted(abs(later), 'week')} {'later' if later > 0 else 'earlier'}"
        return f"the next markdown comes {count}, {at}{to}"

    def _when(self, week: date) -> str:
        return "now" if week == self.row["week"] else f"in the week of {day(week)}"

    def _next_then(self) -> tuple[date, float] | None:
        """Week and price of the earlier plan's next markdown. One that was not taken is due now."""
        last, this_week = self.last, self.row["week"]
        if self.row["current_price"] - last["recommended_price"] > SAME_PRICE:
            return this_week, float(last["recommended_price"])
        if pd.isna(last["next_markdown_week"]):
            return None
        planned = float(last["next_markdown_price"])
        if self.row["current_price"] - planned < SAME_PRICE:
            return None  # the price is that low already
        return max(last["next_markdown_week"], this_week), planned

    def _next_now(self) -> tuple[date, float] | None:
        row = self.row
        if row["action"] == MARKDOWN:
            return row["week"], float(row["recommended_price"])
        if pd.isna(row["next_markdown_week"]):
            return None
        return row["next_markdown_week"], float(row["next_markdown_price"])


AS_PLANNED = "it is marked down now as planned"
