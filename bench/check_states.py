"""Time what Dagster's page asks of the storage for the lineage: the states of all checks, after so many rounds.

    python bench/check_states.py [--weeks 1 4 13]

Each week all countries of the package have passed every check that is made for a country and week. Dagster computes the
states of all of them anew whenever a page with these assets is opened, and as often as it looks again.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import dagster as dg

from markdown_pricing.definitions import build
from markdown_pricing.installation.settings import Settings
from markdown_pricing.orchestration.partitions import countries_in, partition_key
from markdown_pricing.weeks import ONE_WEEK, this_week

Checks = Sequence[tuple[dg.AssetCheckKey, dg.MultiPartitionsDefinition]]


def checks_of_countries(first_week: date) -> Checks:
    """Those that are made for one country and week, as the code location declares them."""
    settings = Settings.from_env({**os.environ, "MARKDOWN_PRICING_START_WEEK": first_week.isoformat()})
    graph = build(settings).resolve_asset_graph()
    found = [(key, graph.get(key).partitions_def) for key in sorted(graph.asset_check_keys)]
    return [(key, partitions) for key, partitions in found if isinstance(partitions, dg.MultiPartitionsDefinition)]


def pass_all(instance: dg.DagsterInstance, checks: Checks, week: date) -> int:
    """Every country passes every check in that week; returns how often one was passed."""
    passed = [(key, country) for key, partitions in checks for country in countries_in(partitions)]
    for key, country in passed:
        instance.report_runless_asset_event(
            dg.AssetCheckEvaluation(
                asset_key=key.asset_key, check_name=key.name, passed=True, partition=partition_key(week, country)
            )
        )
    return len(passed)


def measure(numbers_of_weeks: Sequence[int]) -> None:
    newest = this_week(datetime.now(UTC))
    checks = checks_of_countries(newest - timedelta(weeks=max(numbers_of_weeks) - 1))
    print("| weeks | states | processor seconds | milliseconds a state |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as home, dg.DagsterInstance.local_temp(home) as instance:
        states = 0
        for number in range(1, max(numbers_of_weeks) + 1):
            states += pass_all(instance, checks, newest - (number - 1) * ONE_WEEK)
            if number in numbers_of_weeks:
                began = time.process_time()
                instance.event_log_storage.get_asset_check_state(checks)
                seconds = time.process_time() - began
                print(f"| {number} | {states:,} | {seconds:.2f} | {1000 * seconds / states:.2f} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weeks", type=int, nargs="+", default=[1, 4, 13])
    measure(parser.parse_args().weeks)
