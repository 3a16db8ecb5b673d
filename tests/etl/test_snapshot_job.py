"""The Spark job on a local Spark: raw tables become a snapshot that is checked and priced; bad rows are named."""

import importlib.util
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pyarrow as pa
import pytest

from markdown_pricing.definitions import build
from markdown_pricing.errors import Fault
from markdown_pricing.etl.raw import BadRawTables
from markdown_pricing.etl.snapshot_job import make_snapshot
from markdown_pricing.installation.settings import Settings
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.snapshot import find_snapshot, read_country
from markdown_pricing.orchestration.etl import SparkFailed
from markdown_pricing.orchestration.names import ETL_JOB
from markdown_pricing.training_data.intake import take_in
from markdown_pricing.training_data.schema import COLUMNS
from tests.etl.raw_tables import WEEK, Tables, sample, taken_apart, write
from tests.jars import SHORT_LIVED
from tests.real_parts import missing

COUNTRIES = ("AUT", "DEU")


def need_spark() -> None:
    if importlib.util.find_spec("pyspark") is None:
        missing("Spark", "the package pyspark is not installed (markdown-pricing[etl])")
    if shutil.which("java") is None:
        missing("Spark", "java is not installed (17 or newer)")


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    need_spark()
    from pyspark.sql import SparkSession

    local = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1", "spark.ui.enabled": "false"}
    few = {"spark.sql.shuffle.partitions": "2", "spark.default.parallelism": "2"}
    short_lived = {"spark.driver.extraJavaOptions": " ".join(SHORT_LIVED)}
    session = SparkSession.builder.master("local[2]").config(map={**local, **few, **short_lived}).getOrCreate()
    yield session
    session.stop()


@pytest.fixture(scope="module")
def samples() -> dict[str, pd.DataFrame]:
    return {code: sample(code) for code in COUNTRIES}


@pytest.fixture
def tables(samples: dict[str, pd.DataFrame]) -> Tables:
    return taken_apart(samples)


def test_what_was_taken_apart_is_put_together_again(
    spark: Any, samples: dict[str, pd.DataFrame], tables: Tables, tmp_path: Path
) -> None:
    lake = Lake(str(tmp_path / "lake"))

    rows = make_snapshot(spark, write(tables, tmp_path / "raw"), lake.url, WEEK)

    assert rows == {code: len(samples[code]) for code in COUNTRIES}
    snapshot = find_snapshot(lake, WEEK)
    for code in COUNTRIES:
        made = take_in(read_country(lake, snapshot, code), WEEK, code).rows
        before = take_in(_arrow(samples[code]), WEEK, code).rows
        pd.testing.assert_frame_equal(made[list(COLUMNS)], before[list(COLUMNS)])


def _arrow(rows: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(rows[list(COLUMNS)].astype({"units": "Int32"}), preserve_index=False)


def without_a_column(tables: Tables) -> None:
    tables["prices"] = tables["prices"].drop(columns="price")


def negative_stock(tables: Tables) -> None:
    tables["stock"].loc[[3, 5], "stock"] = -7


def two_prices_for_a_week(tables: Tables) -> None:
    tables["prices"] = pd.concat([tables["prices"], tables["prices"].head(1)], ignore_index=True)


@pytest.mark.parametrize(
    ("broken", "table", "what", "count"),
    [
        (without_a_column, "prices", "columns missing: 1, for example price", 1),
        (negative_stock, "stock", "stock negative: 2, for example country AUT, article_id ", 2),
        (two_prices_for_a_week, "prices", "more than one row for country, article_id, week: 1, for example", 1),
    ],
)
def test_a_bad_table_is_named_with_its_column_and_rows_and_nothing_is_written(
    spark: Any, tables: Tables, tmp_path: Path, broken: Any, table: str, what: str, count: int
) -> None:
    broken(tables)

    with pytest.raises(BadRawTables) as caught:
        make_snapshot(spark, write(tables, tmp_path / "raw"), str(tmp_path / "lake"), WEEK)

    [fault] = caught.value.faults
    assert str(fault).startswith(f"table {table}: {what}")
    assert fault.count == count
    assert not (tmp_path / "lake").exists()


class OneRound:
    """An installation whose snapshot Dagster makes; nothing runs but the command."""

    def __init__(self, folder: Path, tables: Tables) -> None:
        self.folder = folder
        countries = folder / "countries.csv"
        known = (Path(build.__code__.co_filename).parent / "data/countries.csv").read_text().splitlines()
        countries.write_text("\n".join([known[0], *(line for line in known if line.startswith(COUNTRIES))]) + "\n")
        (folder / "lake").mkdir()
        self.environ = {
            "MARKDOWN_PRICING_RAW": write(tables, folder / "raw"),
            "MARKDOWN_PRICING_LAKE": str(folder / "lake"),
            "MARKDOWN_PRICING_ERP": f"sqlite:///{folder}/erp.sqlite",
            "MARKDOWN_PRICING_MODEL": "log_linear",
            "MARKDOWN_PRICING_COUNTRIES": str(countries),
            "DAGSTER_HOME": str(folder / "dagster"),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "JDK_JAVA_OPTIONS": " ".join(SHORT_LIVED),
        }

    def run(self) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "markdown_pricing", "run", "--week", str(WEEK)]
        return subprocess.run(command, env={**os.environ, **self.environ}, capture_output=True, text=True, check=False)


def test_one_round_from_raw_tables_to_the_erp_without_a_sensor(tables: Tables, tmp_path: Path) -> None:
    need_spark()
    round_ = OneRound(tmp_path, tables)

    told = round_.run()

    assert told.returncode == 0, told.stderr[-3000:]
    with sqlite3.connect(tmp_path / "erp.sqlite") as erp:
        refreshed = erp.execute("select country, articles from markdown_refreshes order by country").fetchall()
    assert refreshed == [("AUT", 6), ("DEU", 6)]


def test_the_commands_error_names_the_table(tables: Tables, tmp_path: Path) -> None:
    need_spark()
    negative_stock(tables)

    told = OneRound(tmp_path, tables).run()

    assert told.returncode == 1
    assert "No snapshot of 2026-02-09 can be made from the raw tables" in told.stderr
    assert "table stock: stock negative: 2" in told.stderr


def test_a_command_that_ends_well_and_reports_nothing_has_made_no_snapshot(tables: Tables, tmp_path: Path) -> None:
    """As one that only hands the job to a cluster: it is tried again, and the error says so."""
    environ = {**OneRound(tmp_path, tables).environ, "MARKDOWN_PRICING_SPARK_SUBMIT": "true"}
    job = build(Settings.from_env(environ)).resolve_job_def(ETL_JOB)

    with pytest.raises(SparkFailed, match=f"job for {WEEK} ended without an answer: its command ended well"):
        job.execute_in_process(partition_key=str(WEEK), instance=dg.DagsterInstance.ephemeral())


def test_lineage_leads_from_raw_sales_to_the_erp(tables: Tables, tmp_path: Path) -> None:
    defs = build(Settings.from_env(OneRound(tmp_path, tables).environ))
    graph = defs.resolve_asset_graph()

    assert dg.AssetKey("raw_sales") in graph.get_ancestor_asset_keys(dg.AssetKey("erp_refresh"))
    assert "weekly_etl" in {schedule.name for schedule in defs.schedules or ()}


def test_without_the_setting_the_snapshot_is_somebody_elses() -> None:
    defs = build(Settings.from_env({}))

    assert not defs.resolve_asset_graph().get(dg.AssetKey("markdown_training_data")).is_materializable


def test_a_fault_says_what_where_and_how_many() -> None:
    error = BadRawTables("2026-02-09", [Fault("table stock: stock negative", 2, "country AUT")])

    assert "table stock: stock negative: 2, for example country AUT" in str(error)
