"""What the columns of each table mean, and which columns they come from, as people read them beside the assets."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from markdown_pricing.columns import DECISIONS, OPTIONS, OUTCOME_TOTALS, OUTCOMES, PRICE_PATH, RECOMMENDATIONS, Column
from markdown_pricing.erp.tables import (
    decisions,
    options,
    outcome_totals,
    outcomes,
    postgresql_types,
    price_path,
    recommendations,
)
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


def _schema(types: Mapping[str, str], meanings: Mapping[str, str]) -> dg.TableSchema:
    return dg.TableSchema([dg.TableColumn(name, kind, meanings[name] or None) for name, kind in types.items()])


def _meanings(declared: Sequence[Column]) -> dict[str, str]:
    return {column.name: column.meaning for column in declared}


def _lineage(upstream: str, columns: Mapping[str, Sequence[str]]) -> dg.TableColumnLineage:
    key = dg.AssetKey(upstream)
    return dg.TableColumnLineage(
        {column: [dg.TableColumnDep(key, source) for source in sources] for column, sources in columns.items()}
    )


SNAPSHOT_COLUMNS: dict[str, Any] = {"dagster/column_schema": _schema(COLUMN_TYPES, SALES)}
TRAINING_DATA_COLUMNS: dict[str, Any] = {
    "dagster/column_schema": _schema({**COLUMN_TYPES, "censored": "bool"}, SALES),
    "dagster/column_lineage": _lineage(
        "markdown_training_data",
        {**{column: [column] for column in COLUMNS}, "censored": ["units", "stock"]},
    ),
}
PREDICTION_COLUMNS: dict[str, Any] = {
    "dagster/column_schema": _schema(postgresql_types(recommendations), _meanings(RECOMMENDATIONS)),
    "dagster/column_lineage": _lineage(
        "training_data",
        {column.name: column.made_from for column in RECOMMENDATIONS if column.made_from},
    ),
}
DECISION_COLUMNS: dict[str, Any] = {
    "dagster/column_schema": _schema(postgresql_types(decisions), _meanings(DECISIONS)),
    "dagster/table_name": decisions.name,
}
OUTCOME_COLUMNS: dict[str, Any] = {
    "dagster/column_schema": _schema(postgresql_types(outcomes), _meanings(OUTCOMES)),
    "dagster/table_name": outcomes.name,
    outcome_totals.name: _schema(postgresql_types(outcome_totals), _meanings(OUTCOME_TOTALS)),
}
ERP_COLUMNS: dict[str, Any] = {
    "dagster/column_schema": _schema(postgresql_types(recommendations), _meanings(RECOMMENDATIONS)),
    "dagster/table_name": recommendations.name,
    price_path.name: _schema(postgresql_types(price_path), _meanings(PRICE_PATH)),
    options.name: _schema(postgresql_types(options), _meanings(OPTIONS)),
    "dagster/column_lineage": _lineage(
        "markdown_predictions", {column.name: [column.name] for column in RECOMMENDATIONS}
    ),
}
