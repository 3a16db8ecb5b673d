"""What the columns of each table mean, and which columns they come from, as people read them beside the assets."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from markdown_pricing.erp.tables import price_path, recommendations
from markdown_pricing.training_data.schema import COLUMN_TYPES, COLUMNS

SALES = {
    "article_id": "The same in every country.",
    "week": "Monday. In the snapshot's own week stand the articles to price.",
    "category": "",
    "season": "",
    "launch_week": "First week on sale.",
    "end_week": "Last week on sale; what is left then goes at the salvage price.",
    "list_price": "First price, local currency.",
    "price": "Price at which the week was sold; in the snapshot's week: the price valid now.",
    "units": "Sold in the week, less returns. Empty in the snapshot's week, which is not sold yet.",
    "stock": "Units at the start of the week.",
    "stores": "Stores that carry it; 0 when sold out.",
    "salvage_price": "What one unit left over brings after the end week.",
    "censored": "Stock cut the sales off: more would have been sold.",
}
RECOMMENDATION = {
    "country": "ISO 3166, three letters.",
    "article_id": "The same in every country.",
    "week": "Monday of the week that is priced.",
    "list_price": "First price, local currency.",
    "current_price": "Price valid now.",
    "recommended_price": "Price from this week on: a rung of the ladder, or the current price.",
    "markdown_pct": "Recommended price below list price, 0 to 100.",
    "action": "markdown when the recommended price is below the current one, else keep.",
    "stock": "Units at the start of the week.",
    "expected_units": "Sales of this week at the recommended price; never above stock.",
    "expected_units_q10": "With 9 chances in 10 at least this many are sold.",
    "expected_units_q90": "With 9 chances in 10 at most this many are sold.",
    "end_week": "Last week on sale.",
    "cover_weeks": "Stock over this week's expected units; empty when none are expected.",
    "expected_sell_through": "Share of today's stock sold by the end week, 0 to 1.",
    "expected_leftover": "Units left after the end week under the plan.",
    "expected_leftover_keep": "The same, were today's price kept.",
    "expected_leftover_habit": "The same under the old habit: 30 % off, later 50 %.",
    "expected_revenue": "From this week to the end under the plan, salvage included.",
    "expected_revenue_keep": "The same, were today's price kept.",
    "expected_revenue_habit": "The same under the old habit: 30 % off, later 50 %.",
    "next_markdown_week": "The plan's next markdown after this week; empty when there is none.",
    "next_markdown_price": "Its price.",
    "elasticity": "Per cent more units for one per cent less price.",
    "elasticity_se": "Its standard error.",
    "reason": "Why this price, in one sentence.",
    "reason_code": "The same as a word.",
    "change_reason": "What changed since last week's row.",
    "exception_code": "What somebody should look at; empty when all is well.",
    "model_grade": "A: the country's own model. Further letters: less of its own.",
    "model_version": "The demand model and what it was made from.",
    "run_id": "The run that wrote the row.",
    "predicted_at": "When it was computed.",
}
PATH = {
    "country": "ISO 3166, three letters.",
    "article_id": "The same in every country.",
    "week": "From the week that is priced to the end week.",
    "price": "Planned price, local currency.",
    "expected_units": "Sales expected in the week.",
    "expected_stock": "Units expected at the start of the week.",
}


def _schema(types: Mapping[str, str], meanings: Mapping[str, str]) -> dg.TableSchema:
    return dg.TableSchema([dg.TableColumn(name, kind, meanings[name] or None) for name, kind in types.items()])


def _types_of(table: sa.Table) -> dict[str, str]:
    """As PostgreSQL has them."""
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    return {column.name: column.type.compile(dialect).lower() for column in table.columns}


def _lineage(upstream: str, columns: Mapping[str, Sequence[str]]) -> dg.TableColumnLineage:
    key = dg.AssetKey(upstream)
    return dg.TableColumnLineage(
        {column: [dg.TableColumnDep(key, source) for source in sources] for column, sources in columns.items()}
    )


_SALES_AHEAD = ["units", "price", "stock", "end_week"]

SNAPSHOT_COLUMNS: dict[str, Any] = {"dagster/column_schema": _schema(COLUMN_TYPES, SALES)}
TRAINING_DATA_COLUMNS: dict[str, Any] = {
    "dagster/column_schema": _schema({**COLUMN_TYPES, "censored": "bool"}, SALES),
    "dagster/column_lineage": _lineage(
        "markdown_training_data",
        {**{column: [column] for column in COLUMNS}, "censored": ["units", "stock"]},
    ),
}
PREDICTION_COLUMNS: dict[str, Any] = {
    "dagster/column_schema": _schema(_types_of(recommendations), RECOMMENDATION),
    "dagster/column_lineage": _lineage(
        "training_data",
        {
            "article_id": ["article_id"],
            "week": ["week"],
            "list_price": ["list_price"],
            "current_price": ["price"],
            "stock": ["stock"],
            "end_week": ["end_week"],
            "recommended_price": ["list_price", *_SALES_AHEAD, "salvage_price"],
            "expected_units": _SALES_AHEAD,
            "expected_sell_through": _SALES_AHEAD,
            "expected_leftover": _SALES_AHEAD,
            "expected_revenue": [*_SALES_AHEAD, "salvage_price"],
        },
    ),
}
ERP_COLUMNS: dict[str, Any] = {
    "dagster/column_schema": _schema(_types_of(recommendations), RECOMMENDATION),
    "dagster/table_name": recommendations.name,
    price_path.name: _schema(_types_of(price_path), PATH),
    "dagster/column_lineage": _lineage(
        "markdown_predictions", {column.name: [column.name] for column in recommendations.columns}
    ),
}
