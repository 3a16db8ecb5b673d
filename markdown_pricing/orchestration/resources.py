"""What the assets are given: resources that a run may configure anew, and values that it may not."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg
from pydantic import Field

from markdown_pricing.demand.model import check_allowed
from markdown_pricing.experiments.champion import champion_or
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.learnt_together import Apply
from markdown_pricing.pricing import HowToLearn
from markdown_pricing.process.threads import own_cores
from markdown_pricing.process.workers import tell_command, worker_processes


class DemandTraining(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Which demand model is trained, and how; can be changed for one run in the launchpad."""

    model: str = Field(description="A model by name, or package.module:Class for one of your own.")
    follow_champion: bool = Field(False, description="Whether a promoted champion is trained in its place.")
    seed: int = Field(description="Seed of every random choice; the same seed gives the same prices.")
    threads: int = Field(description="Threads that training may use.")

    def how_to_learn(self, lake: Lake) -> HowToLearn:
        """By the demand model that is trained, which is the champion's where that is followed."""
        model = check_allowed(champion_or(lake, self.model, self.follow_champion), lake.models)
        return HowToLearn(model, self.seed, self.threads)


MOST_AT_A_TIME = 4
"""As many cpus as the job definitions that we hand out give a run. The largest country takes 1.4 GiB."""


class SharedLearning(dg.ConfigurableResource):  # type: ignore[type-arg]
    """How what the countries share is learnt: from as many countries at a time as the run has cores, or one by one."""

    processes: int | None = Field(
        default=None,
        ge=1,
        description=(
            "Countries that are learnt from at a time, each in a process of its own; without it one for each core of "
            f"the run, and no more than {MOST_AT_A_TIME}."
        ),
    )

    @contextmanager
    def apply(self) -> Iterator[Apply]:
        """How a function is applied to each country, as long as the `with` block lasts; a command hears of each."""
        number = self.processes or min(own_cores(), MOST_AT_A_TIME)
        if number == 1:
            yield _telling(map)
            return
        with worker_processes(number) as pool:
            yield _telling(pool.map)


def _telling(apply: Apply) -> Apply:
    def telling(function: Callable[[str], Any], countries: Iterable[str]) -> Iterator[Any]:
        countries = list(countries)
        for country, learnt in zip(countries, apply(function, countries), strict=True):
            tell_command(country)
            yield learnt

    return telling


def fixed(value: object, description: str) -> dg.ResourceDefinition:
    """`value` as a resource that no run can configure anew; Dagster's page shows the description.

    So are all that say where an installation reads and writes: who may start a run can't send it elsewhere.
    """

    def given_by_the_installation(_context: dg.InitResourceContext) -> object:
        return value

    return dg.ResourceDefinition(given_by_the_installation, description=description)


def made_for_each_run(make: Callable[[], object], description: str) -> dg.ResourceDefinition:
    """What `make` gives as a resource of one run in one process, which ends with it."""

    def made_for_the_run(_context: dg.InitResourceContext) -> object:
        return make()

    return dg.ResourceDefinition(made_for_the_run, description=description)
