"""One country's file of one week, which says where it comes from and is checked before anything of it is parsed."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Self

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.part_files import reading_parquet
from markdown_pricing.lake.publish import make_again, publish_sealed, read_notes, read_parts, read_sealed
from markdown_pricing.lake.seal import ResultChanged
from markdown_pricing.provenance import Provenance

ORIGIN = "origin"
"""What the provenance is noted under, beside the parts of a file."""
PROVENANCE_KEY = b"markdown_pricing.provenance"


@dataclass(frozen=True)
class CountryFile(ABC):
    """A file of one country and week on the lake. Each kind of file says how it is kept and read."""

    lake: Lake
    week: date
    country: str

    @property
    @abstractmethod
    def path(self) -> str:
        """Where it lies, within the lake."""

    def in_week(self, week: date) -> Self:
        """The country's file of the same kind of another week."""
        return replace(self, week=week)

    def _notes(self) -> Mapping[str, Any]:
        """What is noted beside the parts, of which nothing is read. Raises ResultMissing and ResultChanged."""
        return read_notes(self.lake, self.path)

    def _read_parts(self, *names: str) -> tuple[Mapping[str, Any], Mapping[str, bytes]]:
        """The notes and the bytes of the named parts; raises as `_notes` does."""
        notes, parts = read_parts(self.lake, self.path, *names)
        self._check_place(origin_in(notes))
        return notes, dict(zip(names, parts, strict=True))

    def _read_frames(self, *names: str) -> tuple[Mapping[str, Any], list[pd.DataFrame]]:
        """The notes and the named parts; raises as `_notes` does."""
        notes, parts = self._read_parts(*names)
        return notes, self._decoded(parts)

    def _decoded(self, parts: Mapping[str, bytes]) -> list[pd.DataFrame]:
        with reading_parquet(self.lake, self.path):
            return [pq.read_table(pa.BufferReader(part)).to_pandas() for part in parts.values()]

    def _keep_line_and_data(self, origin: Provenance, data: bytes) -> None:
        """Replace the file, as a whole, by a seal, a line of JSON and the data."""
        publish_sealed(self.lake, self.path, origin.to_json().encode() + b"\n" + data)

    def _read_line_and_data(self) -> tuple[bytes, bytes]:
        """What `_keep_line_and_data` has kept. Raises ResultMissing and ResultChanged."""
        line, _, data = read_sealed(self.lake, self.path).partition(b"\n")
        return line, data

    def _check_place(self, origin: Provenance) -> None:
        """Raises ResultChanged for a file of another week or country, which has a right seal wherever it is put."""
        if (origin.week, origin.country) != (self.week, self.country):
            raise self._changed(f"it is of {origin.country}, week {origin.week}")

    def _changed(self, why: str) -> ResultChanged:
        return ResultChanged(self.lake.where(self.path), why, make_again(self.path))


def origin_in(notes: Mapping[str, Any]) -> Provenance:
    """Where the file with these notes comes from."""
    return Provenance.from_json(notes[ORIGIN])


def tables_of(origin: Provenance, *frames: pd.DataFrame) -> list[pa.Table]:
    """The frames as tables of one schema, which holds their origin."""
    tables = [pa.Table.from_pandas(frame, preserve_index=False) for frame in frames]
    schema = pa.unify_schemas([table.schema for table in tables], promote_options="permissive")
    schema = schema.with_metadata({**(schema.metadata or {}), PROVENANCE_KEY: origin.to_json().encode()})
    return [table.cast(schema) for table in tables]
