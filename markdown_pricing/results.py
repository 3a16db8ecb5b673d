"""Keep each asset's result on the lake with its provenance, so that a retry goes on where the run stopped."""

from dataclasses import dataclass, fields
from datetime import date, timedelta
from hashlib import sha256

import pandas as pd
import pyarrow as pa

from markdown_pricing.columns import ROW_COLUMNS
from markdown_pricing.demand.model import DemandModel, check_allowed, model_class
from markdown_pricing.demand.shared import SharedDemand
from markdown_pricing.demand.step_down import LAST_GOOD_WITHIN, OWN, KeptModel
from markdown_pricing.errors import FinalError, TransientError
from markdown_pricing.lake import paths
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.publish import (
    ResultMissing,
    notes_of,
    publish_sealed,
    publish_table,
    read_sealed,
    read_table,
    read_tables,
    row_count,
    weeks_with_predictions,
)
from markdown_pricing.lake.snapshot import CorruptFile
from markdown_pricing.markdown.changes import RULES_VERSION
from markdown_pricing.pricing import CountryWeek
from markdown_pricing.provenance import Provenance

PROVENANCE_KEY = b"markdown_pricing.provenance"
HISTORY, TO_PRICE = slice(None, -1), slice(-1, None)
"""The row groups of a training data file that hold the history, and those that hold the articles to price."""


class MixedPredictions(FinalError):
    """The rows and the price paths on the lake have different origins.

    This happens when a writer dies between the two files, or when one of them is put back from a backup.
    """

    def __init__(self, week: date, country: str, rows: Provenance, path: Provenance) -> None:
        self.differs = tuple(
            each.name for each in fields(Provenance) if getattr(rows, each.name) != getattr(path, each.name)
        )
        super().__init__(
            f"{country}, week {week}: the rows and the price paths on the lake are not of the same predictions: "
            f"{', '.join(self.differs)} differ. Nothing was written to the ERP. Materialize markdown_predictions again."
        )


@dataclass(frozen=True)
class Results:
    """The results of one country and week on the lake."""

    lake: Lake
    week: date
    country: str

    def keep_training_data(self, sold: CountryWeek, origin: Provenance) -> str:
        """Keep the training data and return its path.

        The articles to price are the last row group of the file, so that they can be read without the history.
        """
        return self._keep(paths.training_data_file(self.week, self.country), origin, sold.history, sold.articles)

    def training_data(self) -> tuple[CountryWeek, Provenance]:
        """The training data and its origin. Raises ResultMissing and CorruptFile."""
        path = paths.training_data_file(self.week, self.country)
        history, articles = read_tables(self.lake, path, HISTORY, TO_PRICE)
        return CountryWeek(self.week, self.country, history.to_pandas(), articles.to_pandas()), _origin_of(history)

    def articles(self) -> pd.DataFrame:
        """The articles to price, read without the history."""
        return read_table(self.lake, paths.training_data_file(self.week, self.country), TO_PRICE).to_pandas()

    def keep_predictions(self, rows: pd.DataFrame, path: pd.DataFrame, origin: Provenance) -> str:
        """Keep the rows and the price paths and return the path of the rows."""
        # The rows are written last, so that whoever sees them finds their price paths, too.
        self._keep(paths.price_paths_file(self.week, self.country), origin, path)
        return self._keep(paths.predictions_file(self.week, self.country), origin, rows)

    def predictions(self) -> tuple[pd.DataFrame, pd.DataFrame, Provenance]:
        """The rows, their price paths and the origin of both. Raises MixedPredictions when they have not the same."""
        rows, origin = self._read(paths.predictions_file(self.week, self.country))
        path, path_origin = self._read(paths.price_paths_file(self.week, self.country))
        if origin != path_origin:
            raise MixedPredictions(self.week, self.country, origin, path_origin)
        return rows, path, origin

    def predicted_from(self) -> str | None:
        """The stamp of the delivery that its predictions were made from; None without any that can be read."""
        try:
            notes = notes_of(self.lake, paths.predictions_file(self.week, self.country))
            return Provenance.from_json(notes[PROVENANCE_KEY].decode()).snapshot
        except TransientError:
            raise
        except Exception:  # of a file that is gone or broken, or of a version that noted something else
            return None

    def last_rows(self) -> pd.DataFrame | None:
        """The rows of the nearest earlier week that has any, with a column for the version of its rules.

        It is None when there are none or when they cannot be read, because no price depends on them.
        """
        earlier = self._earlier_weeks()
        if not earlier:
            return None
        try:
            rows, origin = self._read(paths.predictions_file(earlier[0], self.country))
            return rows[ROW_COLUMNS].assign(**{RULES_VERSION: origin.rules})
        except TransientError:
            raise
        except Exception:  # the file is broken, or another version has kept other columns
            return None

    def rows_of_last_other_week(self) -> int | None:
        """How many articles the nearest earlier week with a readable file has priced; None when there is none."""
        for week in self._earlier_weeks():
            try:
                return row_count(self.lake, paths.predictions_file(week, self.country))
            except CorruptFile:  # a broken old file must not stop this week's prices, and an older one will do
                continue
        return None

    def rows_of_last_training_data(self) -> int | None:
        """How many rows the training data of the week before had; None when it is not there or cannot be read."""
        before = paths.training_data_file(self.week - timedelta(weeks=1), self.country)
        try:
            return row_count(self.lake, before)
        except (ResultMissing, CorruptFile):
            return None

    def _earlier_weeks(self) -> list[date]:
        """The earlier weeks that have predictions of the country, the nearest first."""
        return [week for week in reversed(weeks_with_predictions(self.lake, self.country)) if week < self.week]

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
        header, _, data = read_sealed(self.lake, paths.model_file(self.week, self.country)).partition(b"\n")
        origin = Provenance.from_json(header.decode())
        return model_class(check_allowed(origin.demand_model, self.lake.models)).from_bytes(data), origin

    def last_good_model(self) -> KeptModel | None:
        """The country's own model of the nearest earlier week that has one which can still be read; see step_down."""
        for ago in range(1, LAST_GOOD_WITHIN + 1):
            week = self.week - timedelta(weeks=ago)
            if not self.lake.entry(paths.model_file(week, self.country)):
                continue
            try:
                model, origin = Results(self.lake, week, self.country).model()
            except TransientError:
                raise
            except Exception:  # its class is gone, or another version has kept it; an older one may do
                continue
            if origin.model_grade in ("", OWN):
                return KeptModel(model, origin.demand_model, week, origin.version)
        return None

    def _keep(self, path: str, origin: Provenance, *frames: pd.DataFrame) -> str:
        """Keep the rows of all `frames` in one file, with row groups of its own for each frame; return the path."""
        tables = [pa.Table.from_pandas(frame, preserve_index=False) for frame in frames]
        schema = pa.unify_schemas([table.schema for table in tables], promote_options="permissive")
        schema = schema.with_metadata({**(schema.metadata or {}), PROVENANCE_KEY: origin.to_json().encode()})
        publish_table(self.lake, path, *(table.cast(schema) for table in tables))
        return path

    def _read(self, path: str) -> tuple[pd.DataFrame, Provenance]:
        table = read_table(self.lake, path)
        return table.to_pandas(), _origin_of(table)


def _origin_of(table: pa.Table) -> Provenance:
    return Provenance.from_json(table.schema.metadata[PROVENANCE_KEY].decode())


@dataclass(frozen=True)
class SharedAtHand:
    """What the countries share. When it is missing, `version` is "none" and `why_none` says why."""

    shared: SharedDemand | None
    version: str
    why_none: str = ""

    def __str__(self) -> str:
        return f"none, because {self.why_none}" if self.shared is None else self.version


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
        return SharedAtHand(None, "none", why_none or "it has not been learnt from this delivery")
    except TransientError:
        raise
    except Exception as error:
        return SharedAtHand(None, "none", f"it can't be read ({type(error).__name__}); materialize shared_demand again")


def version_of(shared: bytes) -> str:
    """Twelve hexadecimal digits that are equal for equal bytes."""
    return sha256(shared).hexdigest()[:12]
