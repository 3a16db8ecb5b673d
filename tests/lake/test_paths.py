"""Names in the lake that the ETL and later analysis build on."""

import doctest
from datetime import date

import pytest

from markdown_pricing.lake import paths

WEEK = date(2026, 2, 9)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (paths.success_file(WEEK), "markdown_training_data/2026-02-09/_SUCCESS"),
        (paths.country_folder(WEEK, "DEU"), "markdown_training_data/2026-02-09/country=DEU"),
        (paths.predictions_file(WEEK, "DEU"), "markdown_predictions/2026-02-09/country=DEU/part-0.parquet"),
        (
            paths.training_data_file(WEEK, "DEU"),
            "markdown_pricing/training_data/2026-02-09/country=DEU/training_data.bin",
        ),
        (paths.model_file(WEEK, "DEU"), "markdown_pricing/models/2026-02-09/country=DEU/model.bin"),
        (
            paths.shared_demand_file(WEEK, "ab"),
            "markdown_pricing/shared_demand/2026-02-09/snapshot=ab/shared_demand.bin",
        ),
        (
            paths.kept_predictions_file(WEEK, "DEU"),
            "markdown_pricing/predictions/2026-02-09/country=DEU/predictions.bin",
        ),
        (paths.outcomes_file(WEEK, "DEU"), "markdown_outcomes/2026-02-09/country=DEU/part-0.parquet"),
        (paths.kept_outcomes_file(WEEK, "DEU"), "markdown_pricing/outcomes/2026-02-09/country=DEU/outcomes.bin"),
    ],
)
def test_paths_are_those_of_the_contract(path: str, expected: str) -> None:
    """Relative to the lake's root."""
    assert path == expected


@pytest.mark.parametrize("name", ["2026-02-10", "20260209", "2026-W07-1", "_temporary", "backup", ""])
def test_only_a_monday_in_iso_form_is_a_week(name: str) -> None:
    """Anything else in that folder is somebody else's."""
    assert paths.week_of_folder(name) is None


@pytest.mark.parametrize(
    "name", ["country=deu", "country=DE", "country=__HIVE_DEFAULT_PARTITION__", "DEU", ".country=DEU"]
)
def test_only_three_capital_letters_are_a_country(name: str) -> None:
    """Spark's partition of rows without a country is none."""
    assert paths.country_of_folder(name) is None


@pytest.mark.parametrize(
    "name", [".part-0.parquet", "_part-0.parquet", "part-0.parquet.crc", "part-0.csv", "data.parquet"]
)
def test_only_part_files_in_parquet_are_data(name: str) -> None:
    """Names that begin with a dot or underscore least of all."""
    assert not paths.is_part_file(name)


def test_the_examples_hold() -> None:
    """The examples in the module's docstrings run and answer as they say."""
    assert doctest.testmod(paths).failed == 0
