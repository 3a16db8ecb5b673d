"""Show what it costs in accuracy that a fit of a large country sees only some of its rows.

    python bench/fit_rows.py [--articles 12000] [--limits 37500 75000 150000 300000] [--seeds 5]

A limit is that of the log-linear fit (`LARGEST_FIT_ROWS`); the trees' is two fifths of it, as it is by default. `all`
is a fit without limits. Each fit forecasts the four last weeks of a snapshot of Germany that it does not know, one week
ahead, as the check of the model has it. A seed draws other articles; the fit of all rows is one. Every process has one
thread, and seconds are the processor's for the fit and its forecasts.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# As in a round, in which each country has a core.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.floor import WEEK
from bench.one_country import COUNTRY
from markdown_pricing.countries import read_countries
from markdown_pricing.demand import coming_week, gradient_boosting, log_linear
from markdown_pricing.demand.model import FitReport, evaluate
from markdown_pricing.pricing import CountryWeek, make_training_data
from markdown_pricing.sample.families import family_named
from markdown_pricing.sample.season import sample_market

MODEL, FAMILY = "gradient_boosting", "reference_logit"
TREES = gradient_boosting.LARGEST_TRAINING_ROWS / log_linear.LARGEST_FIT_ROWS
"""The part of the limit that is the trees'."""
ALL = 10**12


@contextmanager
def limited_to(rows: int) -> Iterator[None]:
    """Fits that see at most so many rows."""
    model = gradient_boosting.GradientBoosting
    own = log_linear.LARGEST_FIT_ROWS, gradient_boosting.LARGEST_TRAINING_ROWS, coming_week.LARGEST_TRAINING_ROWS
    judged_rows, model.judged_rows = model.judged_rows, None  # what is judged here are the limits
    _set(rows, int(TREES * rows), int(TREES * rows))
    try:
        yield
    finally:
        _set(*own)
        model.judged_rows = judged_rows


def _set(fit: int, trees: int, near: int) -> None:
    log_linear.LARGEST_FIT_ROWS = fit
    gradient_boosting.LARGEST_TRAINING_ROWS, coming_week.LARGEST_TRAINING_ROWS = trees, near


def judged(history: pd.DataFrame, limit: int, seed: int) -> tuple[FitReport, float]:
    """What the limited model errs on the last weeks, and the seconds that this took."""
    began = time.process_time()
    with limited_to(limit):
        report = evaluate(MODEL, history, WEEK, seed)
    return report, time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=int, default=12_000)
    parser.add_argument("--limits", type=int, nargs="+", default=[37_500, 75_000, 150_000, 300_000])
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    market = sample_market(read_countries()[COUNTRY], WEEK, given.articles, seed=1, family=family_named(FAMILY))
    history = CountryWeek.of(make_training_data(market.table(), WEEK, COUNTRY), WEEK, COUNTRY).history
    print(f"{len(history):,} rows of {COUNTRY}; {given.seeds} seeds, means, and from the least to the most\n")
    print("| rows of a fit | error (WAPE) | bias, % | seconds |\n|---|---|---|---|")
    for limit in (*given.limits, ALL):
        found = [judged(history, limit, seed) for seed in range(given.seeds if limit < len(history) else 1)]
        wape, bias = (np.array([getattr(report, name) for report, _ in found]) for name in ("wape", "bias"))
        seconds = np.mean([each for _, each in found])
        rows = f"{limit:,}" if limit < len(history) else "all"
        print(
            f"| {rows} | {wape.mean():.4f} ({wape.min():.4f} to {wape.max():.4f}) | {100 * bias.mean():+.2f} "
            f"({100 * bias.min():+.2f} to {100 * bias.max():+.2f}) | {seconds:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
