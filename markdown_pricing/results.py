"""Keep each asset's result on the lake with its provenance, so that a retry goes on where the run stopped."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from markdown_pricing.columns import ROW_COLUMNS, Recommendations
from markdown_pricing.decisions.decision import COLUMNS
from markdown_pricing.demand.model import DemandModel, check_allowed, model_class
from markdown_pricing.demand.shared import SharedDemand
from markdown_pricing.demand.step_down import LAST_GOOD_WITHIN, OWN, KeptModel
from markdown_pricing.errors import TRY_AGAIN, if_readable
from markdown_pricing.handover import Handover
from markdown_pricing.lake import paths
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.part_files import reading_parquet
from markdown_pricing.lake.publish import (
    ResultMissing,
    make_again,
    parquet_of,
    publish_parts,
    publish_sealed,
    read_notes,
    read_parts,
    read_sealed,
    weeks_in,
    weeks_with_predictions,
)
from markdown_pricing.lake.seal import ResultChanged
from markdown_pricing.markdown.changes import RULES_VERSION
from markdown_pricing.pricing import CountryWeek
from markdown_pricing.provenance import NOTHING_SHARED, Provenance

PROVENANCE_KEY = b"markdown_pricing.provenance"
HISTORY, TO_PRICE, TO_COME, ROWS, PRICE_PATH, OPTIONS = (
    "history",
    "articles",
    "planned",
    "rows",
    "price_path",
    "options",
)
TOTALS = "totals"
"""The parts of a file of training data, and those of one of predictions."""
ORIGIN, ARTICLES, PUBLISHED = "origin", "articles", "published_bytes"
TAKEN_ROWS, PLANNED_ROWS = "rows", "planned_rows"
"""What is noted beside them: the provenance, how many articles were priced, how long the file for others is, and how
many rows the training data and the plan for weeks to come have."""

LONGEST_HEADER = 2**16
"""More bytes than the seal and the origin of a kept model take, which is about a thousand."""


@dataclass(frozen=True)
class Results:
    """The results of one country and week on the lake."""

    lake: Lake
    week: date
    country: str

    def keep_training_data(self, sold: CountryWeek, origin: Provenance) -> str:
        """Keep the training data and return its path. The articles to price can be read without the history.

        This process's next steps get the frames themselves from `training_data`, until `let_go_of_training_data`.
        """
        path = paths.training_data_file(self.week, self.country)
        history, articles = _tables(origin, sold.history, sold.articles)
        parts = {HISTORY: parquet_of(history), TO_PRICE: parquet_of(articles)}
        if sold.planned is not None:
            [planned] = _tables(origin, sold.planned)
            parts[TO_COME] = parquet_of(planned)
        notes = {
            ORIGIN: origin.to_json(),
            TAKEN_ROWS: len(sold.history) + len(sold.articles),
            PLANNED_ROWS: 0 if sold.planned is None else len(sold.planned),
        }
        publish_parts(self.lake, path, parts, notes)
        _training_data.give(self.lake.where(path), parts, sold)
        return path

    def training_data(self) -> tuple[CountryWeek, Provenance]:
        """The training data and its origin. Raises ResultMissing and ResultChanged."""
        # Files of versions that read no plan have no note of one.
        path = paths.training_data_file(self.week, self.country)
        has_plan = read_notes(self.lake, path).get(PLANNED_ROWS, 0) > 0
        names = (HISTORY, TO_PRICE, *([TO_COME] if has_plan else []))
        notes, parts = self._checked(paths.training_data_file, *names)
        sold = _training_data.take(self.lake.where(path), parts)
        if sold is None:
            sold = CountryWeek(self.week, self.country, *self._decoded(path, parts))
        return _apart(sold), Provenance.from_json(notes[ORIGIN])

    @staticmethod
    def let_go_of_training_data() -> None:
        """Free the memory of what this process has kept last; whoever asks for it again gets it from the lake."""
        _training_data.let_go()

    def articles(self) -> pd.DataFrame:
        """The articles to price, read without the history."""
        return self._read(paths.training_data_file, TO_PRICE)[1][0]

    def keep_recommendations(self, recommended: Recommendations, origin: Provenance) -> str:
        """Keep rows, price paths and options, publish rows and options for others, and return the path of the rows."""
        published, price_path, options = (
            parquet_of(table)
            for frame in (recommended.rows, recommended.path, recommended.options)
            for table in _tables(origin, frame)
        )
        notes = {ORIGIN: origin.to_json(), ARTICLES: len(recommended.rows), PUBLISHED: len(published)}
        kept = {ROWS: published, PRICE_PATH: price_path, OPTIONS: options}
        path_of_rows = paths.predictions_file(self.week, self.country)
        # The rows for others appear last, so that whoever sees them finds what is kept and the options, too.
        for_others = {paths.options_file(self.week, self.country): options, path_of_rows: published}
        publish_parts(self.lake, paths.kept_predictions_file(self.week, self.country), kept, notes, for_others)
        return path_of_rows

    def recommendations(self) -> tuple[Recommendations, Provenance]:
        """The rows, their price paths and their options, and the origin of all. Raises ResultMissing and ResultChanged.

        The file for others is not asked, because whoever may write to it could change what gets into the ERP.
        """
        notes, frames = self._read(paths.kept_predictions_file, ROWS, PRICE_PATH, OPTIONS)
        return Recommendations(*frames), Provenance.from_json(notes[ORIGIN])

    def rows_and_options(self) -> tuple[pd.DataFrame, pd.DataFrame, Provenance]:
        """The rows, their options and the origin of both, without the price paths; raises as `recommendations` does."""
        notes, (rows, options) = self._read(paths.kept_predictions_file, ROWS, OPTIONS)
        return rows, options, Provenance.from_json(notes[ORIGIN])

    def rows(self) -> pd.DataFrame:
        """The rows alone, read without the rest of what is kept with them; raises as `recommendations` does."""
        return self._read(paths.kept_predictions_file, ROWS)[1][0]

    def options(self) -> pd.DataFrame:
        """The options alone, as `rows` gives the rows."""
        return self._read(paths.kept_predictions_file, OPTIONS)[1][0]

    def stamp_of_recommendations(self) -> str | None:
        """The stamp of the delivery that its predictions were made from; None without any that can be read."""

        def stamp() -> str | None:
            notes = read_notes(self.lake, paths.kept_predictions_file(self.week, self.country))
            there = self.lake.entry(paths.predictions_file(self.week, self.country))
            is_whole = there is not None and there.bytes == notes[PUBLISHED]
            return Provenance.from_json(notes[ORIGIN]).snapshot if is_whole else None

        return if_readable(stamp)

    def last_rows(self) -> pd.DataFrame | None:
        """The rows of the nearest earlier week that has any, with a column for the version of its rules.

        It is None when there are none or when they cannot be read, because no price depends on them.
        """
        nearest = next(self._earlier_weeks(), None)
        if nearest is None:
            return None
        of_then = Results(self.lake, nearest, self.country)

        def with_rules() -> pd.DataFrame:
            notes, [rows] = of_then._read(paths.kept_predictions_file, ROWS)
            version = Provenance.from_json(notes[ORIGIN]).rules
            return rows.reindex(columns=ROW_COLUMNS).assign(**{RULES_VERSION: version})

        return if_readable(with_rules)

    def rows_of_last_other_week(self) -> int | None:
        """How many articles the nearest earlier week with a readable file has priced; None when there is none."""
        for week in self._earlier_weeks():
            try:
                return int(read_notes(self.lake, paths.kept_predictions_file(week, self.country))[ARTICLES])
            except (ResultChanged, ResultMissing):  # an old file must not stop this week's prices; an older one will do
                continue
        return None

    def rows_of_last_training_data(self) -> int | None:
        """How many rows the training data of the week before had; None when it is not there or cannot be read."""
        before = paths.training_data_file(self.week - timedelta(weeks=1), self.country)
        try:
            return int(read_notes(self.lake, before)[TAKEN_ROWS])
        except (ResultChanged, ResultMissing, KeyError):  # another version noted something else
            return None

    def _earlier_weeks(self) -> Iterator[date]:
        """The earlier weeks that have predictions of the country, the nearest first; each is looked up in its turn."""
        return weeks_with_predictions(self.lake, self.country, before=self.week)

    def keep_model(self, model: DemandModel, origin: Provenance) -> str:
        """Keep the model and return its path.

        It is one file, so that it is replaced as a whole: its seal, a line of JSON, then the model's own bytes.
        """
        path = paths.model_file(self.week, self.country)
        publish_sealed(self.lake, path, origin.to_json().encode() + b"\n" + model.to_bytes())
        return path

    def model(self) -> tuple[DemandModel, Provenance]:
        """The country's model and its origin.

        Raises ResultMissing, and ResultChanged and ModelNotAllowed before anything of the model is parsed, imported or
        called.
        """
        path = paths.model_file(self.week, self.country)
        header, _, data = read_sealed(self.lake, path).partition(b"\n")
        origin = Provenance.from_json(header.decode())
        self._check_place(path, origin)
        return model_class(check_allowed(origin.demand_model, self.lake.models)).from_bytes(data), origin

    def made_by(self) -> str | None:
        """The name of the demand model that made the country's kept model, by the file's first lines, unchecked.

        It is None when there is no such file, or none that can be read: nothing but its keeping may depend on this.
        """

        def name() -> str:
            with self.lake.reading(paths.model_file(self.week, self.country)) as file:
                _, origin, *_ = file.read(LONGEST_HEADER).split(b"\n", 2)
            return Provenance.from_json(origin.decode()).demand_model

        return if_readable(name)

    def last_good_model(self) -> KeptModel | None:
        """The country's own model of the nearest earlier week that has one which can still be read; see step_down."""
        for ago in range(1, LAST_GOOD_WITHIN + 1):
            week = self.week - timedelta(weeks=ago)
            if not self.lake.entry(paths.model_file(week, self.country)):
                continue
            kept = if_readable(Results(self.lake, week, self.country).model)
            if kept is None:  # an older one may do
                continue
            model, origin = kept
            if origin.model_grade in ("", OWN):
                return KeptModel(model, origin.demand_model, week, origin.version)
        return None

    def keep_decisions(self, rows: Sequence[Mapping[str, str | None]], origin: Provenance) -> str:
        """Keep a copy of the rows of markdown_decisions, whose values are texts, and return its path."""
        path = paths.decisions_file(self.week, self.country)
        publish_sealed(self.lake, path, origin.to_json().encode() + b"\n" + json.dumps(list(rows)).encode())
        return path

    def decisions(self) -> list[dict[str, str | None]] | None:
        """The rows that were copied when the week was priced; None when none were.

        Raises ResultChanged, also for a copy that another version has kept in another form.
        """
        path = paths.decisions_file(self.week, self.country)
        try:
            origin, _, rows = read_sealed(self.lake, path).partition(b"\n")
        except ResultMissing:
            return None
        try:
            made_from = Provenance.from_json(origin.decode())
            rows_kept = [{column: row[column] for column in COLUMNS} for row in json.loads(rows)]
        except (ValueError, TypeError, KeyError) as error:
            why = f"another version has kept it in another form ({type(error).__name__}: {error})"
            raise ResultChanged(self.lake.where(path), why, make_again(path)) from error
        self._check_place(path, made_from)
        return rows_kept

    def unchanged_decisions(self) -> list[dict[str, str | None]] | None:
        """The same; None also for a copy that cannot be believed or read."""
        try:
            return self.decisions()
        except ResultChanged:
            return None

    def last_decisions(self) -> tuple[date, list[dict[str, str | None]]] | None:
        """The newest copy that can be read, of this week or an earlier one, and its week; None when there is none."""
        for week in weeks_in(self.lake, paths.DECISIONS):
            if week <= self.week and (rows := Results(self.lake, week, self.country).unchanged_decisions()) is not None:
                return week, rows
        return None

    def outcomes(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The rows of the week's ledger and their sums. Raises ResultMissing and ResultChanged."""
        rows, sums = self._read(paths.kept_outcomes_file, ROWS, TOTALS)[1]
        return rows, sums

    def _read(self, of: Callable[[date, str], str], *names: str) -> tuple[Mapping[str, Any], list[pd.DataFrame]]:
        """The notes and the named parts of one of the country's files, checked before they are parsed."""
        notes, parts = self._checked(of, *names)
        return notes, self._decoded(of(self.week, self.country), parts)

    def _checked(self, of: Callable[[date, str], str], *names: str) -> tuple[Mapping[str, Any], Mapping[str, bytes]]:
        """The notes and the bytes of the named parts."""
        path = of(self.week, self.country)
        notes, parts = read_parts(self.lake, path, *names)
        self._check_place(path, Provenance.from_json(notes[ORIGIN]))
        return notes, dict(zip(names, parts, strict=True))

    def _decoded(self, path: str, parts: Mapping[str, bytes]) -> list[pd.DataFrame]:
        with reading_parquet(self.lake, path):
            return [pq.read_table(pa.BufferReader(part)).to_pandas() for part in parts.values()]

    def _check_place(self, path: str, origin: Provenance) -> None:
        """Raises ResultChanged for a file of another week or country, which has a right seal wherever it is put."""
        if (origin.week, origin.country) != (self.week, self.country):
            why = f"it is of {origin.country}, week {origin.week}"
            raise ResultChanged(self.lake.where(path), why, make_again(path))


_training_data: Handover[CountryWeek] = Handover()
"""The training data of the country that this process prices."""


def _apart(sold: CountryWeek) -> CountryWeek:
    """The same data in frames of their own, which share the memory until one of them is changed."""
    history, articles = sold.history.copy(deep=False), sold.articles.copy(deep=False)
    planned = None if sold.planned is None else sold.planned.copy(deep=False)
    return CountryWeek(sold.week, sold.country, history, articles, planned)


def _tables(origin: Provenance, *frames: pd.DataFrame) -> list[pa.Table]:
    """The frames as tables of one schema, which holds their origin."""
    tables = [pa.Table.from_pandas(frame, preserve_index=False) for frame in frames]
    schema = pa.unify_schemas([table.schema for table in tables], promote_options="permissive")
    schema = schema.with_metadata({**(schema.metadata or {}), PROVENANCE_KEY: origin.to_json().encode()})
    return [table.cast(schema) for table in tables]


@dataclass(frozen=True)
class SharedAtHand:
    """What the countries share, and its version. When it is missing, `why_none` says why."""

    shared: SharedDemand | None = None
    version: str = NOTHING_SHARED
    why_none: str = ""

    def __str__(self) -> str:
        return f"{NOTHING_SHARED}, because {self.why_none}" if self.shared is None else self.version


def keep_shared_demand(lake: Lake, week: date, shared: SharedDemand, origin: Provenance) -> tuple[str, str]:
    """Keep what the countries share in one file, as a model is kept, and return its path and its version."""
    path, data = paths.shared_demand_file(week, origin.snapshot), shared.to_bytes()
    publish_sealed(lake, path, origin.to_json().encode() + b"\n" + data)
    return path, version_of(data)


def shared_demand_at_hand(lake: Lake, week: date, stamp: str, why_none: str | None = None) -> SharedAtHand:
    """What was learnt from the delivery with this stamp, or why there is nothing.

    why_none : the reason, when it is already known that there is nothing
    Raises a TransientError when the lake cannot be asked.
    """
    try:
        _, _, data = read_sealed(lake, paths.shared_demand_file(week, stamp)).partition(b"\n")
        return SharedAtHand(SharedDemand.from_bytes(data), version_of(data))
    except ResultMissing:
        return SharedAtHand(why_none=why_none or "it has not been learnt from this delivery")
    except TRY_AGAIN:
        raise
    except Exception as error:
        return SharedAtHand(why_none=f"it can't be read ({type(error).__name__}); materialize shared_demand again")


def version_of(shared: bytes) -> str:
    """Twelve hexadecimal digits that are equal for equal bytes."""
    return sha256(shared).hexdigest()[:12]
