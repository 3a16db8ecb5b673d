"""Parquet files that lie in one folder and are one table, and what is wrong with those that are none."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

import pyarrow as pa
import pyarrow.parquet as pq

from markdown_pricing.errors import FinalError
from markdown_pricing.lake.filesystem import Entry, Lake


class CorruptFile(FinalError):
    def __init__(self, where: str, why: object) -> None:
        self.where = where
        super().__init__(f"{where} is not a readable Parquet file: {why}. Have the ETL write that snapshot again.")


class PartFilesDisagree(FinalError):
    def __init__(self, where: str, why: object) -> None:
        self.where = where
        super().__init__(
            f"The part files in {where} do not fit together: {why}. Have the ETL write that snapshot again."
        )


def read_part_files(
    lake: Lake,
    folder: str,
    files: Iterable[Entry],
    columns: Callable[[list[str]], list[str]] | None,
    encoded: bool = False,
) -> pa.Table:
    """The rows of files of one folder, one after the other, as `read_country` gives them.

    Raises CorruptFile and PartFilesDisagree.
    """
    tables = []
    with ExitStack() as opened:
        sources, parts = [], []
        for file in files:
            with reading_parquet(lake, file.path):
                sources.append(pa.PythonFile(opened.enter_context(lake.reading(file.path)), mode="r"))
                parts.append(_opened(sources[-1]))
        available = list(dict.fromkeys(name for part in parts for name in part.schema_arrow.names))
        wanted = available if columns is None else columns(available)
        if encoded and (texts := _strings([part.schema_arrow for part in parts], wanted)):
            parts = [_opened(source, part, texts) for source, part in zip(sources, parts, strict=True)]
        for file, part in zip(files, parts, strict=True):
            with reading_parquet(lake, file.path):
                there = [name for name in wanted if name in part.schema_arrow.names]
                tables.append(part.read(there))
                if there and tables[-1].num_rows != part.metadata.num_rows:
                    raise ValueError(f"{part.metadata.num_rows} rows by its footer, {tables[-1].num_rows} were read")
    try:
        table = pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowException as error:
        raise PartFilesDisagree(lake.where(folder), error) from error
    return table.select([name for name in wanted if name in available])


def _opened(
    source: pa.PythonFile, known: pq.ParquetFile | None = None, as_dictionaries: Sequence[str] = ()
) -> pq.ParquetFile:
    """The Parquet file; its footer is not read again where it is known from before."""
    metadata = known.metadata if known else None
    return pq.ParquetFile(
        source, metadata=metadata, read_dictionary=list(as_dictionaries), page_checksum_verification=True
    )


def _strings(schemas: Sequence[pa.Schema], names: Sequence[str]) -> list[str]:
    """Those of the names that are strings in all schemas; where types differ, the files are joined as they are."""
    return [
        name
        for name in names
        if all(schema.names.count(name) == 1 for schema in schemas)
        and all(schema.field(name).type == pa.string() for schema in schemas)
    ]


@contextmanager
def reading_parquet(lake: Lake, path: str) -> Iterator[None]:
    """Turn pyarrow's errors about bytes that it cannot read, among them OSError, into CorruptFile."""
    try:
        yield
    except (pa.ArrowException, OSError, ValueError) as error:
        raise CorruptFile(lake.where(path), str(error).strip().rstrip(".")) from error
