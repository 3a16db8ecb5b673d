"""One country's ledger of a week that was sold, on the lake."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa

from markdown_pricing import columns as declared
from markdown_pricing.errors import FinalError
from markdown_pricing.kept.files import ORIGIN, CountryFile
from markdown_pricing.lake import paths
from markdown_pricing.lake.publish import parquet_of, publish_parts, weeks_in
from markdown_pricing.provenance import Provenance

ROWS, TOTALS = "rows", "totals"
"""The parts of the file."""
_ARROW = {
    declared.TEXT: pa.string(),
    declared.MONEY: pa.float64(),
    declared.NUMBER: pa.float64(),
    declared.WHOLE: pa.int32(),
    declared.DAY: pa.date32(),
    declared.MOMENT: pa.timestamp("us", "UTC"),
    declared.FLAG: pa.bool_(),
}


@dataclass(frozen=True)
class OutcomesFile(CountryFile):
    """The rows of the week's ledger, with OUTCOME_COLUMNS, and their sums, with TOTAL_COLUMNS."""

    @property
    def path(self) -> str:
        """Where it lies, within the lake."""
        return paths.kept_outcomes_file(self.week, self.country)

    def keep(self, rows: pd.DataFrame, totals: pd.DataFrame, origin: Provenance) -> str:
        """Keep the ledger of the week, publish its rows for others, and return the path of these."""
        tables = {ROWS: _table(rows, declared.OUTCOMES), TOTALS: _table(totals, declared.OUTCOME_TOTALS)}
        kept = {name: parquet_of(table) for name, table in tables.items()}
        path_of_rows = paths.outcomes_file(self.week, self.country)
        publish_parts(self.lake, self.path, kept, {ORIGIN: origin.to_json()}, {path_of_rows: kept[ROWS]})
        return path_of_rows

    def read(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The rows of the week's ledger and their sums. Raises ResultMissing and ResultChanged."""
        rows, totals = self._read_frames(ROWS, TOTALS)[1]
        return rows, totals

    def last(self, weeks: int) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
        """The rows and the sums of the country's last so many kept weeks up to this one, the newest first.

        A week whose file is changed, or of another version, is left out.
        """
        kept = (self.in_week(week) for week in weeks_in(self.lake, paths.KEPT_OUTCOMES) if week <= self.week)
        with_file = (each for each in kept if self.lake.entry(each.path))
        for _, each in zip(range(weeks), with_file, strict=False):
            try:
                rows, totals = each.read()
            except (FinalError, TypeError, KeyError):  # changed, or of a version that noted something else
                continue
            yield rows.reindex(columns=declared.OUTCOME_COLUMNS), totals.reindex(columns=declared.TOTAL_COLUMNS)


def _table(frame: pd.DataFrame, columns: Sequence[declared.Column]) -> pa.Table:
    schema = pa.schema([(column.name, _ARROW[column.type]) for column in columns])
    return pa.Table.from_pandas(frame, schema=schema, preserve_index=False)
