"""The Spark job that makes the snapshot of one week from raw sales, stock, prices and articles.

It is run by `spark-submit snapshot_job.py RAW LAKE WEEK` on a cluster, and by `python snapshot_job.py RAW LAKE WEEK` on
one machine. Through Dagster Pipes it reports how many rows each country has, or what is wrong with the tables.
"""

import sys
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from dagster_pipes import open_dagster_pipes

from markdown_pricing.errors import Fault
from markdown_pricing.etl.raw import KEYS, NOT_NEGATIVE, RAW, WEEKS_OF_HISTORY, BadRawTables

Frame = Any
"""A pyspark.sql.DataFrame, which is not imported here because only this job needs pyspark."""


def main(raw: str, lake: str, week: str) -> None:
    from pyspark.sql import SparkSession

    with open_dagster_pipes() as pipes:
        named = SparkSession.builder.appName(f"markdown_training_data {week}")
        spark = named.config("spark.ui.showConsoleProgress", "false").getOrCreate()
        try:
            pipes.report_custom_message({"rows": make_snapshot(spark, raw, lake, date.fromisoformat(week))})
        except BadRawTables as error:
            print(error, file=sys.stderr)
            pipes.report_custom_message(
                {"bad": [[fault.what, fault.count, str(fault.example)] for fault in error.faults]}
            )
        finally:
            spark.stop()


def make_snapshot(spark: Any, raw: str, lake: str, week: date) -> dict[str, int]:
    """Write `<lake>/markdown_training_data/<week>` and return the number of rows of each country.

    Raises BadRawTables, and then writes nothing.
    """
    from pyspark.sql import functions as f

    tables = {name: spark.read.parquet(f"{raw.rstrip('/')}/{name}") for name in RAW}
    if faults := list(_column_faults(tables)) or list(_row_faults(tables)):
        raise BadRawTables(week.isoformat(), faults)
    in_time = f.col("week").between(f.lit(week - timedelta(weeks=WEEKS_OF_HISTORY)), f.lit(week))
    monday = f.date_sub(f.col("date"), f.weekday(f.col("date")))
    key = ["country", "article_id", "week"]
    sold = tables["sales"].withColumn("week", monday).groupBy(*key).agg(f.sum("units").alias("units"))
    on_sale = tables["stock"].where(in_time).join(tables["prices"], key).join(tables["articles"], key[:2])
    not_sold_yet = f.col("week") == f.lit(week)
    units = f.when(not_sold_yet, f.lit(None)).otherwise(f.coalesce(f.col("units"), f.lit(0))).cast("int")
    rows = on_sale.join(sold, key, "left").select(
        "country",
        "article_id",
        "week",
        "category",
        "season",
        "launch_week",
        "end_week",
        f.col("list_price").cast("double").alias("list_price"),
        f.col("price").cast("double").alias("price"),
        units.alias("units"),
        f.col("stock").cast("int").alias("stock"),
        f.col("stores").cast("int").alias("stores"),
        f.col("salvage_price").cast("double").alias("salvage_price"),
    )
    target = f"{lake.rstrip('/')}/markdown_training_data/{week}"
    by_country = rows.repartition("country").sortWithinPartitions("country", "article_id", "week")
    by_country.write.mode("overwrite").partitionBy("country").parquet(target)
    counted = spark.read.parquet(target).groupBy("country").count().collect()
    return {row["country"]: row["count"] for row in counted}


def _column_faults(tables: dict[str, Frame]) -> Iterator[Fault]:
    for name, columns in RAW.items():
        missing = [column for column in columns if column not in tables[name].columns]
        if missing:
            yield Fault(f"table {name}: columns missing", len(missing), ", ".join(missing))


def _row_faults(tables: dict[str, Frame]) -> Iterator[Fault]:
    from pyspark.sql import functions as f

    for name, columns in NOT_NEGATIVE.items():
        for column in columns:
            yield from _fault(f"table {name}: {column} negative", tables[name].where(f.col(column) < 0), RAW[name])
    for name, key in KEYS.items():
        repeated = tables[name].groupBy(*key).count().where(f.col("count") > 1)
        yield from _fault(f"table {name}: more than one row for {', '.join(key)}", repeated, (*key, "count"))


def _fault(what: str, rows: Frame, columns: Any) -> Iterator[Fault]:
    count = rows.count()
    if count:
        row = rows.orderBy(*columns).first()
        yield Fault(what, count, ", ".join(f"{column} {row[column]}" for column in columns))


if __name__ == "__main__":
    main(*sys.argv[1:])
