"""Write and read the results in the lake. A file appears complete or not at all, and a second run replaces it."""

from collections.abc import Iterator
from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq

from markdown_pricing.errors import FinalError
from markdown_pricing.lake import paths
from markdown_pricing.lake.errors import FileMissing
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.seal import ResultChanged, sealed, unsealed
from markdown_pricing.lake.snapshot import reading_parquet


class ResultMissing(FinalError):
    def __init__(self, where: str, made_by: str | None) -> None:
        self.where, self.made_by = where, made_by
        super().__init__(
            f"{where} is not there. Materialize {made_by or 'the asset that makes it'} of that week and country first."
        )


def publish_table(lake: Lake, path: str, *tables: pa.Table) -> None:
    """Replace the Parquet file at `path` by the rows of `tables`, which have one schema.

    The same tables give the same bytes. Each table has row groups of its own, so that it can be read alone.
    """
    buffer = pa.BufferOutputStream()
    with pq.ParquetWriter(buffer, tables[0].schema, compression="zstd", write_page_checksum=True) as writer:
        for table in tables:
            writer.write_table(table)
    publish_bytes(lake, path, memoryview(buffer.getvalue()).cast("B"))  # hdfs-native takes unsigned bytes only


def publish_bytes(lake: Lake, path: str, data: bytes | memoryview) -> None:
    """Replace the file at `path`.

    Raises LakeUnreachable, LakeReadOnly, LakeFull and LakeDenied; then what was there stays.
    """
    lake.replace(path, data)


def read_table(lake: Lake, path: str, row_groups: slice = slice(None)) -> pa.Table:
    """The table in the file at `path`. Raises CorruptFile, and ResultMissing, which names the asset to materialize."""
    return read_tables(lake, path, row_groups)[0]


def read_tables(lake: Lake, path: str, *row_groups: slice) -> list[pa.Table]:
    """A table for each of `row_groups`, all of the same file even when it is replaced meanwhile.

    Raises as `read_table` does.
    """
    try:
        with lake.reading(path) as file, reading_parquet(lake, path):
            parts = pq.ParquetFile(pa.PythonFile(file, mode="r"), page_checksum_verification=True)
            return [parts.read_row_groups(range(parts.num_row_groups)[groups]) for groups in row_groups]
    except FileMissing as error:
        raise ResultMissing(error.where, paths.made_by(path)) from error


def read_bytes(lake: Lake, path: str) -> bytes:
    """The bytes of the file at `path`. Raises ResultMissing, which names the asset to materialize."""
    try:
        with lake.reading(path) as file:
            return file.read()
    except FileMissing as error:
        raise ResultMissing(error.where, paths.made_by(path)) from error


def publish_sealed(lake: Lake, path: str, data: bytes) -> None:
    """Replace the file at `path` by the data with its seal; raises as `publish_bytes` does."""
    publish_bytes(lake, path, sealed(data, lake.key))


def read_sealed(lake: Lake, path: str) -> bytes:
    """The data of the file at `path`. Raises ResultChanged before anything is parsed, and ResultMissing."""
    content = read_bytes(lake, path)
    try:
        return unsealed(content, lake.key)
    except ValueError as error:
        raise ResultChanged(lake.where(path), str(error), paths.made_by(path)) from None


def row_count(lake: Lake, path: str) -> int | None:
    """How many rows the Parquet file at `path` has, read from its footer alone; None when there is no such file."""
    try:
        with lake.reading(path) as file, reading_parquet(lake, path):
            return int(pq.ParquetFile(pa.PythonFile(file, mode="r")).metadata.num_rows)
    except FileMissing:
        return None


def notes_of(lake: Lake, path: str) -> dict[bytes, bytes]:
    """What its writer noted in the footer of the Parquet file at `path`, of which nothing else is read.

    Raises ResultMissing, CorruptFile.
    """
    try:
        with lake.reading(path) as file, reading_parquet(lake, path):
            return dict(pq.ParquetFile(pa.PythonFile(file, mode="r")).schema_arrow.metadata or {})
    except FileMissing as error:
        raise ResultMissing(error.where, paths.made_by(path)) from error


def weeks_with_predictions(lake: Lake, country: str | None = None, before: date | None = None) -> Iterator[date]:
    """The weeks that have predictions of `country`, or of any country when it is None, the newest first.

    It lists the weeks once, and asks for the country's file of a week only when the caller gets to it: whoever stops at
    the first one pays for one, however many weeks are kept.

    before : only weeks that are earlier than this one
    """
    try:
        entries = lake.entries(paths.PREDICTIONS)
    except FileMissing:
        return
    weeks = (week for entry in entries if (week := paths.week_of_folder(entry.name)))
    for week in sorted((week for week in weeks if before is None or week < before), reverse=True):
        if country is None or lake.entry(paths.predictions_file(week, country)):
            yield week


def countries_with_predictions(lake: Lake, week: date) -> list[str]:
    """The countries that have predictions of that week, by name."""
    try:
        entries = lake.entries(f"{paths.PREDICTIONS}/{week}")
    except FileMissing:
        return []
    return sorted(country for entry in entries if (country := paths.country_of_folder(entry.name)))
