"""Measure how a country's seconds and memory grow with its articles, step by step.

    python bench/sizes.py [--articles 2000 20000 200000] [--out FILE.json]

For each number of articles a snapshot of Germany is generated and priced from a folder to PostgreSQL by
`markdown-pricing run` with one worker, in processes of its own. Beside it stands Malta with ten articles, because what
countries share is learnt from two at least. The steps are Germany's and what both share, by Dagster's events; *rest* is
all else of the command: processes, imports, runs, events, and Malta. The peak is that of the process that needed most.
LightGBM and BLAS have one thread. FILE is what `cluster.py --measured` reads.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.floor import WEEK, Place
from bench.one_country import COUNTRY, place_in
from bench.round import MADE_TOGETHER, round_at, steps_of
from markdown_pricing.countries import read_countries
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.sample.deliver import deliver_sample
from tests.postgres.server import PostgresServer, postgres_server

STEPS = (MADE_TOGETHER, "training_data", "demand_model", "markdown_predictions", "erp_refresh")
BESIDE = "MLT"
REST, PEAK, ARTICLES = "rest", "peak MiB", "articles"


def seconds_of_steps(home: Path) -> dict[str, float]:
    """The seconds of each of STEPS with the checks that follow it."""
    seconds = dict.fromkeys(STEPS, 0.0)
    for partition, step, each in steps_of(home):
        if BESIDE not in partition:
            seconds[_asset_of(step)] += each
    return seconds


def _asset_of(step: str) -> str:
    """The asset in STEPS that a step makes or checks; what only copies decisions belongs to the training data."""
    checked = {"predictions_are_acceptable": "markdown_predictions", "decisions": "training_data"}
    return next((asset for asset in STEPS if step.startswith(asset)), checked.get(step, "demand_model"))


def measured(articles: int, server: PostgresServer) -> dict[str, float]:
    """The figures of a country of that size: ARTICLES, the seconds of STEPS and REST, and PEAK."""
    with tempfile.TemporaryDirectory() as folder:
        place: Place = place_in(Path(folder), server)
        _tell(f"a snapshot of {articles:,} articles is generated")
        countries = read_countries()
        sizes = {COUNTRY: articles, BESIDE: 10}
        deliver_sample(Lake(place.lake), WEEK, [countries[code] for code in sizes], sizes, seed=1)
        _tell("it is priced")
        whole = round_at(place, workers=1)
        steps = seconds_of_steps(place.home)
        rest = whole.seconds - sum(steps.values())
        return {ARTICLES: articles, **steps, REST: rest, PEAK: whole.peak_mib}


def show(figures: Sequence[Mapping[str, float]]) -> None:
    names = [*STEPS, REST]
    print(f"| articles | {' | '.join(names)} | seconds | peak MiB |\n|---{'|---' * (len(names) + 2)}|")
    for one in figures:
        seconds = " | ".join(f"{one[name]:.1f}" for name in names)
        print(f"| {one[ARTICLES]:,} | {seconds} | {sum(one[name] for name in names):.1f} | {one[PEAK]:,.0f} |")


def _tell(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=int, nargs="+", default=[2_000, 20_000, 200_000])
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    with postgres_server() as server:
        figures = [measured(articles, server) for articles in given.articles]
    show(figures)
    if given.out:
        given.out.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
