"""Each asset's result on the lake, with its provenance inside, so that a retry goes on where the run stopped."""

from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256

import pandas as pd
import pyarrow as pa

from markdown_pricing.columns import ROW_COLUMNS
from markdown_pricing.demand.model import DemandModel, check_allowed, model_class
from markdown_pricing.demand.shared import SharedDemand
from markdown_pricing.demand.step_down import LAST_GOOD_WITHIN, OWN, KeptModel
from markdown_pricing.errors import TransientError
from markdown_pricing.lake import paths
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.publish import (
    ResultMissing,
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
"""Row groups of training data."""


@dataclass(frozen=True)
class Results:
    """What one country of one week has on the lake."""

    lake: Lake
    week: date
    country: str

    def keep_training_data(self, sold: CountryWeek, origin: Provenance) -> str:
        """The articles to price are the file's last row group: who asks for them alone reads no history."""
        return self._keep(paths.training_data_file(self.week, self.country), origin, sold.history, sold.articles)

    def training_data(self) -> tuple[CountryWeek, Provenance]:
        path = paths.training_data_file(self.week, self.country)
        history, articles = read_tables(self.lake, path, HISTORY, TO_PRICE)
        return CountryWeek(self.week, self.country, history.to_pandas(), articles.to_pandas()), _origin_of(history)

    def articles(self) -> pd.DataFrame:
        """The articles to price."""
        return read_table(self.lake, paths.training_data_file(self.week, self.country), TO_PRICE).to_pandas()

    def keep_predictions(self, rows: pd.DataFrame, path: pd.DataFrame, origin: Provenance) -> str:
        # The rows come last: who sees them finds their price paths beside them.
        self._keep(paths.price_paths_file(self.week, self.country), origin, path)
        return self._keep(paths.predictions_file(self.week, self.country), origin, rows)

    def predictions(self) -> tuple[pd.DataFrame, pd.DataFrame, Provenance]:
        rows, origin = self._read(paths.predictions_file(self.week, self.country))
        path, _ = self._read(paths.price_paths_file(self.week, self.country))
        return rows, path, origin

    def last_rows(self) -> pd.DataFrame | None:
        """The rows of the nearest earlier week that has any, with the version of its rules beside them.

        None when there is none or when it can't be read: what it tells is welcome, no price depends on it.
        """
        earlier = self._earlier_weeks()
        if not earlier:
            return None
        try:
            rows, origin = self._read(paths.predictions_file(earlier[0], self.country))
            return rows[ROW_COLUMNS].assign(**{RULES_VERSION: origin.rules})
        except TransientError:
            raise
        except Exception:  # of a file that is broken, or of a version that kept other columns
            return None

    def rows_of_last_other_week(self) -> int | None:
        """Articles that were priced in the nearest earlier week whose file can be read; None when there is none."""
        for week in self._earlier_weeks():
            try:
                return row_count(self.lake, paths.predictions_file(week, self.country))
            except CorruptFile:  # an old file is no fault of this week's prices; an older one will do
                continue
        return None

    def _earlier_weeks(self) -> list[date]:
        """With predictions of the country, the nearest first."""
        return [week for week in reversed(weeks_with_predictions(self.lake, self.country)) if week < self.week]

    def keep_model(self, model: DemandModel, origin: Provenance) -> str:
        """One file, so that it is replaced whole: its seal, a line of JSON, then the model's own bytes."""
        path = paths.model_file(self.week, self.country)
        publish_sealed(self.lake, path, origin.to_json().encode() + b"\n" + model.to_bytes())
        return path

    def model(self) -> tuple[DemandModel, Provenance]:
        """Raises ResultChanged and ModelNotAllowed before anything of the model is parsed, imported or called."""
        header, _, data = read_sealed(self.lake, paths.model_file(self.week, self.country)).partition(b"\n")
        origin = Provenance.from_json(header.decode())
        return model_class(check_allowed(origin.demand_model)).from_bytes(data), origin

    def last_good_model(self) -> KeptModel | None:
        """The country's own model of the nearest earlier week that kept one which can still be read; see step_down."""
        for ago in range(1, LAST_GOOD_WITHIN + 1):
            week = self.week - timedelta(weeks=ago)
            if not self.lake.entry(paths.model_file(week, self.country)):
                continue
            try:
                model, origin = Results(self.lake, week, self.country).model()
            except TransientError:
                raise
            except Exception:  # of a model that is gone, or of a version that kept it otherwise: an older one may do
                continue
            if origin.model_grade in ("", OWN):
                return KeptModel(model, origin.demand_model, week, origin.version)
        return None

    def _keep(self, path: str, origin: Provenance, *frames: pd.DataFrame) -> str:
        """`frames` are rows of one frame, each in row groups of its own."""
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
    """What the countries share as far as it is at hand; `version` is "none" when it is not, and `why_none` says why."""

    shared: SharedDemand | None
    version: str
    why_none: str = ""

    def __str__(self) -> str:
        return f"none, because {self.why_none}" if self.shared is None else self.version


def keep_shared_demand(lake: Lake, week: date, shared: SharedDemand, origin: Provenance) -> tuple[str, str]:
    """Its path and its version. One file, as a model is kept."""
    path, data = paths.shared_demand_file(week, origin.snapshot), shared.to_bytes()
    publish_sealed(lake, path, origin.to_json().encode() + b"\n" + data)
    return path, version_of(data)


def shared_demand_at_hand(lake: Lake, week: date, stamp: str, why_none: str | None = None) -> SharedAtHand:
    """What was learnt from the delivery with this stamp, or why there is none; `why_none` when that is known.

    Raises a TransientError when it cannot tell.
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
    """Twelve hexadecimal digits; equal for equal bytes."""
    return sha256(shared).hexdigest()[:12]
