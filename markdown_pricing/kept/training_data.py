"""One country's training data on the lake, and in memory for the next steps of its run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import pandas as pd

from markdown_pricing.kept.files import ORIGIN, CountryFile, origin_in, tables_of
from markdown_pricing.kept.handover import Handover
from markdown_pricing.lake import paths
from markdown_pricing.lake.publish import ResultMissing, parquet_of, publish_parts
from markdown_pricing.lake.seal import ResultChanged
from markdown_pricing.pricing import CountryWeek
from markdown_pricing.provenance import Provenance

HISTORY, ARTICLES, PLANNED = "history", "articles", "planned"
"""The parts of the file; the last one is there only where something is planned."""
ROW_COUNT, PLANNED_ROW_COUNT = "rows", "planned_rows"
"""What is noted beside them: how many rows the training data and the plan for weeks to come have."""


@dataclass(frozen=True)
class TrainingDataFile(CountryFile):
    """What the country has sold, the articles to price, and what is planned for weeks to come.

    handover : gives the run's next steps the frames that it has kept itself, without decoding them again
    """

    handover: Handover[CountryWeek] = field(default_factory=Handover, compare=False, repr=False)

    @property
    def path(self) -> str:
        """Where it lies, within the lake."""
        return paths.training_data_file(self.week, self.country)

    def keep(self, sold: CountryWeek, origin: Provenance) -> str:
        """Keep the training data and return its path. The articles to price can be read without the history."""
        history, articles = tables_of(origin, sold.history, sold.articles)
        parts = {HISTORY: parquet_of(history), ARTICLES: parquet_of(articles)}
        if sold.planned is not None:
            [planned] = tables_of(origin, sold.planned)
            parts[PLANNED] = parquet_of(planned)
        notes = {
            ORIGIN: origin.to_json(),
            ROW_COUNT: len(sold.history) + len(sold.articles),
            PLANNED_ROW_COUNT: 0 if sold.planned is None else len(sold.planned),
        }
        publish_parts(self.lake, self.path, parts, notes)
        self.handover.give(self.lake.where(self.path), parts, sold)
        return self.path

    def read(self) -> tuple[CountryWeek, Provenance]:
        """The training data and its origin. Raises ResultMissing and ResultChanged."""
        # Files of versions that read no plan have no note of one.
        has_plan = self._notes().get(PLANNED_ROW_COUNT, 0) > 0
        notes, parts = self._read_parts(HISTORY, ARTICLES, *([PLANNED] if has_plan else []))
        sold = self.handover.take(self.lake.where(self.path), parts)
        return _apart(self._country_week(parts) if sold is None else sold), origin_in(notes)

    def articles(self) -> pd.DataFrame:
        """The articles to price, read without the history."""
        return self._read_frames(ARTICLES)[1][0]

    def rows_in_week_before(self) -> int | None:
        """How many rows the training data of the week before had; None when it is not there or cannot be read."""
        try:
            return int(self.in_week(self.week - timedelta(weeks=1))._notes()[ROW_COUNT])
        except (ResultChanged, ResultMissing, KeyError):  # another version noted something else
            return None

    def _country_week(self, parts: Mapping[str, bytes]) -> CountryWeek:
        return CountryWeek(self.week, self.country, *self._decoded(parts))


def _apart(sold: CountryWeek) -> CountryWeek:
    """The same data in frames of their own, which share the memory until one of them is changed."""
    history, articles = sold.history.copy(deep=False), sold.articles.copy(deep=False)
    planned = None if sold.planned is None else sold.planned.copy(deep=False)
    return CountryWeek(sold.week, sold.country, history, articles, planned)
