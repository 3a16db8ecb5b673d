"""All that is kept of one country and week, each kind of file under its asset's name."""

from dataclasses import dataclass, field, replace
from datetime import date

from markdown_pricing.kept.decisions import DecisionsFile
from markdown_pricing.kept.handover import Handover
from markdown_pricing.kept.model import ModelFile
from markdown_pricing.kept.outcomes import OutcomesFile
from markdown_pricing.kept.recommendations import RecommendationsFile
from markdown_pricing.kept.training_data import TrainingDataFile
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.pricing import CountryWeek


@dataclass(frozen=True)
class Results:
    """The results of one country and week on the lake.

    in_memory : the training data that this run has kept, for its next steps; others read what the lake holds
    """

    lake: Lake
    week: date
    country: str
    in_memory: Handover[CountryWeek] = field(default_factory=Handover, compare=False, repr=False)

    def in_week(self, week: date) -> "Results":
        """The country's results of another week."""
        return replace(self, week=week)

    @property
    def training_data(self) -> TrainingDataFile:
        """What the country sold, and what is to be priced."""
        return TrainingDataFile(self.lake, self.week, self.country, self.in_memory)

    @property
    def model(self) -> ModelFile:
        """The demand model."""
        return ModelFile(self.lake, self.week, self.country)

    @property
    def recommendations(self) -> RecommendationsFile:
        """What is recommended."""
        return RecommendationsFile(self.lake, self.week, self.country)

    @property
    def decisions(self) -> DecisionsFile:
        """What people had decided by then."""
        return DecisionsFile(self.lake, self.week, self.country)

    @property
    def outcomes(self) -> OutcomesFile:
        """What became of it when the week was sold."""
        return OutcomesFile(self.lake, self.week, self.country)
