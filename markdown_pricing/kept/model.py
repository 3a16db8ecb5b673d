"""One country's demand model on the lake."""

from dataclasses import dataclass
from datetime import timedelta

from markdown_pricing.demand.model import DemandModel, check_allowed, model_class
from markdown_pricing.demand.step_down import LAST_GOOD_WITHIN, OWN, EarlierModel
from markdown_pricing.errors import if_readable
from markdown_pricing.kept.files import CountryFile
from markdown_pricing.lake import paths
from markdown_pricing.provenance import Provenance

LONGEST_HEADER = 2**16
"""More bytes than the seal and the origin of a kept model take, which is about a thousand."""


@dataclass(frozen=True)
class ModelFile(CountryFile):
    """The model that priced the country: its seal, a line with its origin, then its own bytes."""

    @property
    def path(self) -> str:
        """Where it lies, within the lake."""
        return paths.model_file(self.week, self.country)

    def keep(self, model: DemandModel, origin: Provenance) -> str:
        """Keep the model and return its path."""
        self._keep_line_and_data(origin, model.to_bytes())
        return self.path

    def read(self) -> tuple[DemandModel, Provenance]:
        """The country's model and its origin.

        Raises ResultMissing, and ResultChanged and ModelNotAllowed before anything of the model is parsed, imported or
        called.
        """
        line, data = self._read_line_and_data()
        origin = Provenance.from_json(line.decode())
        self._check_place(origin)
        return model_class(check_allowed(origin.demand_model, self.lake.models)).from_bytes(data), origin

    def made_by(self) -> str | None:
        """The name of the demand model that made it, by the file's first lines, unchecked.

        It is None when there is no such file, or none that can be read: nothing but its keeping may depend on this.
        """

        def name() -> str:
            with self.lake.reading(self.path) as file:
                _, origin, *_ = file.read(LONGEST_HEADER).split(b"\n", 2)
            return Provenance.from_json(origin.decode()).demand_model

        return if_readable(name)

    def last_good(self) -> EarlierModel | None:
        """The country's own model of the nearest earlier week that has one which can still be read; see step_down."""
        for ago in range(1, LAST_GOOD_WITHIN + 1):
            earlier = self.in_week(self.week - timedelta(weeks=ago))
            if not self.lake.entry(earlier.path):
                continue
            kept = if_readable(earlier.read)
            if kept is None:  # an older one may do
                continue
            model, origin = kept
            if origin.model_grade in ("", OWN):
                return EarlierModel(model, origin.demand_model, earlier.week, origin.version)
        return None
