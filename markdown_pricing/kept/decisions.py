"""What people had decided about one country when a week was priced, copied to the lake."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from markdown_pricing.decisions.decision import COLUMNS
from markdown_pricing.kept.files import CountryFile
from markdown_pricing.lake import paths
from markdown_pricing.lake.publish import ResultMissing, weeks_in
from markdown_pricing.lake.seal import ResultChanged
from markdown_pricing.provenance import Provenance


@dataclass(frozen=True)
class DecisionsFile(CountryFile):
    """A copy of the country's rows of markdown_decisions, whose values are texts."""

    @property
    def path(self) -> str:
        """Where it lies, within the lake."""
        return paths.decisions_file(self.week, self.country)

    def keep(self, rows: Sequence[Mapping[str, str | None]], origin: Provenance) -> str:
        """Keep a copy of the rows and return its path."""
        self._keep_line_and_data(origin, json.dumps(list(rows)).encode())
        return self.path

    def read(self) -> list[dict[str, str | None]] | None:
        """The rows that were copied when the week was priced; None when none were.

        Raises ResultChanged, also for a copy that another version has kept in another form.
        """
        try:
            line, rows = self._read_line_and_data()
        except ResultMissing:
            return None
        try:
            origin = Provenance.from_json(line.decode())
            rows_kept = [{column: row[column] for column in COLUMNS} for row in json.loads(rows)]
        except (ValueError, TypeError, KeyError) as error:
            why = f"another version has kept it in another form ({type(error).__name__}: {error})"
            raise self._changed(why) from error
        self._check_place(origin)
        return rows_kept

    def read_unchanged(self) -> list[dict[str, str | None]] | None:
        """The same; None also for a copy that cannot be believed or read."""
        try:
            return self.read()
        except ResultChanged:
            return None

    def newest(self) -> tuple[date, list[dict[str, str | None]]] | None:
        """The newest copy that can be read, of this week or an earlier one, and its week; None when there is none."""
        for week in weeks_in(self.lake, paths.DECISIONS):
            if week <= self.week and (rows := self.in_week(week).read_unchanged()) is not None:
                return week, rows
        return None
