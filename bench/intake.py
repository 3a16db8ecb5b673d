"""Time the intake of one country by two checkouts in turn: reading its snapshot, and checking and sorting its rows.

    python bench/intake.py OTHER [--articles 6000] [--pairs 7]

OTHER is another checkout with a `.venv` of its own, such as a `git worktree` of an earlier commit. Each figure is that
of a process of its own with one thread, in processor seconds, and both read the delivery that this checkout makes.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

PROJECT = Path(__file__).parents[1]
sys.path.insert(0, str(PROJECT))

from markdown_pricing.countries import read_countries  # noqa: E402
from markdown_pricing.lake.filesystem import Lake  # noqa: E402
from markdown_pricing.process.threads import VARIABLES  # noqa: E402
from markdown_pricing.sample.deliver import deliver_sample  # noqa: E402

WEEK = date(2026, 11, 23)
TIMED = """
import sys, time, inspect
from datetime import date
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.snapshot import find_snapshot, read_country
from markdown_pricing.pricing import make_training_data
from markdown_pricing.training_data.schema import columns_to_read
lake, week = Lake(sys.argv[1]), date.fromisoformat(sys.argv[2])
snapshot, began = find_snapshot(lake, week), time.process_time()
how = {"encoded": True} if "encoded" in inspect.signature(read_country).parameters else {}
rows, read = read_country(lake, snapshot, "DEU", columns_to_read, **how), time.process_time()
make_training_data(rows, week, "DEU")
print(read - began, time.process_time() - read)
"""
"""Run by each checkout; only a later one can leave strings encoded."""


def seconds(checkout: Path, lake: str) -> tuple[float, float]:
    """Those of reading, and those of the intake."""
    command = [str(checkout.resolve() / ".venv/bin/python"), "-c", TIMED, lake, str(WEEK)]
    environ = {**os.environ, **dict.fromkeys(VARIABLES, "1")}
    told = subprocess.run(command, check=True, cwd=checkout, env=environ, capture_output=True, text=True).stdout
    read, taken_in = map(float, told.split())
    return read, taken_in


def compare(other: Path, articles: int, pairs: int) -> None:
    with tempfile.TemporaryDirectory() as lake:
        deliver_sample(Lake(lake), WEEK, [read_countries()["DEU"]], articles, seed=1)
        timed = [(seconds(other, lake), seconds(PROJECT, lake)) for _ in range(pairs)]
    print("| DEU, medians | other, s | this one, s | ratio |\n|---|---|---|---|")
    for part, name in enumerate(("read", "make_training_data")):
        before, now = ([pair[which][part] for pair in timed] for which in (0, 1))
        ratio = statistics.median(own / old for own, old in zip(now, before, strict=True))
        print(f"| {name} | {statistics.median(before):.3f} | {statistics.median(now):.3f} | {ratio:.2f} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", type=Path)
    parser.add_argument("--articles", type=int, default=6_000)
    parser.add_argument("--pairs", type=int, default=7)
    compare(**vars(parser.parse_args()))
