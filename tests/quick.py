"""For tests of what stands around a demand model: a model that is fitted at once, and sample deliveries made once."""

import json
import os
import time
from datetime import date
from functools import cache
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
import pyarrow as pa

from markdown_pricing.countries import read_countries
from markdown_pricing.demand.model import DemandModel
from markdown_pricing.demand.shared import SharedDemand
from markdown_pricing.forecast import Forecast
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.sample import deliver as sample
from markdown_pricing.sample.season import sample_market

STEADY, PATIENT = "tests.quick:Steady", "tests.quick:Patient"
WAIT_WHILE = "WAIT_WHILE"
"""The variable that names the file as long as which is there `Patient` is not fitted."""
PATIENCE_S = "PATIENCE_S"
"""The variable that says for how many seconds at most; without it a minute."""
NEEDS_MIB = "needs_mib"
"""The file beside it that says how much memory `Patient` needs; without it no more than others."""


class Steady(DemandModel):
    """The mean of an article's last two weeks in stock, at an elasticity of 1.8."""

    usual = 1.0

    def fit(
        self, history: pd.DataFrame, week: date, seed: int, threads: int = 1, shared: SharedDemand | None = None
    ) -> None:
        units = history.loc[history["stock"] > 0, "units"]
        self.usual = float(units.mean()) if len(units) else 1.0

    def forecast(self, articles: pd.DataFrame, history: pd.DataFrame, week: date) -> Forecast:
        last = history[history["stock"] > 0].groupby("article_id").tail(2).groupby("article_id")
        rate = articles["article_id"].map(last["units"].mean()).fillna(self.usual).clip(lower=0.01)
        sold_at = articles["article_id"].map(last["price"].mean()).fillna(articles["list_price"])
        rate, sold_at = (known.to_numpy(dtype=float)[:, None, None] for known in (rate, sold_at))
        return Forecast(
            "Steady", lambda prices, weeks: np.repeat(rate * (prices[:, :, None] / sold_at) ** -1.8, weeks, axis=2)
        )

    def importance(self) -> dict[str, float]:
        return {"units of two weeks": 1.0}

    def to_bytes(self) -> bytes:
        return json.dumps(self.usual).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        model = cls()
        model.usual = json.loads(data)
        return model


class Patient(Steady):
    def fit(
        self, history: pd.DataFrame, week: date, seed: int, threads: int = 1, shared: SharedDemand | None = None
    ) -> None:
        wait = Path(os.environ[WAIT_WHILE])
        needs = wait.with_name(NEEDS_MIB)
        _needed = np.ones(int(needs.read_text()) * 2**20 if needs.exists() else 0, dtype=np.uint8)
        until = time.monotonic() + float(os.environ.get(PATIENCE_S, "60"))
        while wait.exists() and time.monotonic() < until:
            time.sleep(0.05)
        super().fit(history, week, seed, threads, shared)


@cache
def sold(code: str, week: date, articles: int, seed: int = 0) -> pa.Table:
    """The sample's training data of a country; it is played once for all tests of a process."""
    return sample_market(read_countries()[code], week, articles, seed).table()


def deliver(lake: Lake, week: date, codes: tuple[str, ...], articles: int, seed: int = 0) -> None:
    """Deliver the sample of these countries as `deliver_sample` does."""
    tables = [(code, sold(code, week, articles, seed)) for code in codes]
    sample.deliver(lake, week, tables, f"season {seed}")
