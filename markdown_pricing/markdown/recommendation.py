"""Make the rows that the pricing department reads: take the price or keep it, in money, with reasons and exceptions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from markdown_pricing.arrays import BoolArray, FloatArray, IntArray, ObjectArray
from markdown_pricing.codes import KEEP, LOOK, MARKDOWN, ExceptionCode, ReasonCode
from markdown_pricing.columns import PATH_COLUMNS, ROW_COLUMNS, STOCK_TO_COME, Recommendations
from markdown_pricing.forecast import Forecast
from markdown_pricing.markdown.assortment import Assortment
from markdown_pricing.markdown.candidates import Ladders
from markdown_pricing.markdown.changes import change_reasons
from markdown_pricing.markdown.decided import Decided
from markdown_pricing.markdown.ladder import to_price
from markdown_pricing.markdown.limits import only_small_steps
from markdown_pricing.markdown.option_rows import option_rows, weeks_ahead
from markdown_pricing.markdown.planning import Plan, plan
from markdown_pricing.markdown.recent_weeks import recent_weeks
from markdown_pricing.markdown.season import ARM
from markdown_pricing.markdown.sentences import row_facts
from markdown_pricing.markdown.valuation import deepest_sales, next_markdown
from markdown_pricing.weeks import weeks_between

STAKES = ("stake", "stake_low", "stake_high")
CERTAIN_LEFTOVER_SHARE = 0.2
"""From this share of the stock on, with what is on its way, a left-over is reported as certain."""
NO_UNITS = 1e-6
"""Fewer expected units than this count as none, because the cover would be longer than any season."""


def in_order_of(parts: Sequence[Recommendations], article_ids: "pd.Series[str]") -> Recommendations:
    """The recommendations of parts of an assortment as one, in the order of its articles."""
    if len(parts) == 1:
        return parts[0]
    place = pd.Series(np.arange(len(article_ids)), index=pd.Index(article_ids))
    return Recommendations(
        rows=_together([part.rows for part in parts], place),
        price_path=_together([part.price_path for part in parts], place),
        options=_together([part.options for part in parts], place),
    )


def _together(parts: Sequence[pd.DataFrame], place: "pd.Series[int]") -> pd.DataFrame:
    """All rows in the order of their articles' places; those of one article stay in the order that they have."""
    rows = pd.concat(parts, ignore_index=True)
    order = np.argsort(place.loc[rows["article_id"]].to_numpy(), kind="stable")
    return rows.iloc[order].reset_index(drop=True)


@dataclass(frozen=True)
class MadeBy:
    """What each row says about how it was made.

    model_version : name and version of the demand model ; predicted_at : a time with its time zone
    """

    model_grade: str
    model_version: str
    run_id: str
    predicted_at: datetime


def recommend(
    assortment: Assortment,
    ladders: Ladders,
    forecast: Forecast,
    made_by: MadeBy,
    last_rows: pd.DataFrame | None = None,
) -> Recommendations:
    """What to do with each article this week, and the path that is planned for it. Raises BrokenModel.

    ladders, forecast : those of the articles of the assortment
    last_rows         : the country's rows of an earlier week, for change_reason alone; no price depends on them

    expected_revenue is Σ price · expected_units over the path plus salvage_price · expected_leftover, to the cent. The
    cost of labels is not taken off, although the plan counts it. Such a path counts neither luck nor what sales teach,
    which the values of the options do, so that keep or habit can show more revenue. An article with nothing to sell
    counts as sold: its sell-through is 1 and its left-over 0.
    """
    articles, country = assortment.articles, assortment.country
    season, own_plan = ladders.season, plan(ladders, forecast)
    path_prices = ladders.prices_in(own_plan.best.rungs)
    recommended = path_prices[:, 0]
    list_price = to_price(season.list_cents)
    codes = assortment.codes
    exception_code = codes.choose_exception(_exceptions_that_hold(assortment, ladders, own_plan))
    columns = {
        "country": country.code,
        "article_id": articles["article_id"].to_numpy(dtype=object),
        "week": assortment.week,
        "list_price": list_price,
        "current_price": to_price(season.current_cents),
        "recommended_price": recommended,
        "markdown_pct": np.round(np.clip(100 * (1 - recommended / list_price), 0, 100), 2),
        "action": np.where(own_plan.best.rungs[:, 0] > 0, MARKDOWN, KEEP),
        "stock": season.stock,
        **_units_this_week(ladders, own_plan),
        "end_week": _dates(articles["end_week"]),
        **_outcomes(own_plan, season.supply),
        **_next_markdown(ladders, own_plan),
        **dict(zip(("elasticity", "elasticity_se"), forecast.elasticity or (np.nan, np.nan), strict=True)),
        "reason_code": codes.choose_reason(_reasons_that_hold(ladders, own_plan)),
        "change_reason": None,
        "exception_code": exception_code,
        "model_grade": made_by.model_grade,
        "model_version": made_by.model_version,
        "run_id": made_by.run_id,
        "predicted_at": made_by.predicted_at,
        **_stakes(own_plan),
        "severity": _severities(assortment, own_plan, exception_code),
        **_facts_of_the_article(assortment, ladders),
        "arm": articles[ARM].to_numpy(dtype=object) if ARM in articles else None,
        "locked_until": weeks_ahead(season.week, np.where(own_plan.locked > 0, own_plan.locked, np.nan)),
    }
    rows = pd.DataFrame(columns, index=pd.RangeIndex(len(articles)))
    rows["reason"] = [codes.sentence(facts) for facts in row_facts(rows, articles, country.currency, ladders, own_plan)]
    now = rows.assign(**{STOCK_TO_COME: season.stock_to_come})
    changes = change_reasons(now, last_rows, assortment.history, country.currency, assortment.book.version)
    rows["change_reason"] = pd.Series(changes, dtype=object)  # otherwise pandas turns None into NaN
    options = option_rows(own_plan.menu, country.code, articles["article_id"], assortment.week, made_by.run_id)
    return Recommendations(rows[ROW_COLUMNS], _path_rows(rows, ladders, own_plan, path_prices), options)


def _facts_of_the_article(assortment: Assortment, ladders: Ladders) -> dict[str, object]:
    """What a buyer wants to see beside the price, as it was delivered or follows from what was."""
    articles = assortment.articles
    return {
        "category": articles["category"].to_numpy(dtype=object),
        "season": articles["season"].to_numpy(dtype=object),
        "launch_week": _dates(articles["launch_week"]),
        "stores": ladders.season.stores,
        "salvage_price": np.round(ladders.season.salvage_price, 2),
        "markdowns_taken": ladders.season.markdowns_taken,
        **recent_weeks(articles, assortment.history, assortment.week),
    }


def _units_this_week(ladders: Ladders, own_plan: Plan) -> dict[str, FloatArray]:
    """Units that this week is expected to sell, the range around them, and the weeks that the stock lasts."""
    stock, expected = ladders.season.stock, own_plan.best.units[:, 0]
    _, low, high = own_plan.this_week(ladders.season)
    return {
        "expected_units": expected,
        "expected_units_q10": low,
        "expected_units_q90": high,
        "cover_weeks": np.where(expected > NO_UNITS, stock / np.maximum(expected, NO_UNITS), np.nan),
    }


def _outcomes(own_plan: Plan, supply: IntArray) -> dict[str, FloatArray]:
    """How the plan ends, beside keeping the price and the old habit: sell-through, left-over and revenue."""
    best, keep, habit = own_plan.best, own_plan.keep, own_plan.habit
    return {
        "expected_sell_through": np.clip(1 - best.leftover / np.maximum(supply, 1), 0, 1),
        "expected_leftover": best.leftover,
        "expected_leftover_keep": keep.leftover,
        "expected_leftover_habit": habit.leftover,
        "expected_revenue": np.round(best.revenue, 2),
        "expected_revenue_keep": np.round(keep.revenue, 2),
        "expected_revenue_habit": np.round(habit.revenue, 2),
    }


def _dates(days: pd.Series) -> ObjectArray:
    return np.array([day.date() for day in days], dtype=object)


def _next_markdown(ladders: Ladders, own_plan: Plan) -> dict[str, ObjectArray | FloatArray]:
    """The week and price of the path's first markdown after this week, both (articles,); None and NaN without one."""
    ahead, price = next_markdown(own_plan.best.rungs, ladders.prices)
    return {"next_markdown_week": weeks_ahead(ladders.season.week, ahead), "next_markdown_price": price}


def _stakes(own_plan: Plan) -> dict[str, FloatArray]:
    """What the decision is worth and its range, to the cent, each (articles,)."""
    stake = own_plan.stake
    return {name: np.round(value, 2) for name, value in zip(STAKES, (stake.value, stake.low, stake.high), strict=True)}


def _first_true(flags: BoolArray) -> IntArray:
    """The index of the first True in each row, (articles,); the number of columns where there is none."""
    return np.where(flags.any(axis=1), flags.argmax(axis=1) if flags.shape[1] else 0, flags.shape[1])


def _reasons_that_hold(ladders: Ladders, own_plan: Plan) -> dict[str, BoolArray]:
    season, rungs = ladders.season, own_plan.best.rungs
    allowed = own_plan.limits.first_allowed
    planned = _first_true(rungs > 0)
    has_plan = planned < rungs.shape[1]
    # Time holds a markdown back when the plan takes the first week that is allowed, or when no week is allowed.
    held = (allowed > 0) & (np.where(has_plan, planned, season.weeks_left) <= allowed)
    return {
        ReasonCode.BAD_DATA: season.set_aside,
        ReasonCode.AWAITS_STOCK: season.awaits_stock & (rungs[:, 0] == 0),
        ReasonCode.SOLD_OUT: (season.stock == 0) & ~season.awaits_stock,
        ReasonCode.PAST_END: season.weeks_left == 0,
        ReasonCode.TEMPORARY_PRICE: own_plan.limits.temporary > 0,
        ReasonCode.LOCKED: own_plan.locked > 0,
        ReasonCode.MARKDOWN_BY_HABIT: own_plan.on_habit & (rungs[:, 0] > 0),
        ReasonCode.HELD_ON_HABIT: own_plan.on_habit,
        ReasonCode.MARKDOWN_FOR_TARGET: own_plan.for_target,
        ReasonCode.MARKDOWN_WITH_GROUP: own_plan.in_group & (rungs[:, 0] > 0),
        ReasonCode.MARKDOWN_NOW: rungs[:, 0] > 0,
        ReasonCode.NO_RUNG_LEFT: ladders.rungs == 1,
        ReasonCode.BLOCKED_BY_NUMBER: own_plan.limits.left == 0,
        ReasonCode.TOO_SMALL: only_small_steps(ladders),
        ReasonCode.BLOCKED_BY_STEP: np.logical_not(own_plan.limits.moves[:, 0].any(axis=1)),
        ReasonCode.BLOCKED_BY_FULL_PRICE: held & (own_plan.limits.full_price > own_plan.limits.wait),
        ReasonCode.BLOCKED_BY_INTERVAL: held & (own_plan.limits.wait > 0),
        ReasonCode.NO_TOUCH_WEEK: held & (own_plan.limits.wait == 0),
        ReasonCode.BLOCKED_BY_BUDGET: own_plan.over_budget,
        ReasonCode.TOO_LITTLE_GAIN: own_plan.too_little_gain,
        ReasonCode.WAIT: has_plan,
        ReasonCode.KEEP_PRICE: np.ones(len(rungs), dtype=np.bool_),
    }


def _exceptions_that_hold(assortment: Assortment, ladders: Ladders, own_plan: Plan) -> dict[str, BoolArray]:
    season, history = ladders.season, assortment.history
    category = assortment.articles["category"]
    unknown = category.isna() | (category == "")
    if len(history):
        unknown |= ~category.isin(history["category"].unique())
    supply, decided = season.supply.astype(np.float64), Decided.of(assortment.articles)
    return {
        ExceptionCode.BAD_DATA: season.set_aside,
        ExceptionCode.SOLD_OUT: (season.stock == 0) & ~season.awaits_stock,
        ExceptionCode.PAST_END: season.weeks_left == 0,
        ExceptionCode.NOT_APPLIED: decided.not_applied,
        ExceptionCode.VOID_DECISION: decided.void != "",
        ExceptionCode.ASKED_AGAIN: decided.rejected & (own_plan.best.rungs[:, 0] > 0),
        ExceptionCode.FAR_END: season.far_end,
        ExceptionCode.BAD_MARGIN: season.floor_cents >= season.current_cents,
        ExceptionCode.INFEASIBLE_RULES: (season.markdowns_taken > own_plan.limits.most)
        | ladders.whole_ladder_below_salvage,
        ExceptionCode.TARGET_OUT_OF_REACH: own_plan.out_of_reach,
        ExceptionCode.GROUP_APART: own_plan.group_apart,
        ExceptionCode.UNKNOWN_CATEGORY: unknown.to_numpy(dtype=np.bool_),
        ExceptionCode.NO_HISTORY: ~season.has_history,
        ExceptionCode.OFF_LADDER: ladders.off_ladder,
        ExceptionCode.CERTAIN_LEFTOVER: supply - deepest_sales(ladders, own_plan.limits, own_plan.demand)
        >= CERTAIN_LEFTOVER_SHARE * supply,
    }


def _severities(assortment: Assortment, own_plan: Plan, exceptions: ObjectArray) -> ObjectArray:
    """The severity of each exception; a markdown that was rejected is to be looked at once more is at stake."""
    severities, decided = assortment.codes.severities_of(exceptions), Decided.of(assortment.articles)
    ago = np.array([0 if week is None else weeks_between(week, assortment.week) for week in decided.week])
    look = (exceptions == ExceptionCode.ASKED_AGAIN) & decided.asks_for_a_look(ago, own_plan.stake.value)
    severities[look] = LOOK
    return severities


def _path_rows(rows: pd.DataFrame, ladders: Ladders, own_plan: Plan, prices: FloatArray) -> pd.DataFrame:
    """The rows of the price paths: one for each selling week, or a single one when end_week is past."""
    best = own_plan.best
    length = np.maximum(ladders.season.weeks_left, 1)
    article, ahead = np.nonzero(np.arange(best.rungs.shape[1]) < length[:, np.newaxis])
    weeks = np.array([ladders.season.week + timedelta(weeks=h) for h in range(best.rungs.shape[1])], dtype=object)
    columns = {
        "country": rows["country"].to_numpy()[article],
        "article_id": rows["article_id"].to_numpy()[article],
        "week": weeks[ahead],
        "price": prices[article, ahead],
        "expected_units": best.units[article, ahead],
        "expected_stock": best.stock[article, ahead],
    }
    return pd.DataFrame(columns, columns=PATH_COLUMNS)
