"""What cpus and memory a country's run needs, by what its runs of earlier weeks took."""

import json
import math
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

import dagster as dg
from pydantic import Field

from markdown_pricing.orchestration.local_launcher import runs_share_a_machine
from markdown_pricing.orchestration.names import MODEL, PREDICTIONS, TRAINING_DATA
from markdown_pricing.orchestration.partitions import partition_key
from markdown_pricing.process.threads import is_limited, limit_threads
from markdown_pricing.weeks import ONE_WEEK

STEPS = (TRAINING_DATA, MODEL, PREDICTIONS)
"""The steps that are measured, because they compute; the refresh after them takes less of everything."""
PEAK, CPU, SECONDS = "Peak memory (MiB)", "CPU seconds", "Seconds"
METRONOME_CPUS, METRONOME_MEM, KUBERNETES_CONFIG = "metronome/cpus", "metronome/mem", "dagster-k8s/config"
CPUS_BY, MIB_BY = 0.5, 256
"""Cpus and MiB that are asked for are rounded up to multiples of these, so that a small change of what was measured
changes no job. Chosen on 2026-11-25."""


class Sizing(dg.Config):
    """How much a run is given: the most that was measured in some earlier weeks, times a margin, within bounds."""

    weeks: int = Field(default=4, description="Weeks before the run's own that are looked at.")
    margin: float = Field(default=1.5, description="The factor by which a run is given more than was measured.")
    min_cpus: float = Field(default=1.0, description="The fewest cpus that a run is given.")
    max_cpus: float = Field(default=4.0, description="The most cpus that a run is given.")
    min_mib: int = Field(default=2048, description="The least memory in MiB that a run is given.")
    max_mib: int = Field(
        default=32768, description="The most memory in MiB, to which it is raised in steps where it was not enough."
    )


@dataclass(frozen=True)
class Use:
    """What all steps of a country's week took together: the highest peak, and the sums of the times."""

    peak_mib: float
    cpu_s: float
    seconds: float


@dataclass(frozen=True)
class Need:
    """What a run's container is asked for; memory in MiB."""

    cpus: float
    memory_mib: int


def keep_to_own_cores(context: dg.AssetExecutionContext) -> None:
    """Limits the threads of a run's process, at its first step; a worker of the command line has its limit already."""
    if not is_limited():
        limit_threads(runs_side_by_side(context.instance), cpus_given(context.run.tags))


def runs_side_by_side(instance: dg.DagsterInstance) -> int:
    """How many runs share a machine: as many as the pool lets in where they are its processes; else each has its own.

    The pool's limit is the one that somebody has set on Dagster's page, or that of `dagster.yaml`.
    """
    if not runs_share_a_machine(instance):
        return 1
    standing = instance.get_concurrency_config().pool_config.default_pool_limit or 1
    return max((pool.limit for pool in instance.event_log_storage.get_pool_limits()), default=standing) or 1


def cpus_given(tags: Mapping[str, str]) -> float | None:
    """What a run's container was asked for, by the tags that its launcher reads; None where they don't say."""
    if METRONOME_CPUS in tags:
        return float(tags[METRONOME_CPUS])
    container = json.loads(tags.get(KUBERNETES_CONFIG, "{}")).get("container_config", {})
    cpu = str(container.get("resources", {}).get("requests", {}).get("cpu", ""))
    if not cpu:
        return None
    return float(cpu.removesuffix("m")) / 1000 if cpu.endswith("m") else float(cpu)


@contextmanager
def measured(context: dg.AssetExecutionContext) -> Iterator[None]:
    """Add to what the step materializes how long it took, and the most memory that its process has had so far."""
    keep_to_own_cores(context)
    seconds, cpu_s = time.monotonic(), time.process_time()
    yield
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    context.add_output_metadata(
        {
            PEAK: round(peak),
            CPU: round(time.process_time() - cpu_s, 3),
            SECONDS: round(time.monotonic() - seconds, 3),
        }
    )


def uses(instance: dg.DagsterInstance, week: date, country: str, weeks: int) -> list[Use]:
    """What the country took in the week and in so many before it, for each week in which every step was measured.

    Where a step was repeated, its largest use counts.
    """
    partitions = [partition_key(week - ago * ONE_WEEK, country) for ago in range(weeks + 1)]
    by_week: dict[str, dict[dg.AssetKey, Use]] = defaultdict(dict)
    for step in STEPS:
        wanted = dg.AssetRecordsFilter(step, asset_partitions=partitions)
        for record in instance.fetch_materializations(wanted, limit=10 * len(partitions)).records:
            event = record.asset_materialization
            if event and event.partition and PEAK in event.metadata:
                use = Use(*(float(event.metadata[label].value) for label in (PEAK, CPU, SECONDS)))  # type: ignore[arg-type]
                steps = by_week[event.partition]
                steps[step] = max(use, steps.get(step, use), key=lambda each: each.peak_mib)
    return [
        Use(
            max(use.peak_mib for use in steps.values()),
            sum(use.cpu_s for use in steps.values()),
            sum(use.seconds for use in steps.values()),
        )
        for steps in by_week.values()
        if len(steps) == len(STEPS)
    ]


def need_of(weeks: Sequence[Use], sizing: Sizing) -> Need | None:
    """What the most demanding of these weeks took, and the margin; None when there is none."""
    if not weeks:
        return None
    cpus = sizing.margin * max(use.cpu_s / max(use.seconds, 0.001) for use in weeks)
    mib = sizing.margin * max(use.peak_mib for use in weeks)
    return Need(
        min(max(_up(cpus, CPUS_BY), sizing.min_cpus), sizing.max_cpus),
        int(min(max(_up(mib, MIB_BY), sizing.min_mib), sizing.max_mib)),
    )


def tags_of(need: Need, launcher: str, given: Collection[str]) -> dict[str, str]:
    """The need as a launcher, one of LAUNCHERS, reads it from a run's tags; those that are `given` stay as they are."""
    return {name: value for name, value in LAUNCHERS[launcher](need).items() if name not in given}


def _metronome(need: Need) -> dict[str, str]:
    return {METRONOME_CPUS: f"{need.cpus:g}", METRONOME_MEM: str(need.memory_mib)}


def _kubernetes(need: Need) -> dict[str, str]:
    memory = {"memory": f"{need.memory_mib}Mi"}
    resources = {"requests": {"cpu": f"{need.cpus:g}", **memory}, "limits": memory}
    return {KUBERNETES_CONFIG: json.dumps({"container_config": {"resources": resources}})}


LAUNCHERS: Mapping[str, Callable[[Need], dict[str, str]]] = {
    "MetronomeRunLauncher": _metronome,
    "K8sRunLauncher": _kubernetes,
}
"""How the launchers that give a run cpus and memory, named by their class, read them from its tags."""


def _up(amount: float, by: float) -> float:
    return math.ceil(amount / by) * by
