"""The columns of the ERP's tables, each declared once: name, type and meaning, in the contract's order.

The tables, what a row may hold, the order of the rows' columns and what people read beside Dagster's assets all come
from here. A new column is one line here, and its value where the rows are made. The columns of a snapshot that several
folders read are named here, too.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING

from markdown_pricing import old_habit
from markdown_pricing.codes import (
    CHANGED,
    EVERYTHING,
    FINAL,
    INTERIM,
    KEEP,
    LONGEST_NOTE,
    MARKDOWN,
    NEEDS_REASON,
    NOBODY,
    ON_HABIT,
    ON_PLAN,
    PHASES,
    SEVERITIES,
    SOURCES,
    STATES,
    VERDICTS,
    VERDICTS_IN_FORCE,
    one_of,
)

if TYPE_CHECKING:
    import pandas as pd


class Type(Enum):
    """What a column holds; `erp/tables.py` says how each database keeps it."""

    TEXT = "text"
    MONEY = "money, local currency, to the cent"
    NUMBER = "floating-point number"
    WHOLE = "whole number"
    DAY = "day"
    MOMENT = "time with its time zone"
    FLAG = "true or false"


TEXT, MONEY, NUMBER, WHOLE, DAY, MOMENT, FLAG = Type
CENT = Decimal("0.01")
MOST_AN_AMOUNT = 1e12
"""The ERP's amounts of money, NUMERIC(14,2), are below this."""

PRICE_UNTIL = "price_until"
"""An optional column of a snapshot: the last week of a temporary price."""
STOCK_TO_COME = "stock_to_come"
"""An optional column of a snapshot: units on their way, which count as stock from the week after the snapshot on."""
SET_ASIDE = "set_aside"
"""The column that the intake adds: what is wrong with an article that is set aside; empty for all others."""


@dataclass(frozen=True)
class Recommendations:
    """One country's week, from the plan to the lake and the ERP. Dates are datetime.date; NULL is NaN or None.

    rows : ROW_COLUMNS, a row for each article, in the snapshot's order
    price_path : PATH_COLUMNS, a row for each article and selling week, from this week on
    options : OPTION_COLUMNS, a row for each article and price that exists for it this week; those of one are its menu
    """

    rows: "pd.DataFrame"
    price_path: "pd.DataFrame"
    options: "pd.DataFrame"


@dataclass(frozen=True)
class Column:
    """A column of a table.

    key       : whether it is part of the table's primary key ; may_be_empty : whether it may be NULL
    made_from : the columns of the training data from which its value comes, where that helps a reader
    """

    name: str
    type: Type
    meaning: str
    key: bool = False
    may_be_empty: bool = False
    made_from: tuple[str, ...] = ()


_SALES_AHEAD = ("units", "price", "stock", "end_week")

RECOMMENDATIONS = (
    Column("country", TEXT, "ISO 3166, three letters.", key=True),
    Column("article_id", TEXT, "The same in every country.", key=True, made_from=("article_id",)),
    Column("week", DAY, "Monday of the week that is priced.", made_from=("week",)),
    Column("list_price", MONEY, "First price, local currency.", made_from=("list_price",)),
    Column("current_price", MONEY, "Price valid now.", made_from=("price",)),
    Column(
        "recommended_price",
        MONEY,
        "Price from this week on: a rung of the ladder, or the current price.",
        made_from=("list_price", *_SALES_AHEAD, "salvage_price"),
    ),
    Column("markdown_pct", NUMBER, "Recommended price below list price, 0 to 100."),
    Column("action", TEXT, f"{MARKDOWN} when the recommended price is below the current one, else {KEEP}."),
    Column("stock", WHOLE, "Units at the start of the week.", made_from=("stock",)),
    Column(
        "expected_units",
        NUMBER,
        "Sales of this week at the recommended price; never above stock.",
        made_from=_SALES_AHEAD,
    ),
    Column("expected_units_q10", NUMBER, "With 9 chances in 10 at least this many are sold."),
    Column("expected_units_q90", NUMBER, "With 9 chances in 10 at most this many are sold."),
    Column("end_week", DAY, "Last week on sale.", made_from=("end_week",)),
    Column(
        "cover_weeks", NUMBER, "Stock over this week's expected units; empty when none are expected.", may_be_empty=True
    ),
    Column(
        "expected_sell_through",
        NUMBER,
        "Share of the stock, with what is on its way, that is sold by the end week, 0 to 1.",
        made_from=_SALES_AHEAD,
    ),
    Column(
        "expected_leftover",
        NUMBER,
        "Units left after the end week under the plan.",
        made_from=_SALES_AHEAD,
    ),
    Column("expected_leftover_keep", NUMBER, "The same if today's price is kept."),
    Column("expected_leftover_habit", NUMBER, f"The same under the old habit: {old_habit.IN_SHORT}."),
    Column(
        "expected_revenue",
        MONEY,
        "From this week to the end under the plan, salvage included.",
        made_from=(*_SALES_AHEAD, "salvage_price"),
    ),
    Column("expected_revenue_keep", MONEY, "The same if today's price is kept."),
    Column("expected_revenue_habit", MONEY, f"The same under the old habit: {old_habit.IN_SHORT}."),
    Column(
        "next_markdown_week",
        DAY,
        "The plan's next markdown after this week; empty when there is none.",
        may_be_empty=True,
    ),
    Column("next_markdown_price", MONEY, "Its price.", may_be_empty=True),
    Column("elasticity", NUMBER, "Per cent more units for one per cent less price.", may_be_empty=True),
    Column("elasticity_se", NUMBER, "Its standard error.", may_be_empty=True),
    Column("reason", TEXT, "Why this price, in one sentence."),
    Column("reason_code", TEXT, "The same as a word."),
    Column("change_reason", TEXT, "What changed since last week's row.", may_be_empty=True),
    Column("exception_code", TEXT, "What somebody should look at; empty when all is well.", may_be_empty=True),
    Column("model_grade", TEXT, "A is the country's own model; further letters use less of its own sales."),
    Column("model_version", TEXT, "The demand model and what it was made from."),
    Column("run_id", TEXT, "The run that wrote the row."),
    Column("predicted_at", MOMENT, "When it was computed."),
    Column(
        "stake",
        MONEY,
        "How much less the best answer in the other direction is worth this week; empty when there is none.",
        may_be_empty=True,
        made_from=_SALES_AHEAD,
    ),
    Column("stake_low", MONEY, "With 9 chances in 10 the stake is at least this.", may_be_empty=True),
    Column("stake_high", MONEY, "With 9 chances in 10 the stake is at most this.", may_be_empty=True),
    Column("severity", TEXT, f"Of the exception: {one_of(SEVERITIES)}; empty without one.", may_be_empty=True),
    Column("category", TEXT, "As delivered.", may_be_empty=True, made_from=("category",)),
    Column("season", TEXT, "As delivered.", may_be_empty=True, made_from=("season",)),
    Column("launch_week", DAY, "First week on sale.", may_be_empty=True, made_from=("launch_week",)),
    Column("stores", WHOLE, "Stores that carry it.", may_be_empty=True, made_from=("stores",)),
    Column(
        "salvage_price",
        MONEY,
        "What one unit left over brings after the end week.",
        may_be_empty=True,
        made_from=("salvage_price",),
    ),
    Column("markdowns_taken", WHOLE, "Markdowns so far that count.", may_be_empty=True, made_from=("price",)),
    Column(
        "units_last_week", NUMBER, "Sold in the week before, less returns.", may_be_empty=True, made_from=("units",)
    ),
    Column("units_4_weeks", NUMBER, "The same of the four weeks before.", may_be_empty=True, made_from=("units",)),
    Column(
        "lowest_price_30_days",
        MONEY,
        "The lowest price of the five weeks before.",
        may_be_empty=True,
        made_from=("price",),
    ),
    Column(
        "arm",
        TEXT,
        "How the article is priced in a comparison with the old habit; empty without one.",
        may_be_empty=True,
    ),
    Column("locked_until", DAY, "The Monday until which somebody has locked the price.", may_be_empty=True),
)
"""The columns of markdown_recommendations, which has a row for each article of a country."""
PRICE_PATH = (
    Column("country", TEXT, "ISO 3166, three letters.", key=True),
    Column("article_id", TEXT, "The same in every country.", key=True),
    Column("week", DAY, "From the week that is priced to the end week.", key=True),
    Column("price", MONEY, "Planned price, local currency."),
    Column("expected_units", NUMBER, "Sales expected in the week."),
    Column("expected_stock", NUMBER, "Units expected at the start of the week."),
)
"""The columns of markdown_price_path, which has a row for each article and week of its plan."""
OPTIONS = (
    Column("country", TEXT, "ISO 3166, three letters.", key=True),
    Column("article_id", TEXT, "The same in every country.", key=True),
    Column("price", MONEY, "A price that exists for the article this week, local currency.", key=True),
    Column("week", DAY, "Monday of the week that is priced."),
    Column("run_id", TEXT, "The run that wrote the row."),
    Column("step", WHOLE, "0 is today's price, 1 the next rung below it, and so on."),
    Column(
        "value",
        MONEY,
        "What it is worth to ask this price now and to plan best afterwards; empty when a rule forbids it.",
        may_be_empty=True,
    ),
    Column("value_loss", MONEY, "The recommended price's value less this one's.", may_be_empty=True),
    Column("expected_units", NUMBER, "Sales of this week at this price.", may_be_empty=True),
    Column("expected_leftover", NUMBER, "Units left after the end week on the path from here.", may_be_empty=True),
    Column("expected_revenue", MONEY, "To the end on the path from here, salvage included.", may_be_empty=True),
    Column("next_markdown_week", DAY, "The path's first markdown after this week.", may_be_empty=True),
    Column("next_markdown_price", MONEY, "Its price.", may_be_empty=True),
    Column("rule", TEXT, "What forbids the price, or why one worth more was not taken; else empty.", may_be_empty=True),
)
"""The columns of markdown_options, which has a row for each article and price that exists for it this week."""
REFRESHES = (
    Column("country", TEXT, "ISO 3166, three letters.", key=True),
    Column("week", DAY, "Monday of the week that is priced.", key=True),
    Column("run_id", TEXT, "The run that wrote the rows.", key=True),
    Column("launched_at", MOMENT, "When the run was launched; an older launch is refused."),
    Column("articles", WHOLE, "Rows that were written."),
    Column("previous_articles", WHOLE, "Rows that were there before."),
    Column("total_expected_revenue", MONEY, "Sum of expected_revenue over the rows."),
    Column("content_hash", TEXT, "SHA-256 of the rows, without run_id and predicted_at."),
    Column("refreshed_at", MOMENT, "When the transaction wrote it."),
    Column(
        "hashed",
        WHOLE,
        "What content_hash is over: 2 with markdown_options, empty without. Only like hashes can be compared.",
        may_be_empty=True,
    ),
)
"""The columns of markdown_refreshes, which has a receipt for each refresh of a country."""
DECISIONS = (
    Column("decision_id", TEXT, "Given by whoever writes the row; the same one again is refused.", key=True),
    Column("country", TEXT, "ISO 3166, three letters."),
    Column("article_id", TEXT, "The same in every country."),
    Column("week", DAY, "Monday of the week that was decided about."),
    Column("seq", WHOLE, "1 for the first decision about the article and week, and one more than the last for each."),
    Column("verdict", TEXT, f"{one_of(VERDICTS)}."),
    Column("price", MONEY, f"The price that was decided; needed for {CHANGED}.", may_be_empty=True),
    Column("lock_until", DAY, "The Monday until which today's price is held whatever is advised.", may_be_empty=True),
    Column("recommended_price", MONEY, "What the person saw as recommended.", may_be_empty=True),
    Column("current_price", MONEY, "What the person saw as today's price.", may_be_empty=True),
    Column("stake", MONEY, "What the person saw at stake.", may_be_empty=True),
    Column("run_id", TEXT, "The run that wrote the row which the person saw.", may_be_empty=True),
    Column("decision_reason", TEXT, f"A code; needed for {' and '.join(NEEDS_REASON)}.", may_be_empty=True),
    Column("note", TEXT, f"At most {LONGEST_NOTE} characters.", may_be_empty=True),
    Column("decided_by", TEXT, "Who decided."),
    Column("source", TEXT, f"{one_of(SOURCES)}."),
    Column("batch_id", TEXT, "The same for rows that were written together.", may_be_empty=True),
    Column("decided_at", MOMENT, "When it was decided."),
)
"""The columns of markdown_decisions, to which people's tools add rows and of which nobody changes any."""
OUTCOMES = (
    Column("country", TEXT, "ISO 3166, three letters.", key=True),
    Column("article_id", TEXT, "The same in every country.", key=True),
    Column("week", DAY, "Monday of the week that was priced and sold.", key=True),
    Column(
        "arm",
        TEXT,
        "How the article is priced in a comparison with the old habit; empty without one.",
        may_be_empty=True,
    ),
    Column("recommended_price", MONEY, "What was advised, in that week's local currency."),
    Column("decided_price", MONEY, "What somebody decided; empty where nobody has.", may_be_empty=True),
    Column("verdict", TEXT, f"{one_of(VERDICTS_IN_FORCE)}; empty where nobody decided.", may_be_empty=True),
    Column("decision_reason", TEXT, "The code that was given with it.", may_be_empty=True),
    Column("applied_price", MONEY, "The price of the next snapshot; empty where no data show it.", may_be_empty=True),
    Column("state", TEXT, f"{one_of(STATES)}."),
    Column("followed", FLAG, "Whether the applied price is the recommended one.", may_be_empty=True),
    Column("steps_off", WHOLE, "Steps of the menu by which the applied price was higher.", may_be_empty=True),
    Column("units", NUMBER, "Sold in the week, less returns.", may_be_empty=True),
    Column("revenue", MONEY, "Units times the price at which the week was sold.", may_be_empty=True),
    Column("stock_end", WHOLE, "Units at the end of the week.", may_be_empty=True),
    Column("expected_units", NUMBER, "Expected sales at the recommended price.", may_be_empty=True),
    Column("expected_units_q10", NUMBER, "With 9 chances in 10 at least this many.", may_be_empty=True),
    Column("expected_units_q90", NUMBER, "With 9 chances in 10 at most this many.", may_be_empty=True),
    Column(
        "cost_ex_ante",
        MONEY,
        "By the week's own menu the recommended price's value less the applied one's; a part of sums, and no fact.",
        may_be_empty=True,
    ),
    Column("cost_hindsight", MONEY, "The same by a model that has seen what sold since.", may_be_empty=True),
    Column("cost_low", MONEY, "With 19 chances in 20 the cost with hindsight is at least this.", may_be_empty=True),
    Column("cost_high", MONEY, "With 19 chances in 20 it is at most this.", may_be_empty=True),
    Column("hindsight_week", DAY, "The week of that model.", may_be_empty=True),
    Column("phase", TEXT, f"{one_of(PHASES)}: the third of its life in which the article was.", may_be_empty=True),
    Column("model_version", TEXT, "The demand model that the advice was made with.", may_be_empty=True),
    Column("run_id", TEXT, "The run that wrote the row."),
    Column("computed_at", MOMENT, "When it was computed."),
)
"""The columns of markdown_outcomes, which has a row for each article that was priced and each week that was sold."""
OUTCOME_TOTALS = (
    Column("country", TEXT, "ISO 3166, three letters.", key=True),
    Column("category", TEXT, "As delivered; an empty text where it is unknown.", key=True),
    Column("week", DAY, "Monday of the week that was priced and sold.", key=True),
    Column("verdict", TEXT, f"{one_of(VERDICTS_IN_FORCE)}; {NOBODY} where nobody decided.", key=True),
    Column("decision_reason", TEXT, f"The code that was given; {NOBODY} without one.", key=True),
    Column("phase", TEXT, f"{one_of(PHASES)}; an empty text where it is unknown.", key=True),
    Column("articles", WHOLE, "Rows of markdown_outcomes."),
    Column("known", WHOLE, "Those whose applied price is known."),
    Column("followed", WHOLE, "Those whose applied price is the recommended one."),
    Column("applied", WHOLE, "Those whose decided, else recommended, price was there in time or late."),
    Column("not_valued", WHOLE, "Those of the known ones whose cost could not be found: they are in no sum of costs."),
    Column("units", NUMBER, "Sold in the week."),
    Column("revenue", MONEY, "What they brought, in that week's local currency."),
    Column("expected_units", NUMBER, "Expected sales of those that were followed and whose sales are known."),
    Column("units_followed", NUMBER, "Their sales."),
    Column("stake", MONEY, "What was at stake with all that are known."),
    Column("stake_followed", MONEY, "What was at stake with those that were followed."),
    Column("cost_ex_ante", MONEY, "Sum of cost_ex_ante; empty where no other price has one.", may_be_empty=True),
    Column("cost_hindsight", MONEY, "Sum of cost_hindsight; empty where it is not known of all.", may_be_empty=True),
    Column("cost_low", MONEY, "With 19 chances in 20 that sum is at least this.", may_be_empty=True),
    Column("cost_high", MONEY, "With 19 chances in 20 it is at most this.", may_be_empty=True),
    Column("run_id", TEXT, "The run that wrote the row."),
    Column("computed_at", MOMENT, "When it was computed."),
)
"""The columns of markdown_outcome_totals, which has a row for each group of rows of markdown_outcomes."""

ARMS = (
    Column("season", TEXT, "As delivered with the articles.", key=True),
    Column("country", TEXT, "ISO 3166, three letters.", key=True),
    Column("category", TEXT, "As delivered.", key=True),
    Column("arm", TEXT, f"{ON_PLAN}, or {ON_HABIT}: its articles are priced by the old habit in this season."),
    Column("seed", WHOLE, "Of the draw."),
    Column("drawn_at", MOMENT, "When it was drawn."),
)
"""The columns of markdown_arms, which has a row for each cell of a comparison."""
EFFECTS = (
    Column("season", TEXT, "As delivered with the articles.", key=True),
    Column("scope", TEXT, f"{EVERYTHING}: the cells of all countries together.", key=True),
    Column("computed_at", MOMENT, "When it was computed.", key=True),
    Column(
        "effect_pct",
        NUMBER,
        "How much more revenue the plan brought than the habit; empty while nothing is known.",
        may_be_empty=True,
    ),
    Column("low", NUMBER, "The lower end of its 95 % interval, in percent.", may_be_empty=True),
    Column("high", NUMBER, "The upper end.", may_be_empty=True),
    Column("detectable_pct", NUMBER, "What would have been found with 4 chances in 5.", may_be_empty=True),
    Column("cells_held", WHOLE, "Cells on the habit that the effect is from."),
    Column("status", TEXT, f"{INTERIM} until the season has ended, then {FINAL}."),
    Column("sentence", TEXT, "What may be said of it."),
)
"""The columns of markdown_effects, to which each look at a comparison adds a row."""
ROW_COLUMNS = [column.name for column in RECOMMENDATIONS]
PATH_COLUMNS = [column.name for column in PRICE_PATH]
OPTION_COLUMNS = [column.name for column in OPTIONS]
DECISION_COLUMNS = [column.name for column in DECISIONS]
OUTCOME_COLUMNS = [column.name for column in OUTCOMES]
TOTAL_COLUMNS = [column.name for column in OUTCOME_TOTALS]
