"""How much processor time the ledger of a sold week takes beside the round of the same country, through Dagster.

    python bench/ledger_seconds.py --articles 1000
    python bench/ledger_seconds.py --countries FRA,AUT,MLT
    python bench/ledger_seconds.py --largest 20000 --repeats 1

The last line is all countries at production size. It plays Mondays by the commands that people have, with the ERP and
Dagster's storage in PostgreSQL. Then it runs the round of the newest week and the ledger of the week before it in this
process, in turn, so that neither start-up nor what else the machine does is counted; nor are PostgreSQL's own processor
seconds. The ledger of the week before that one was made then, as in every other week.
"""

import argparse
import os
import statistics
import sys
import tempfile
import warnings
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import yaml  # type: ignore[import-untyped]
from dagster import BetaWarning, DagsterInstance, JobDefinition
from sqlalchemy import make_url

sys.path.insert(0, str(Path(__file__).parents[1]))

from examples.weeks import FOLLOWED, NOT_APPLIED, ONE_WEEK, Shop, codes_in
from markdown_pricing.countries import read_countries
from markdown_pricing.definitions import build
from markdown_pricing.installation.settings import Settings
from markdown_pricing.orchestration.names import JOB, OUTCOMES_JOB
from markdown_pricing.orchestration.partitions import partition_key
from tests.postgres.server import PostgresServer, postgres_server

WEEKS = 2
"""So many weeks are sold: a ledger brings the week before its own up to date, too."""
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--countries", type=codes_in, help="DEU by default, and with --largest all of the sample")
    options.add_argument("--articles", type=int, help="of each country; without it each has its usual number")
    options.add_argument("--largest", type=int, help="articles of the largest country; the others by Zipf's law")
    options.add_argument("--repeats", type=int, default=5)
    given = options.parse_args()
    warnings.filterwarnings("ignore", "Handling yaml-defined logging", BetaWarning)
    today = date.today()
    newest = today - timedelta(days=today.weekday())
    with tempfile.TemporaryDirectory() as folder, postgres_server() as server:
        countries = given.countries or (list(read_countries()) if given.largest else ["DEU"])
        settings = in_production(Path(folder), server)
        shop = Shop(
            Path(folder) / "shop", countries, given.articles, newest - WEEKS * ONE_WEEK, given.largest, settings
        )
        shop.open()
        for ago in range(WEEKS, 0, -1):
            shop.play(newest - ago * ONE_WEEK, FOLLOWED, NOT_APPLIED, workers=1)
        shop.price(workers=1)
        for line in compared(shop, newest, given.repeats):
            print(line, flush=True)


def in_production(folder: Path, server: PostgresServer) -> dict[str, str]:
    """The settings of an ERP, and of a DAGSTER_HOME with the image's dagster.yaml, both on that server."""
    config = yaml.safe_load((Path(__file__).parents[1] / "docker/dagster.yaml").read_text())
    storage, home = make_url(server.fresh_database()), folder / "dagster"
    config["storage"]["custom"]["config"]["postgres_db"]["port"] = storage.port
    home.mkdir()
    (home / "dagster.yaml").write_text(yaml.safe_dump(config))
    return {
        "DAGSTER_HOME": str(home),
        "DAGSTER_PG_HOST": str(storage.host),
        "DAGSTER_PG_USER": server.user,
        "DAGSTER_PG_DB": str(storage.database),
        "DAGSTER_PG_PASSWORD": server.password or "not asked for",
        "MARKDOWN_PRICING_ERP": server.fresh_database(),
        "DB_USER": server.user,
        "DB_PASSWORD": server.password or "",
    }


def compared(shop: Shop, newest: date, repeats: int) -> Iterator[str]:
    """A line for each country, and one for all: the processor seconds of the round and of the ledger."""
    made = build(Settings.from_env(shop.environment))
    os.environ.update(shop.settings)  # those of Dagster's storage are read by its file
    with DagsterInstance.from_config(shop.environment["DAGSTER_HOME"]) as instance:

        def seconds(job: str, week: date, country: str) -> float:
            return seconds_of(instance, made.resolve_job_def(job), week, country)

        first = shop.countries[0]  # with it imports and caches are paid for
        seconds(JOB, newest, first)
        total = [0.0, 0.0]
        for country in shop.countries:
            seconds(OUTCOMES_JOB, newest - 2 * ONE_WEEK, country)
            pairs = [
                (seconds(JOB, newest, country), seconds(OUTCOMES_JOB, newest - ONE_WEEK, country))
                for _ in range(repeats)
            ]
            own = [statistics.median(each) for each in zip(*pairs, strict=True)]
            total = [so_far + each for so_far, each in zip(total, own, strict=True)]
            yield _line(country, *own)
        yield _line(f"All {len(shop.countries)}", *total)


def _line(name: str, round_s: float, ledger_s: float) -> str:
    return f"{name}: round {round_s:.2f} s, ledger {ledger_s:.2f} s, {100 * ledger_s / round_s:.0f} % of it"


def seconds_of(instance: DagsterInstance, job: JobDefinition, week: date, country: str) -> float:
    """The processor seconds of a run, with those of processes that it has started and seen end."""
    before = os.times()
    assert job.execute_in_process(QUIET, instance, partition_key(week, country)).success
    return sum(os.times()[:4]) - sum(before[:4])


if __name__ == "__main__":
    main()
