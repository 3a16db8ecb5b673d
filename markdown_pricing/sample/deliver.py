"""A sample snapshot in the lake, written as Spark writes one: part files first, `_SUCCESS` last."""

import math
import posixpath
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from uuid import NAMESPACE_URL, uuid5

import pyarrow as pa
import pyarrow.parquet as pq

from markdown_pricing.countries import Country
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.paths import country_folder, snapshot_folder, success_file
from markdown_pricing.lake.publish import publish_bytes
from markdown_pricing.sample.articles import usual_articles
from markdown_pricing.sample.played import PLAYED, SampleRecord
from markdown_pricing.sample.season import opening_of, sample_market

ROWS_PER_PART, MOST_PARTS = 6_000, 20


def deliver_sample(
    lake: Lake,
    week: date,
    countries: Iterable[Country],
    articles: int | Mapping[str, int] | None = None,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> None:
    """Write the sample season of `countries` as the lake's snapshot of `week`, in place of any that is there.

    articles : how many articles each country prices, or how many by its code; None means as many as suit its size
    progress : is called with a country's code when that country has been written
    raises SampleTooEarly, before anything is changed, and the errors of the lake
    """
    opening_of(week)
    by_code = {country.code: country for country in countries}
    given = articles if isinstance(articles, Mapping) else {code: articles or usual_articles(code) for code in by_code}
    numbers = {code: given[code] for code in by_code}
    tables = ((code, sample_market(country, week, numbers[code], seed).table()) for code, country in by_code.items())
    beside = {PLAYED: SampleRecord(seed, week, numbers, {}).to_bytes()}
    deliver(lake, week, tables, f"season {seed}", progress, beside)


def deliver(
    lake: Lake,
    week: date,
    tables: Iterable[tuple[str, pa.Table]],
    source: str,
    progress: Callable[[str], None] | None = None,
    beside: Mapping[str, bytes] | None = None,
) -> None:
    """Write one table per country as the snapshot of `week`. `source` goes into the file names, as Spark's job id does.

    beside : files to lie beside the countries' folders, by names that readers of the data pass over. They are written
        first, so that half a delivery of this tool's shows whose it is.
    `_SUCCESS` of an earlier delivery is removed first, so that nobody takes a half-written snapshot for a whole one.
    """
    _remove(lake, success_file(week))
    _remove(lake, snapshot_folder(week))
    for name, content in (beside or {}).items():
        publish_bytes(lake, f"{snapshot_folder(week)}/{name}", content)
    for code, table in tables:
        _write_parts(lake, country_folder(week, code), table, f"{source} {week} {code} {table.num_rows}")
        if progress:
            progress(code)
    publish_bytes(lake, success_file(week), b"")


def _write_parts(lake: Lake, folder: str, table: pa.Table, job: str) -> None:
    job_id = uuid5(NAMESPACE_URL, job)
    rows = max(ROWS_PER_PART, math.ceil(table.num_rows / MOST_PARTS))
    for part, start in enumerate(range(0, table.num_rows, rows)):
        buffer = pa.BufferOutputStream()
        pq.write_table(table.slice(start, rows), buffer, compression="snappy")
        path = f"{folder}/part-{part:05}-{job_id}.c000.snappy.parquet"
        publish_bytes(lake, path, memoryview(buffer.getvalue()).cast("B"))


def _remove(lake: Lake, path: str) -> None:
    if lake.entry(path):
        lake.filesystem.rm(posixpath.join(lake.root, path), recursive=True)
