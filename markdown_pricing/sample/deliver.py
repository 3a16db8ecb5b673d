"""A sample snapshot in the lake, written as Spark writes one: part files first, `_SUCCESS` last."""

import posixpath
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any, Protocol
from uuid import NAMESPACE_URL, uuid5

import pyarrow as pa
import pyarrow.parquet as pq

from markdown_pricing.countries import Country
from markdown_pricing.sample.season import sample_market

ROWS_PER_PART = 6_000


class Lake(Protocol):
    """Where to write: an fsspec filesystem and the lake's root in it."""

    @property
    def filesystem(self) -> Any: ...

    @property
    def root(self) -> str: ...


def deliver_sample(
    lake: Lake,
    week: date,
    countries: Mapping[str, Country],
    articles: int | None = None,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> None:
    """Write the sample season of `countries` as the lake's snapshot of `week`, in place of the one that is there.

    articles : to price in each country; None: as many as suit its size
    progress : is called with a country's code when it has been written
    """
    tables = ((code, sample_market(country, week, articles, seed).table()) for code, country in countries.items())
    deliver(lake, week, tables, f"season {seed} {articles}", progress)


def deliver(
    lake: Lake,
    week: date,
    tables: Iterable[tuple[str, pa.Table]],
    source: str,
    progress: Callable[[str], None] | None = None,
) -> None:
    """Write one table per country as the snapshot of `week`; `source` goes into the file names, as Spark's job id does.

    Of an earlier delivery `_SUCCESS` goes first, so that nobody reads a half-written snapshot as a whole one.
    """
    folder = posixpath.join(lake.root, "markdown_training_data", week.isoformat())
    success = posixpath.join(folder, "_SUCCESS")
    if lake.filesystem.exists(success):
        lake.filesystem.rm_file(success)
    if lake.filesystem.exists(folder):
        lake.filesystem.rm(folder, recursive=True)
    for code, table in tables:
        _write_parts(lake.filesystem, posixpath.join(folder, f"country={code}"), table, f"{source} {week} {code}")
        if progress:
            progress(code)
    lake.filesystem.makedirs(folder, exist_ok=True)
    with lake.filesystem.open(success, "wb"):
        pass


def _write_parts(filesystem: Any, folder: str, table: pa.Table, job: str) -> None:
    filesystem.makedirs(folder, exist_ok=True)
    job_id = uuid5(NAMESPACE_URL, job)
    for part, start in enumerate(range(0, max(table.num_rows, 1), ROWS_PER_PART)):
        path = posixpath.join(folder, f"part-{part:05}-{job_id}.c000.snappy.parquet")
        with filesystem.open(path, "wb") as file:
            pq.write_table(table.slice(start, ROWS_PER_PART), file, compression="snappy")
