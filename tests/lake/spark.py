"""Writes snapshots into a lake as Spark's committer does, with the file system's own means and none of ours."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from functools import partial

import pyarrow as pa
import pyarrow.parquet as pq

from markdown_pricing.lake import Lake

WEEK = date(2026, 2, 9)
LATER = date(2026, 2, 16)


def sales(articles: int = 3, **columns: list[object]) -> pa.Table:
    """A small part file's rows."""
    table = {"article_id": [f"a{n}" for n in range(articles)], "price": [9.99] * articles, "stock": [5] * articles}
    return pa.table({**table, **columns})


def part_name(number: int = 0) -> str:
    return f"part-{number:05d}-2f1c9e1c-7a4b-4a7e-9b57-0d8a4e1f7c11.c000.snappy.parquet"


def part_path(country: str, number: int = 0, week: date = WEEK) -> str:
    return f"markdown_training_data/{week}/country={country}/{part_name(number)}"


def put(lake: Lake, path: str, content: pa.Table | bytes = b"") -> None:
    """A file as somebody else leaves it in the lake."""
    full = f"{lake.root}/{path}"
    lake.filesystem.makedirs(full.rpartition("/")[0], exist_ok=True)
    with lake.filesystem.open(full, "wb") as file:
        if isinstance(content, bytes):
            file.write(content)
        else:
            pq.write_table(content, file, compression="snappy")


def take_away(lake: Lake, path: str) -> None:
    lake.filesystem.rm(f"{lake.root}/{path}", recursive=True)


def deliver(
    lake: Lake,
    parts: Mapping[str, Sequence[pa.Table | bytes]] | None = None,
    week: date = WEEK,
    *,
    success: bool = True,
) -> None:
    """A snapshot with these part files for each country; by default Germany and Austria with one each."""
    files = {
        part_path(country, number, week): content
        for country, contents in (parts or {"DEU": [sales()], "AUT": [sales()]}).items()
        for number, content in enumerate(contents)
    }
    with ThreadPoolExecutor(8) as tasks:  # as Spark's executors do; closing a file on HDFS takes half a second
        list(tasks.map(partial(put, lake), files, files.values()))
    if success:
        put(lake, f"markdown_training_data/{week}/_SUCCESS")


def redeliver(lake: Lake, week: date = WEEK) -> None:
    """The week written anew in the mode `overwrite`, with more articles than before."""
    take_away(lake, f"markdown_training_data/{week}")
    deliver(lake, {"DEU": [sales(7)], "AUT": [sales(7)]}, week)


def read_raw(lake: Lake, path: str) -> bytes:
    with lake.filesystem.open(f"{lake.root}/{path}", "rb") as file:
        return bytes(file.read())


def names(lake: Lake, folder: str) -> list[str]:
    return [entry.name for entry in lake.entries(folder)]
