"""The plain peer of bench/peers.py: what a data scientist sets up with LightGBM in a day.

400 trees of 31 leaves, lags 1 to 4 and 8, running means of 4, 8 and 13 weeks, and demand that falls with the price. It
is `plain_boosting` with another memory and other trees, and learns from as many rows as `gradient_boosting` does at
most. Its learning rate makes 400 trees learn as far as the 150 of `plain_boosting`; nothing else was searched.
"""

from datetime import date
from typing import ClassVar

import pandas as pd

from markdown_pricing.demand.plain_boosting import PARAMETERS, PlainBoosting, Setup
from markdown_pricing.demand.shared import SharedDemand

THREADS = 2
TRAINING_ROWS = 150_000


class PlainPeer(PlainBoosting):
    """`PlainBoosting` with the peer's setup, trained on two threads whatever it is given."""

    setup: ClassVar[Setup] = Setup(
        lags=(1, 2, 3, 4, 8),
        means=(4, 8, 13),
        trees=400,
        training_rows=TRAINING_ROWS,
        parameters={**PARAMETERS, "num_leaves": 31, "learning_rate": 0.03},
    )

    def fit(
        self, history: pd.DataFrame, week: date, seed: int, threads: int = 1, shared: SharedDemand | None = None
    ) -> None:
        super().fit(history, week, seed, THREADS, shared)
