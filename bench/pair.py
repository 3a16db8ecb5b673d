"""Price the same countries by two checkouts in turn: the seconds of each, and where their prices differ.

    python bench/pair.py OTHER [--articles 300] [--countries AUT DEU POL] [--pairs 3] [--as-then]

OTHER is another checkout with a `.venv` of its own, such as a `git worktree` of an earlier commit. Both price the same
sample, which this checkout delivers, by `markdown-pricing price` with one thread. Seconds are those of the processor,
which other work on the machine disturbs least. The ratio is that of the middle one of the pairs.

With --as-then OTHER is commit 849ec51, which could mark down at once and for every cent. This checkout then may, too,
and prices a third time without what that commit did not do (as_then.py).
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
AT_ONCE = "[default]\nfull_price_weeks = 0\nleast_gain_pct = 0.0\n"
"""Rules under which every article may be marked down at once, and for every cent."""


def price(checkout: Path, lake: str, out: Path, rules: Path | None = None, as_then: bool = False) -> float:
    """The processor seconds in which the checkout prices the lake into a file."""
    folder = checkout.resolve() / ".venv/bin"
    program = [folder / "python", "bench/as_then.py"] if as_then else [folder / "markdown-pricing"]
    under: list[str | Path] = ["--rules", rules] if rules else []
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [*program, "price", "--lake", lake, "--week", str(WEEK), "--out", out, *under],
        check=True,
        cwd=checkout,
        env={**os.environ, **dict.fromkeys(VARIABLES, "1")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def show(seconds: Sequence[Sequence[float]], other: pd.DataFrame, own: pd.DataFrame) -> None:
    """Print a table; the frames have the rows of the same articles.

    seconds : of each turn: of the other one, of this one, and of this one as it was then, where that was asked for
    """
    both = other.merge(own, on=["country", "article_id"], suffixes=("", "_own"), validate="1:1")
    middle = [statistics.median(each) for each in zip(*seconds, strict=True)]
    money = both.groupby("country")[["expected_revenue", "expected_revenue_own"]].sum()
    apart = 100 * (money["expected_revenue_own"] / money["expected_revenue"] - 1)
    in_eur = money.mul(money.index.map(lambda code: read_countries()[code].in_eur(1.0)), axis=0).sum()
    named = ["other, s", "this one, s", "as then, s"][: len(middle)]
    ratios = [statistics.median(turn[which] / turn[0] for turn in seconds) for which in range(1, len(middle))]
    columns = ["articles", *named, *["ratio"] * len(ratios), "other rungs", "revenue, %", "most in a country, %"]
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    total = 100 * (in_eur["expected_revenue_own"] / in_eur["expected_revenue"] - 1)
    rungs = int((both["recommended_price"] != both["recommended_price_own"]).sum())
    told = " | ".join(f"{each:.2f}" for each in (*middle, *ratios))
    print(f"| {len(both):,} | {told} | {rungs} | {total:+.4f} | {apart.loc[apart.abs().idxmax()]:+.4f} |")


def compare(other: Path, articles: int, countries: Sequence[str], pairs: int, as_then: bool) -> None:
    configured = read_countries()
    with tempfile.TemporaryDirectory() as folder:
        lake, files = f"{folder}/lake", [Path(folder) / f"{name}.parquet" for name in ("other", "own")]
        deliver_sample(Lake(lake), WEEK, [configured[code] for code in countries], articles, seed=5)
        rules = Path(folder) / "rules.toml" if as_then else None
        if rules:
            rules.write_text(AT_ONCE)
        seconds = []
        for _ in range(pairs):
            turn = [price(other.resolve(), lake, files[0]), price(PROJECT, lake, files[1], rules)]
            if as_then:
                turn.append(price(PROJECT, lake, Path(folder) / "as then.parquet", rules, as_then))
            seconds.append(turn)
        show(seconds, *map(pd.read_parquet, files))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", type=Path)
    parser.add_argument("--articles", type=int, default=300)
    parser.add_argument("--countries", nargs="+", default=["AUT", "DEU", "POL"])
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--as-then", action="store_true", help="price a third time, as commit 849ec51 did")
    compare(**vars(parser.parse_args()))
