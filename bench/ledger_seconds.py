"""How long the ledger of a sold week takes beside the round of the same country, through Dagster.

    python bench/ledger_seconds.py --articles 1000

It plays Mondays of one country by the commands that people have, and makes the ledger of all but the last one.
"""

import argparse
import tempfile
from datetime import date, timedelta
from pathlib import Path

from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

from examples.weeks import FOLLOWED, NOT_APPLIED, ONE_WEEK, Shop
from markdown_pricing.orchestration.names import JOB, OUTCOMES_JOB


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--country", default="DEU")
    options.add_argument("--articles", type=int, default=1000)
    options.add_argument("--weeks", type=int, default=2)
    given = options.parse_args()
    today = date.today()
    first = today - timedelta(days=today.weekday()) - given.weeks * ONE_WEEK
    with tempfile.TemporaryDirectory() as folder:
        shop = Shop(Path(folder), [given.country], given.articles, first)
        shop.open()
        weeks = [first + number * ONE_WEEK for number in range(given.weeks)]
        for week in weeks:
            shop.play(week, FOLLOWED, NOT_APPLIED, workers=1)
        shop.price(workers=1)
        for line in shop.settle(weeks):
            print(line)
        with DagsterInstance.from_config(shop.environment["DAGSTER_HOME"]) as instance:
            for job in (JOB, OUTCOMES_JOB):
                print(f"{job}: {', '.join(f'{seconds:.1f} s' for seconds in seconds_of(instance, job))}")


def seconds_of(instance: DagsterInstance, job: str) -> list[float]:
    """The seconds of each successful run of the job, the first one first."""
    records = instance.get_run_records(RunsFilter(job_name=job, statuses=[DagsterRunStatus.SUCCESS]), ascending=True)
    return [record.end_time - record.start_time for record in records if record.start_time and record.end_time]


if __name__ == "__main__":
    main()
