"""How much processor time the ledger of a sold week takes beside the round of the same country, through Dagster.

    python bench/ledger_seconds.py --articles 1000
    python bench/ledger_seconds.py --countries FRA,AUT,MLT

It plays Mondays by the commands that people have. Then it runs the round of the newest week and the ledger of the week
before it in this process, several times in turn, so that neither start-up nor what else the machine does is counted.
"""

import argparse
import statistics
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from os import times
from pathlib import Path

from dagster import BetaWarning, DagsterInstance, JobDefinition

from examples.weeks import FOLLOWED, NOT_APPLIED, ONE_WEEK, Shop, codes_in
from markdown_pricing.definitions import build
from markdown_pricing.orchestration.names import JOB, OUTCOMES_JOB
from markdown_pricing.orchestration.partitions import partition_key
from markdown_pricing.settings import Settings

WEEKS = 2
"""So many weeks are sold: a ledger brings the week before its own up to date, too."""
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--countries", type=codes_in, default="DEU")
    options.add_argument("--articles", type=int, help="of each country; without it each has its usual number")
    options.add_argument("--repeats", type=int, default=5)
    given = options.parse_args()
    warnings.filterwarnings("ignore", "Handling yaml-defined logging", BetaWarning)
    today = date.today()
    newest = today - timedelta(days=today.weekday())
    with tempfile.TemporaryDirectory() as folder:
        shop = Shop(Path(folder), given.countries, given.articles, newest - WEEKS * ONE_WEEK)
        shop.open()
        for ago in range(WEEKS, 0, -1):
            shop.play(newest - ago * ONE_WEEK, FOLLOWED, NOT_APPLIED, workers=1)
        shop.price(workers=1)
        for line in compared(shop, newest, given.repeats):
            print(line)


def compared(shop: Shop, newest: date, repeats: int) -> Iterator[str]:
    """A line for each country: the processor seconds of its round and of its ledger."""
    made = build(Settings.from_env(shop.environment))
    weeks = {JOB: newest, OUTCOMES_JOB: newest - ONE_WEEK}
    with DagsterInstance.from_config(shop.environment["DAGSTER_HOME"]) as instance:
        for country in shop.countries:
            spent: Mapping[str, list[float]] = {job: [] for job in weeks}
            for _ in range(1 + repeats):  # the first time imports and caches are paid for
                for job, week in weeks.items():
                    spent[job].append(seconds_of(instance, made.resolve_job_def(job), week, country))
            round_s, ledger_s = (statistics.median(spent[job][1:]) for job in weeks)
            yield f"{country}: round {round_s:.2f} s, ledger {ledger_s:.2f} s, {100 * ledger_s / round_s:.0f} % of it"


def seconds_of(instance: DagsterInstance, job: JobDefinition, week: date, country: str) -> float:
    """The processor seconds of a run, with those of processes that it has started and seen end."""
    before = times()
    assert job.execute_in_process(QUIET, instance, partition_key(week, country)).success
    return sum(times()[:4]) - sum(before[:4])


if __name__ == "__main__":
    main()
