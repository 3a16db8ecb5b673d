"""Price the same countries by two checkouts in turn: the seconds of each, and where their prices differ.

    python bench/pair.py OTHER [--articles 300] [--countries AUT DEU POL] [--pairs 3]

OTHER is another checkout with a `.venv` of its own, such as a `git worktree` of an earlier commit. Both price the same
sample, which this checkout delivers, by `markdown-pricing price` with one thread. Seconds are those of the processor,
which other work on the machine disturbs least. The ratio is that of the middle one of the pairs.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pandas as pd

PROJECT = Path(__file__).parents[1]
sys.path.insert(0, str(PROJECT))

from markdown_pricing.countries import read_countries  # noqa: E402
from markdown_pricing.lake.filesystem import Lake  # noqa: E402
from markdown_pricing.process.threads import VARIABLES  # noqa: E402
from markdown_pricing.sample.deliver import deliver_sample  # noqa: E402

WEEK = date(2026, 11, 23)


def price(checkout: Path, lake: str, out: Path) -> float:
    """The processor seconds in which the checkout prices the lake into a file."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [checkout.resolve() / ".venv/bin/markdown-pricing", "price", "--lake", lake, "--week", str(WEEK), "--out", out],
        check=True,
        cwd=checkout,
        env={**os.environ, **dict.fromkeys(VARIABLES, "1")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def show(seconds: Sequence[tuple[float, float]], other: pd.DataFrame, own: pd.DataFrame) -> None:
    """Print a table; the frames have the rows of the same articles."""
    both = other.merge(own, on=["country", "article_id"], suffixes=("", "_own"), validate="1:1")
    middle = [statistics.median(each) for each in zip(*seconds, strict=True)]
    money = both.groupby("country")[["expected_revenue", "expected_revenue_own"]].sum()
    apart = 100 * (money["expected_revenue_own"] / money["expected_revenue"] - 1)
    in_eur = money.mul(money.index.map(lambda code: read_countries()[code].in_eur(1.0)), axis=0).sum()
    print("| articles | other, s | this one, s | ratio | other rungs | revenue, % | most in a country, % |")
    print("|---|---|---|---|---|---|---|")
    ratio = statistics.median(own / other for other, own in seconds)
    total = 100 * (in_eur["expected_revenue_own"] / in_eur["expected_revenue"] - 1)
    rungs = int((both["recommended_price"] != both["recommended_price_own"]).sum())
    print(
        f"| {len(both):,} | {middle[0]:.2f} | {middle[1]:.2f} | {ratio:.2f} | {rungs} | {total:+.4f} "
        f"| {apart.loc[apart.abs().idxmax()]:+.4f} |"
    )


def compare(other: Path, articles: int, countries: Sequence[str], pairs: int) -> None:
    configured = read_countries()
    with tempfile.TemporaryDirectory() as folder:
        lake, files = f"{folder}/lake", [Path(folder) / f"{name}.parquet" for name in ("other", "own")]
        deliver_sample(Lake(lake), WEEK, [configured[code] for code in countries], articles, seed=5)
        checkouts = zip((other.resolve(), PROJECT), files, strict=True)
        in_turn = list(checkouts) * pairs
        seconds = [price(checkout, lake, file) for checkout, file in in_turn]
        show(list(zip(seconds[::2], seconds[1::2], strict=True)), *map(pd.read_parquet, files))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", type=Path)
    parser.add_argument("--articles", type=int, default=300)
    parser.add_argument("--countries", nargs="+", default=["AUT", "DEU", "POL"])
    parser.add_argument("--pairs", type=int, default=3)
    compare(**vars(parser.parse_args()))
