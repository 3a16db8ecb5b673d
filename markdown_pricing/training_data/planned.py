"""What is planned for weeks to come: attributes of articles and of whole categories, from their own week on.

Nothing depends on a plan. What cannot be used of it is passed over and said, and never costs a country its prices.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa

from markdown_pricing.arrays import BoolArray
from markdown_pricing.texts.words import counted
from markdown_pricing.training_data.attributes import usable_columns
from markdown_pricing.training_data.bounds import MONDAY
from markdown_pricing.training_data.schema import PLANNED_COLUMNS, SnapshotColumn, fits, printable

KEY = ["article_id", "week"]
LONGEST_PLAN_WEEKS = 104
"""No price is planned further ahead, so that nothing is asked of later weeks."""


@dataclass(frozen=True)
class TakenPlan:
    """What can be used of a plan, and what could not be.

    rows    : article_id as str, week as datetime64[s] and the planned attributes, numbers as float64; a row for each
        article and week, sorted. NULL says nothing of an attribute. None where nothing is planned
    notes   : what was passed over, a sentence each
    """

    rows: pd.DataFrame | None
    notes: tuple[str, ...] = ()


def take_in_plan(table: pa.Table, articles: pd.DataFrame, week: date) -> TakenPlan:
    """What is planned for the articles of the snapshot week.

    table    : article_id and category, one of them NULL in each row; week, after the snapshot week; attr_*
    articles : the snapshot's rows, taken in
    Where an article's own row says something of an attribute, it wins over what its category's row says.
    """
    if fault := _fault_of_columns(table):
        return TakenPlan(None, (f"What is planned is left out: {fault}.",))
    try:
        rows = pd.DataFrame({name: _texts(table, name) for name in ("article_id", "category")})
    except pa.ArrowException:
        return TakenPlan(
            None,
            ("What is planned is left out: article_id or category has texts that are no UTF-8.",),
        )
    attributes, notes = _attributes(table, articles)
    week_column = SnapshotColumn.of(table["week"], "week")
    rows["week"] = week_column.values.astype("datetime64[D]").astype("datetime64[s]")
    rows, keep = rows.assign(**attributes), np.ones(len(rows), dtype=np.bool_)
    for what, bad in _row_faults(rows, week_column, articles, np.datetime64(week, "D")):
        if (new := keep & bad).any():
            notes.append(_passed_over(what, new, rows, week_column))
        keep &= ~bad
    rows = rows[keep].drop_duplicates()
    twice = rows.duplicated(["article_id", "category", "week"], keep=False)
    if twice.any():
        one = rows[twice].iloc[0]
        which = one["article_id"] if pd.notna(one["article_id"]) else f"category {one['category']}"
        notes.append(
            f"What is planned has {counted(int(twice.sum()), 'row')} that say different things of one week, "
            f"for example {printable(str(which))}, week {one['week'].date()}; they are passed over."
        )
    planned = _by_article(rows[~twice], articles, list(attributes))
    return TakenPlan(None if planned.empty else planned, tuple(notes))


def plan_in_short(planned: pd.DataFrame | None) -> str:
    """What is planned, for whoever wants to see that it was read; empty where nothing is."""
    if planned is None:
        return ""
    attributes, articles = ", ".join(map(printable, planned.columns.drop(KEY))), planned["article_id"].nunique()
    return f"planned up to {planned['week'].max().date()}: {attributes} of {counted(articles, 'article')}"


def _fault_of_columns(table: pa.Table) -> str:
    """Why no row of the plan can be used; empty where some can."""
    there = [name for name in PLANNED_COLUMNS if name in table.column_names]
    if "week" not in there or len(there) == 1:
        return "it needs the columns week, and article_id or category"
    nameless = [name for name in there if name != "week" and pa.types.is_null(table[name].type)]
    bad = [name for name in there if name not in nameless and not fits(table, name)]
    return f"{', '.join(bad)} has not the type that the contract says" if bad else ""


def _texts(table: pa.Table, name: str) -> "pd.Series[str]":
    if name not in table.column_names or pa.types.is_null(table[name].type):
        return pd.Series([None] * table.num_rows, dtype="str")
    texts = table[name].cast(pa.string())
    texts.validate(full=True)
    return texts.to_pandas().astype("str")


def _attributes(table: pa.Table, articles: pd.DataFrame) -> tuple[dict[str, "pd.Series[object]"], list[str]]:
    """The attributes that can be used, by name, and for each other one why it is left out."""
    usable, left_out = usable_columns(table)
    nothing = {name for name in left_out if pa.types.is_null(table.schema.field(name).type)}
    why = {name: said for name, said in left_out.items() if name not in nothing}
    columns: dict[str, pd.Series[object]] = {}
    for name, values in usable.items():
        planned = values.to_pandas()
        if name not in articles:
            why[name] = "the snapshot does not have it, or not in a form that can be used"
        elif _is_number(planned) != _is_number(articles[name]):
            kinds = ("numbers", "texts") if _is_number(planned) else ("texts", "numbers")
            why[name] = f"it holds {kinds[0]}, and {kinds[1]} in the snapshot"
        else:
            columns[name] = planned.astype("float64") if _is_number(planned) else planned
    return columns, [f"The planned column {printable(name)!r} is left out: {said}." for name, said in why.items()]


def _is_number(values: "pd.Series[object]") -> bool:
    return bool(pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values))


def _row_faults(
    rows: pd.DataFrame, week: SnapshotColumn, articles: pd.DataFrame, now: np.datetime64
) -> Iterator[tuple[str, BoolArray]]:
    """What makes rows of the plan useless, (rows,) each; of a row with several faults the first one is told."""
    ahead = (week.values - now.astype(np.int64)) // 7
    names_article, names_category = (rows[name].notna().to_numpy() for name in ("article_id", "category"))
    yield "for neither an article nor a category, or for both", names_article == names_category
    yield "without a week", week.missing
    yield "for a day that is no Monday", week.values % 7 != MONDAY
    yield "for the snapshot week or an earlier one", ahead <= 0
    yield f"for more than {LONGEST_PLAN_WEEKS} weeks ahead", ahead > LONGEST_PLAN_WEEKS
    yield "for articles that are not priced this week", names_article & ~_among(rows, articles, "article_id")
    yield "for categories of which no article is priced", names_category & ~_among(rows, articles, "category")


def _among(rows: pd.DataFrame, articles: pd.DataFrame, name: str) -> BoolArray:
    known: BoolArray = rows[name].isin(articles[name]).to_numpy(dtype=np.bool_)
    return known


def _passed_over(what: str, bad: BoolArray, rows: pd.DataFrame, week: SnapshotColumn) -> str:
    first, number = int(bad.argmax()), int(bad.sum())
    row = rows.iloc[first]
    names = [f"{name} {printable(str(row[name]))}" for name in ("article_id", "category") if pd.notna(row[name])]
    example = ", ".join([*names, f"week {week.shown(first)}"])
    are = "it is" if number == 1 else "they are"
    return f"What is planned has {counted(number, 'row')} {what}, for example {example}; {are} passed over."


def _by_article(rows: pd.DataFrame, articles: pd.DataFrame, attributes: list[str]) -> pd.DataFrame:
    """A row for each article and week: what its own row says, and where that is NULL, what its category's does."""
    is_own = rows["article_id"].notna()
    own = rows.loc[is_own, [*KEY, *attributes]]
    by_category = rows[~is_own].drop(columns="article_id").merge(articles[["article_id", "category"]], on="category")
    planned = own.set_index(KEY).combine_first(by_category[[*KEY, *attributes]].set_index(KEY))
    return planned.dropna(how="all").sort_index().reset_index()[[*KEY, *attributes]]
