"""Write and read the results in the lake. A file appears complete or not at all, and a second run replaces it."""

import secrets
from collections.abc import Iterator, Mapping
from datetime import date
from types import MappingProxyType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from markdown_pricing.errors import FinalError
from markdown_pricing.lake import paths
from markdown_pricing.lake.errors import FileMissing
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.seal import ResultChanged, contents_of, packed, sealed, unsealed

LONGEST_CONTENTS = 2**16
"""More bytes than what a file says of its parts takes, which is about two thousand."""


class ResultMissing(FinalError):
    def __init__(self, where: str, made_by: str | None) -> None:
        self.where, self.made_by = where, made_by
        super().__init__(
            f"{where} is not there. Materialize {made_by or 'the asset that makes it'} of that week and country first."
        )


def parquet_of(table: pa.Table) -> bytes:
    """The table as a Parquet file; the same table gives the same bytes."""
    buffer = pa.BufferOutputStream()
    pq.write_table(table, buffer, compression="zstd", write_page_checksum=True)
    return bytes(buffer.getvalue())


def publish_bytes(lake: Lake, path: str, data: bytes | memoryview) -> None:
    """Replace the file at `path`.

    Raises LakeUnreachable, LakeReadOnly, LakeFull and LakeDenied; then what was there stays.
    """
    lake.replace(path, data)


def read_bytes(lake: Lake, path: str) -> bytes:
    """The bytes of the file at `path`. Raises ResultMissing, which names the asset to materialize."""
    try:
        with lake.reading(path) as file:
            return file.read()
    except FileMissing as error:
        raise ResultMissing(error.where, paths.made_by(path)) from error


def try_to_write(lake: Lake, folder: str) -> None:
    """Write an empty file to a folder of the lake and take it away again; raises as `publish_bytes` does.

    When this is killed between, the file is taken away with other writers' unfinished ones.
    """
    probe = f"{folder}/{paths.unfinished('probe', secrets.token_hex(8))}"
    lake.replace(probe, b"")
    lake.remove(probe)


def publish_parts(
    lake: Lake,
    path: str,
    parts: Mapping[str, bytes],
    notes: Mapping[str, Any],
    then: Mapping[str, bytes] = MappingProxyType({}),
) -> None:
    """Replace the file at `path` by sealed parts, with notes beside them; raises as `publish_bytes` does.

    then : the bytes of files by their paths, which are written side by side with it and appear after it
    """
    lake.replace_together({path: packed(parts, notes, lake.key), **then})


def read_notes(lake: Lake, path: str) -> Mapping[str, Any]:
    """The notes in the file at `path`, of which nothing else is read; raises as `read_parts` does."""
    return read_parts(lake, path)[0]


def read_parts(lake: Lake, path: str, *names: str) -> tuple[Mapping[str, Any], list[bytes]]:
    """The notes in the file at `path`, and those of its parts that are named; no others are read.

    Raises ResultChanged before anything is parsed, and ResultMissing.
    """
    try:
        with lake.reading(path) as file:
            contents = contents_of(file.read(LONGEST_CONTENTS), lake.key)
            parts = []
            for part in (contents.parts[name] for name in names):
                file.seek(part.start)
                parts.append(part.checked(file.read(part.size)))
    except FileMissing as error:
        raise ResultMissing(error.where, paths.made_by(path)) from error
    except (ValueError, KeyError, TypeError) as error:
        raise ResultChanged(lake.where(path), str(error), make_again(path)) from None
    return contents.notes, parts


def publish_sealed(lake: Lake, path: str, data: bytes) -> None:
    """Replace the file at `path` by the data with its seal; raises as `publish_bytes` does."""
    publish_bytes(lake, path, sealed(data, lake.key))


def read_sealed(lake: Lake, path: str, remedy: str = "") -> bytes:
    """The data of the file at `path`. Raises ResultChanged before anything is parsed, and ResultMissing.

    remedy : what somebody may do about a changed file that no asset makes
    """
    content = read_bytes(lake, path)
    try:
        return unsealed(content, lake.key)
    except ValueError as error:
        raise ResultChanged(lake.where(path), str(error), remedy or make_again(path)) from None


def make_again(path: str) -> str:
    """What somebody may do about a file that is not to be believed."""
    return f"Materialize {paths.made_by(path) or 'the asset that makes it'} of that week and country again"


def weeks_in(lake: Lake, folder: str) -> list[date]:
    """The weeks that have a folder of their own in this one, the newest first; none where it is missing."""
    entries = lake.entries_if_any(folder)
    return sorted((week for entry in entries if (week := paths.week_of_folder(entry.name))), reverse=True)


def weeks_with_predictions(lake: Lake, country: str | None = None, before: date | None = None) -> Iterator[date]:
    """The weeks that have predictions of `country`, or of any country when it is None, the newest first.

    It lists the weeks once, and asks for the country's file of a week only when the caller gets to it: whoever stops at
    the first one pays for one, however many weeks are kept.

    before : only weeks that are earlier than this one
    """
    for week in weeks_in(lake, paths.PREDICTIONS):
        if before is not None and week >= before:
            continue
        if country is None or lake.entry(paths.predictions_file(week, country)):
            yield week


def countries_with_predictions(lake: Lake, week: date) -> list[str]:
    """The countries that have predictions of that week, by name."""
    entries = lake.entries_if_any(f"{paths.PREDICTIONS}/{week}")
    return sorted(country for entry in entries if (country := paths.country_of_folder(entry.name)))
