"""Tables on the lake as those see them who analyse predictions."""

import pyarrow as pa
import pyarrow.parquet as pq

from markdown_pricing.lake import Lake, publish_bytes, read_bytes
from markdown_pricing.lake.publish import parquet_of


def publish_table(lake: Lake, path: str, table: pa.Table) -> None:
    publish_bytes(lake, path, parquet_of(table))


def read_table(lake: Lake, path: str) -> pa.Table:
    """Raises ResultMissing."""
    return pq.read_table(pa.BufferReader(read_bytes(lake, path)), page_checksum_verification=True)


def row_count(lake: Lake, path: str) -> int | None:
    """None when there is no such file."""
    return read_table(lake, path).num_rows if lake.entry(path) else None
