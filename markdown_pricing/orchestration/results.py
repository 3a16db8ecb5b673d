"""Each asset's result on the lake, with its provenance inside, so that a retry goes on where the run stopped."""

from dataclasses import dataclass
from datetime import date

import pandas as pd
import pyarrow as pa

from markdown_pricing.demand.model import DemandModel, make_model
from markdown_pricing.lake import paths
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.publish import (
    earlier_weeks_with_predictions,
    publish_bytes,
    publish_table,
    read_bytes,
    read_table,
    row_count,
)
from markdown_pricing.provenance import Provenance

PROVENANCE_KEY = b"markdown_pricing.provenance"


@dataclass(frozen=True)
class Results:
    """What one country of one week has on the lake."""

    lake: Lake
    week: date
    country: str

    def keep_training_data(self, frame: pd.DataFrame, origin: Provenance) -> str:
        return self._keep(paths.training_data_file(self.week, self.country), frame, origin)

    def training_data(self) -> tuple[pd.DataFrame, Provenance]:
        return self._read(paths.training_data_file(self.week, self.country))

    def keep_predictions(self, rows: pd.DataFrame, path: pd.DataFrame, origin: Provenance) -> str:
        # The rows come last: who sees them finds their price paths beside them.
        self._keep(paths.price_paths_file(self.week, self.country), path, origin)
        return self._keep(paths.predictions_file(self.week, self.country), rows, origin)

    def predictions(self) -> tuple[pd.DataFrame, pd.DataFrame, Provenance]:
        rows, origin = self._read(paths.predictions_file(self.week, self.country))
        path, _ = self._read(paths.price_paths_file(self.week, self.country))
        return rows, path, origin

    def rows_of_last_other_week(self) -> int | None:
        """Articles that were priced in the nearest earlier week; None when there is none."""
        weeks = earlier_weeks_with_predictions(self.lake, self.country, other_than=self.week)
        earlier = [week for week in weeks if week < self.week]
        return row_count(self.lake, paths.predictions_file(earlier[-1], self.country)) if earlier else None

    def keep_model(self, model: DemandModel, origin: Provenance) -> str:
        """One file, so that it is replaced whole: a line of JSON, then the model's own bytes."""
        path = paths.model_file(self.week, self.country)
        publish_bytes(self.lake, path, origin.to_json().encode() + b"\n" + model.to_bytes())
        return path

    def model(self) -> tuple[DemandModel, Provenance]:
        header, _, data = read_bytes(self.lake, paths.model_file(self.week, self.country)).partition(b"\n")
        origin = Provenance.from_json(header.decode())
        return type(make_model(origin.demand_model)).from_bytes(data), origin

    def _keep(self, path: str, frame: pd.DataFrame, origin: Provenance) -> str:
        table = pa.Table.from_pandas(frame, preserve_index=False)
        metadata = {**(table.schema.metadata or {}), PROVENANCE_KEY: origin.to_json().encode()}
        publish_table(self.lake, path, table.replace_schema_metadata(metadata))
        return path

    def _read(self, path: str) -> tuple[pd.DataFrame, Provenance]:
        table = read_table(self.lake, path)
        return table.to_pandas(), Provenance.from_json(table.schema.metadata[PROVENANCE_KEY].decode())
