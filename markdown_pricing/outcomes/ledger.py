"""The rows of markdown_outcomes: what was recommended in a week, decided, asked in the shops and sold.

Whether a price is there is asked from the next snapshot on, as for decisions. The prices of one week cost, against the
recommended ones, what its own menu says: the recommended price's value less the applied one's. Summed over weeks this
is what the overrides cost the plan (the performance-difference lemma, Kakade and Langford 2002).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import numpy as np
import pandas as pd

from markdown_pricing.arrays import BoolArray, FloatArray, ObjectArray
from markdown_pricing.columns import CENT, OUTCOME_COLUMNS
from markdown_pricing.decisions.asked import price_to_ask
from markdown_pricing.decisions.decision import Decision
from markdown_pricing.decisions.followed import SAME_PRICE_SHARE
from markdown_pricing.outcomes.menus import Menus
from markdown_pricing.outcomes.states import AskedPrices, is_same, phases_of, states_of

Column = FloatArray | ObjectArray


@dataclass(frozen=True)
class Shown:
    """What data of after a week show of its articles, each by article id, in the currency of that week.

    next_price, price_after : of the first snapshot after the week, and of the one after that
    has_next, has_after : whether there is a first one that is near enough to tell of the week, and a second one
    sold_price : the price at which the week was sold ; units : what was sold ; stock_end : what was left of the stock
    """

    next_price: "pd.Series[float]"
    has_next: bool
    price_after: "pd.Series[float]"
    has_after: bool
    sold_price: "pd.Series[float]"
    units: "pd.Series[float]"
    stock_end: "pd.Series[float]"


@dataclass(frozen=True)
class RecommendedWeek:
    """What was recommended to one country for a week, with what was decided about it.

    rows    : of markdown_recommendations ; options : of markdown_options
    decided : by article the decision in force, of those that can be followed
    locked  : the articles whose price a lock holds in this week
    wanted_next : by article what was decided for the next priced week, or else recommended in it
    """

    week: date
    rows: pd.DataFrame
    options: pd.DataFrame
    decided: Mapping[str, Decision]
    locked: Collection[str]
    wanted_next: "pd.Series[float]"


def outcome_rows(priced: RecommendedWeek, shown: Shown, run_id: str, computed_at: datetime) -> pd.DataFrame:
    """OUTCOME_COLUMNS, a row for each article that was priced, with the costs that the menu tells.

    A followed price costs nothing. Beyond that `cost_ex_ante` is NaN where the menu does not value a price, and so are
    the costs with hindsight everywhere: `sold_weeks.py` finds by models what else can be found.
    """
    rows, ids = priced.rows, priced.rows["article_id"]
    decisions = [priced.decided.get(article) for article in ids]
    recommended, list_price = (_floats(rows[name]) for name in ("recommended_price", "list_price"))
    decided = _decided_prices(rows, priced.decided, priced.locked)
    sold_price, next_price = _at(shown.sold_price, ids), _at(shown.next_price, ids)
    # An article that the next snapshot has no more, because its season is over, was asked what its last week shows.
    applied = np.where(np.isnan(next_price) & shown.has_next, sold_price, next_price)
    asked = AskedPrices(
        list_price,
        wanted=np.where(np.isnan(decided), recommended, decided),
        next=applied,
        after=_at(shown.price_after, ids),
        wanted_next=_at(priced.wanted_next, ids),
        has_after=shown.has_after,
    )
    is_followed, known = is_same(applied, recommended, list_price), np.isfinite(applied)
    menus, near = Menus.of(priced.options, ids), float(SAME_PRICE_SHARE) * list_price
    cost = np.round(menus.value_of(recommended) - menus.value_of(applied), 2)
    steps = menus.step_of(recommended, near) - menus.step_of(applied, near)
    units = _at(shown.units, ids)
    columns: dict[str, object] = {
        **{name: rows[name].to_numpy(dtype=object) for name in ("country", "article_id", "week", "arm")},
        "recommended_price": recommended,
        "decided_price": decided,
        "verdict": np.array([each and each.verdict for each in decisions], dtype=object),
        "decision_reason": np.array([each and each.decision_reason for each in decisions], dtype=object),
        "applied_price": applied,
        "state": states_of(asked),
        "followed": _flags(is_followed, known),
        "steps_off": np.where(is_followed, 0.0, steps),
        "units": units,
        "revenue": np.round(units * sold_price, 2),
        "stock_end": _at(shown.stock_end, ids),
        **{name: _floats(rows[name]) for name in ("expected_units", "expected_units_q10", "expected_units_q90")},
        "cost_ex_ante": np.where(is_followed, 0.0, cost),
        **dict.fromkeys(("cost_hindsight", "cost_low", "cost_high"), np.nan),
        "hindsight_week": None,
        "phase": phases_of(_life_shares(rows, priced.week)),
        "model_version": rows["model_version"].to_numpy(dtype=object),
        "run_id": run_id,
        "computed_at": computed_at,
    }
    return pd.DataFrame(columns, columns=OUTCOME_COLUMNS)


def wanted_prices(rows: pd.DataFrame, decided: Mapping[str, Decision], locked: Collection[str]) -> "pd.Series[float]":
    """By article the price that was decided, or else the recommended one; decided and locked: see `RecommendedWeek`."""
    prices = _decided_prices(rows, decided, locked)
    wanted = np.where(np.isnan(prices), _floats(rows["recommended_price"]), prices)
    return pd.Series(wanted, index=pd.Index(rows["article_id"]))


def _decided_prices(rows: pd.DataFrame, decided: Mapping[str, Decision], locked: Collection[str]) -> FloatArray:
    """The price that people want asked for each row, (articles,); NaN where they do not say, or a price is unknown."""
    prices, ids, current = np.full(len(rows), np.nan), rows["article_id"].to_numpy(), _floats(rows["current_price"])
    for place in np.flatnonzero(rows["article_id"].isin({*decided, *locked})):
        article, now = ids[place], current[place]
        today = None if np.isnan(now) else Decimal(str(now)).quantize(CENT)
        wanted = price_to_ask(decided.get(article), article in locked, today)
        prices[place] = np.nan if wanted is None else float(wanted)
    return prices


def _life_shares(rows: pd.DataFrame, week: date) -> FloatArray:
    launch, end = (pd.to_datetime(rows[name], errors="coerce") for name in ("launch_week", "end_week"))
    weeks = ((end - launch).dt.days // 7 + 1).to_numpy(dtype=np.float64)
    lived = ((pd.Timestamp(week) - launch).dt.days // 7).to_numpy(dtype=np.float64)
    return np.asarray(lived / np.maximum(weeks, 1), dtype=np.float64)


def _flags(flags: BoolArray, known: BoolArray) -> ObjectArray:
    """The flags, (articles,), None where they are not known."""
    known_flags: ObjectArray = flags.astype(object)
    known_flags[~known] = None
    return known_flags


def _at(by_article: "pd.Series[float]", ids: "pd.Series[str]") -> FloatArray:
    return np.asarray(by_article.reindex(ids), dtype=np.float64)


def _floats(values: "pd.Series[float]") -> FloatArray:
    return np.asarray(values, dtype=np.float64)
