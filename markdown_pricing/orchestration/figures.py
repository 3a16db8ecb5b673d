"""What people see of each result in the Dagster UI: key figures with readable labels, columns, lineage, pictures."""

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import dagster as dg
import pandas as pd
import sqlalchemy as sa

from markdown_pricing.charts import expected_and_actual_chart, price_paths_chart
from markdown_pricing.demand.model import DemandModel, FitReport
from markdown_pricing.erp.refresh import Receipt
from markdown_pricing.erp.tables import price_path, recommendations
from markdown_pricing.markdown.recommendation import Recommendations
from markdown_pricing.orchestration.automation import STAMP, SUPERSEDED_BY
from markdown_pricing.provenance import Provenance
from markdown_pricing.training_data.schema import COLUMN_TYPES, COLUMNS

IMPORTANT_FEATURES = 12
LEAD_OVER_KEEP, LEAD_OVER_HABIT = "More than keeping today's prices (%)", "More than the old habit (%)"
ERROR, NAIVE_ERROR = "Error of the model (WAPE, last weeks)", "Error of last week's value (WAPE)"

Metadata = dict[str, Any]


def _schema(columns: Mapping[str, str]) -> dg.TableSchema:
    return dg.TableSchema([dg.TableColumn(name, str(kind)) for name, kind in columns.items()])


def _schema_of(table: sa.Table) -> dg.TableSchema:
    return _schema({column.name: column.type.__class__.__name__.lower() for column in table.columns})


def _lineage(upstream: str, columns: Mapping[str, Sequence[str]]) -> dg.TableColumnLineage:
    key = dg.AssetKey(upstream)
    return dg.TableColumnLineage(
        {column: [dg.TableColumnDep(key, source) for source in sources] for column, sources in columns.items()}
    )


TRAINING_DATA_COLUMNS: Metadata = {
    "dagster/column_schema": _schema({**COLUMN_TYPES, "censored": "bool"}),
    "dagster/column_lineage": _lineage(
        "markdown_training_data",
        {**{column: [column] for column in COLUMNS}, "censored": ["units", "stock"]},
    ),
}
PREDICTION_COLUMNS: Metadata = {
    "dagster/column_schema": _schema_of(recommendations),
    "dagster/column_lineage": _lineage(
        "training_data",
        {
            "article_id": ["article_id"],
            "list_price": ["list_price"],
            "current_price": ["price"],
            "stock": ["stock"],
            "end_week": ["end_week"],
            "recommended_price": ["price", "list_price", "units", "stock", "end_week", "salvage_price"],
            "expected_units": ["units", "price", "stock"],
            "expected_revenue": ["units", "price", "stock", "salvage_price"],
        },
    ),
}
ERP_COLUMNS: Metadata = {
    "dagster/column_schema": _schema_of(recommendations),
    "dagster/table_name": recommendations.name,
    "Price paths": _schema_of(price_path),
    "dagster/column_lineage": _lineage(
        "markdown_predictions", {column.name: [column.name] for column in recommendations.columns}
    ),
}


def of_training_data(frame: pd.DataFrame, week: date, origin: Provenance, uri: str) -> Metadata:
    now = frame["week"] == pd.Timestamp(week)
    return {
        **_origin(origin, uri),
        "dagster/row_count": len(frame),
        "Articles to price": int(now.sum()),
        "Articles with history": int(frame.loc[~now, "article_id"].nunique()),
        "Weeks of history": int(frame.loc[~now, "week"].nunique()),
        "Sold-out weeks": int(frame["censored"].sum()),
    }


def of_model(model: DemandModel, report: FitReport, origin: Provenance, uri: str) -> Metadata:
    importance = list(model.importance().items())[:IMPORTANT_FEATURES]
    return {
        **_origin(origin, uri),
        "Model": origin.demand_model,
        "Rows": report.rows,
        "Articles": report.articles,
        "Weeks of history": report.weeks_of_history,
        ERROR: _figure(report.wape),
        NAIVE_ERROR: _figure(report.naive_wape),
        "Bias": _figure(report.bias),
        "Feature importance": _table(("Feature", "Share"), [(name, f"{share:.1%}") for name, share in importance]),
        "Expected and actual units": _picture(expected_and_actual_chart(report.by_week)),
    }


def of_predictions(priced: Recommendations, currency: str, origin: Provenance, uri: str) -> Metadata:
    rows = priced.rows
    exceptions = rows["exception_code"].value_counts().to_dict()
    return {
        **_origin(origin, uri),
        "dagster/row_count": len(rows),
        "Articles": len(rows),
        "Markdowns": int((rows["action"] == "markdown").sum()),
        "Exceptions": _table(("Exception", "Articles"), [(code, str(count)) for code, count in exceptions.items()]),
        "Currency": currency,
        **_revenue(rows),
        "Price paths": _picture(price_paths_chart(priced.path, rows)),
    }


def of_receipt(receipt: Receipt, origin: Provenance, currency: str) -> Metadata:
    return {
        **_origin(origin),
        "dagster/row_count": receipt.articles,
        "Articles": receipt.articles,
        "Articles before": receipt.previous_articles,
        "Expected revenue": float(receipt.total_expected_revenue),
        "Currency": currency,
        "Content hash": receipt.content_hash,
        "Refreshed at": dg.MetadataValue.timestamp(receipt.refreshed_at),
    }


def of_superseded(held: date, origin: Provenance) -> Metadata:
    return {**_origin(origin), SUPERSEDED_BY: held.isoformat()}


def _revenue(rows: pd.DataFrame) -> Metadata:
    plan, keep, habit = (
        float(rows[column].astype(float).sum())
        for column in ("expected_revenue", "expected_revenue_keep", "expected_revenue_habit")
    )
    return {
        "Expected revenue": round(plan, 2),
        LEAD_OVER_KEEP: _lead(plan, keep),
        LEAD_OVER_HABIT: _lead(plan, habit),
    }


def _lead(plan: float, other: float) -> float:
    return round(100 * (plan / other - 1), 2) if other > 0 else 0.0


def _origin(origin: Provenance, uri: str | None = None) -> Metadata:
    made_by = {STAMP: origin.snapshot, "Made by": dg.MetadataValue.json(json.loads(origin.to_json()))}
    return {**made_by, "dagster/uri": uri} if uri else made_by


def _figure(value: float) -> float | str:
    return round(value, 4) if value == value else "not known"


def _picture(png: bytes) -> dg.MarkdownMetadataValue:
    return dg.MetadataValue.md(f"![](data:image/png;base64,{base64.b64encode(png).decode()})")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> dg.MarkdownMetadataValue:
    lines = [head, ["---"] * len(head), *rows]
    return dg.MetadataValue.md("\n".join("| " + " | ".join(line) + " |" for line in lines) if rows else "none")
