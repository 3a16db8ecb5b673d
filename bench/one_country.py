"""Time one country from snapshot to ERP beside its bare floor, which only reads, fits, predicts and copies the same.

    python bench/one_country.py [--articles 400] [--runs 3]

Each figure is a process of its own, the two in turn, so that the ratio holds on a noisy machine. Ours reads the
snapshot from a folder, checks it, fits, evaluates, plans, publishes and refreshes PostgreSQL, through Dagster. What
the floor does is in bench/floor.py.
"""

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

PROJECT = Path(__file__).parents[1]
sys.path.insert(0, str(PROJECT))

from bench.floor import PARTS, WEEK, Figures, Place, in_a_process  # noqa: E402
from markdown_pricing.countries import read_countries  # noqa: E402
from markdown_pricing.lake.filesystem import Lake  # noqa: E402
from markdown_pricing.sample.deliver import deliver_sample  # noqa: E402
from tests.postgres.server import PostgresServer, postgres_server  # noqa: E402

COUNTRY = "DEU"
"""The largest country."""


def place_in(folder: Path, server: PostgresServer, lake: str | None = None) -> Place:
    """A place where everything is fresh but the lake, which is the folder's own when none is given."""
    databases = server.fresh_database(), server.fresh_database()
    return Place(lake or str(folder / "lake"), *databases, user=server.user, home=folder / "dagster")


def in_turn(place: Place, kept: Path, runs: int) -> list[tuple[Figures, Figures]]:
    """For each run our seconds, the floor's seconds with its parts, and peak MiB. The matrices are kept beforehand."""

    def figures(what: str, *arguments: str) -> Figures:
        told = in_a_process(place, what, *arguments, COUNTRY)
        return {**told["countries"][COUNTRY], "peak MiB": told["peak_mib"]}

    figures("keep", str(kept))
    return [(figures("ours"), figures("floor", str(kept))) for _ in range(runs)]


def show(articles: int, pairs: Sequence[tuple[Figures, Figures]]) -> None:
    print(f"{COUNTRY}, {articles:,} articles to price, {len(pairs)} runs of each in turn, medians\n")
    print("| | snapshot to ERP | bare floor | ratio |\n|---|---|---|---|")
    for figure in ("seconds", "peak MiB"):
        own, bare = (statistics.median(pair[which][figure] for pair in pairs) for which in (0, 1))
        ratio = statistics.median(pair[0][figure] / pair[1][figure] for pair in pairs)
        print(f"| {figure} | {own:,.2f} | {bare:,.2f} | {ratio:.2f} |")
    parts = (f"{part} {statistics.median(bare[part] for _, bare in pairs):.2f}" for part in PARTS)
    print(f"\nThe floor's seconds: {', '.join(parts)}.")


def compare(articles: int, runs: int) -> None:
    with tempfile.TemporaryDirectory() as folder, postgres_server() as server:
        place = place_in(Path(folder), server)
        deliver_sample(Lake(place.lake), WEEK, [read_countries()[COUNTRY]], articles, seed=1)
        show(articles, in_turn(place, Path(folder) / "kept", runs))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=int, default=400)
    parser.add_argument("--runs", type=int, default=3)
    compare(**vars(parser.parse_args()))
