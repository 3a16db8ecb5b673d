"""The ERP's columns are declared once: tables, rows and pages follow the declaration."""

from markdown_pricing.columns import (
    DECISIONS,
    OPTION_COLUMNS,
    OPTIONS,
    OUTCOME_TOTALS,
    OUTCOMES,
    PATH_COLUMNS,
    PRICE_PATH,
    RECOMMENDATIONS,
    REFRESHES,
    ROW_COLUMNS,
)
from markdown_pricing.erp.tables import decisions, options, price_path, recommendations, refreshes
from markdown_pricing.orchestration.columns import ERP_COLUMNS
from markdown_pricing.training_data.schema import COLUMNS


def test_each_column_is_declared_once_and_says_what_it_means() -> None:
    for declared in (RECOMMENDATIONS, PRICE_PATH, OPTIONS, REFRESHES, DECISIONS, OUTCOMES, OUTCOME_TOTALS):
        assert len({column.name for column in declared}) == len(declared)
        assert all(column.meaning.endswith(".") for column in declared)


def test_tables_and_rows_have_the_declared_columns_in_their_order() -> None:
    assert [column.name for column in recommendations.columns] == ROW_COLUMNS
    assert [column.name for column in price_path.columns] == PATH_COLUMNS
    assert [column.name for column in options.columns] == OPTION_COLUMNS
    assert [column.name for column in refreshes.columns] == [column.name for column in REFRESHES]
    assert [column.name for column in decisions.columns] == [column.name for column in DECISIONS]


def test_only_what_may_be_empty_takes_null() -> None:
    empty = {column.name for column in RECOMMENDATIONS if column.may_be_empty}

    assert {column.name for column in recommendations.columns if column.nullable} == empty


def test_dagster_s_pages_show_the_declared_meanings() -> None:
    shown = ERP_COLUMNS["dagster/column_schema"].columns

    assert [(column.name, column.description) for column in shown] == [
        (column.name, column.meaning) for column in RECOMMENDATIONS
    ]


def test_what_a_column_is_made_from_is_a_column_of_the_training_data() -> None:
    assert {source for column in RECOMMENDATIONS for source in column.made_from} <= set(COLUMNS)
