"""One country's recommendations on the lake: what the refresh reads, and beside it what is for everybody."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import pandas as pd

from markdown_pricing.columns import ROW_COLUMNS, Recommendations
from markdown_pricing.errors import if_readable
from markdown_pricing.kept.files import ORIGIN, CountryFile, origin_in, tables_of
from markdown_pricing.lake import paths
from markdown_pricing.lake.publish import ResultMissing, parquet_of, publish_parts, weeks_with_predictions
from markdown_pricing.lake.seal import ResultChanged
from markdown_pricing.markdown.changes import RULES_VERSION
from markdown_pricing.provenance import Provenance

ROWS, PRICE_PATH, OPTIONS = "rows", "price_path", "options"
"""The parts of the file, which are those of `Recommendations`."""
ARTICLE_COUNT, PUBLISHED_BYTES = "articles", "published_bytes"
"""What is noted beside them: how many articles were priced, and how long the file for others is."""


@dataclass(frozen=True)
class RecommendationsFile(CountryFile):
    """Rows, price paths and options in one file, the asset markdown_predictions.

    The files for others are not asked, because whoever may write to them could change what gets into the ERP.
    """

    @property
    def path(self) -> str:
        """Where it lies, within the lake."""
        return paths.kept_predictions_file(self.week, self.country)

    def keep(self, recommended: Recommendations, origin: Provenance) -> str:
        """Keep rows, price paths and options, publish rows and options for others, and return the path of the rows."""
        frames = recommended.rows, recommended.price_path, recommended.options
        rows, price_path, options = (parquet_of(table) for frame in frames for table in tables_of(origin, frame))
        notes = {ORIGIN: origin.to_json(), ARTICLE_COUNT: len(recommended.rows), PUBLISHED_BYTES: len(rows)}
        path_of_rows = paths.predictions_file(self.week, self.country)
        # The rows for others appear last, so that whoever sees them finds what is kept and the options, too.
        for_others = {paths.options_file(self.week, self.country): options, path_of_rows: rows}
        kept = {ROWS: rows, PRICE_PATH: price_path, OPTIONS: options}
        publish_parts(self.lake, self.path, kept, notes, for_others)
        return path_of_rows

    def read(self) -> tuple[Recommendations, Provenance]:
        """All of them and their origin. Raises ResultMissing and ResultChanged, as all that read a part of them do."""
        notes, frames = self._read_frames(ROWS, PRICE_PATH, OPTIONS)
        return Recommendations(*frames), origin_in(notes)

    def rows_and_options(self) -> tuple[pd.DataFrame, pd.DataFrame, Provenance]:
        """The rows, their options and the origin of both, without the price paths."""
        notes, (rows, options) = self._read_frames(ROWS, OPTIONS)
        return rows, options, origin_in(notes)

    def rows(self) -> pd.DataFrame:
        """The rows alone."""
        return self._read_frames(ROWS)[1][0]

    def options(self) -> pd.DataFrame:
        """The options alone."""
        return self._read_frames(OPTIONS)[1][0]

    def stamp(self) -> str | None:
        """The stamp of the delivery that they were made from; None without any that can be read."""

        def of_delivery() -> str | None:
            notes = self._notes()
            there = self.lake.entry(paths.predictions_file(self.week, self.country))
            is_whole = there is not None and there.bytes == notes[PUBLISHED_BYTES]
            return origin_in(notes).snapshot if is_whole else None

        return if_readable(of_delivery)

    def rows_before(self) -> pd.DataFrame | None:
        """The rows of the nearest earlier week that has any, with a column for the version of its rules.

        It is None when there are none or when they cannot be read, because no price depends on them.
        """
        nearest = next(self._earlier(), None)
        return None if nearest is None else if_readable(nearest._rows_with_rules)

    def articles_before(self) -> int | None:
        """How many articles the nearest earlier week with a readable file has priced; None when there is none."""
        for earlier in self._earlier():
            try:
                return int(earlier._notes()[ARTICLE_COUNT])
            except (ResultChanged, ResultMissing):  # an old file must not stop this week's prices; an older one will do
                continue
        return None

    def _rows_with_rules(self) -> pd.DataFrame:
        notes, [rows] = self._read_frames(ROWS)
        return rows.reindex(columns=ROW_COLUMNS).assign(**{RULES_VERSION: origin_in(notes).rules})

    def _earlier(self) -> Iterator[Self]:
        """Those of earlier weeks, the nearest first; each week is looked up in its turn."""
        return map(self.in_week, weeks_with_predictions(self.lake, self.country, before=self.week))
