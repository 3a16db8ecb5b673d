"""mlforecast with a ladder rule: one rung down when the stock will not be sold by the end at the forecast rate.

The forecasts come from a process that stays: bench/mlforecast_service.py.
"""

import json
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from markdown_pricing.arrays import BoolArray, FloatArray, IntArray
from markdown_pricing.markdown.simple_policies import allowed_prices
from markdown_pricing.markdown.simulation import MarketView, WeekPrices

SERVICE = Path(__file__).parent / "mlforecast_service.py"
SENT = ["article_id", "week", "category", "price", "list_price", "launch_week", "end_week", "units"]
SLOW = 1.0
"""From this ratio of stock to the units forecast until the end on, an article goes one rung down. It was not searched:
1 is what the rule says, that the stock will not be sold by the end."""


@dataclass(frozen=True)
class Forecaster:
    """The process that forecasts, which answers one question after the other."""

    process: "subprocess.Popen[str]"
    folder: Path

    def units(self, view: MarketView, weeks: int) -> FloatArray:
        """The units of this week and those after it at today's price, (articles, weeks).

        NaN for an article that has never been in stock before.
        """
        rows, answer = self.folder / "rows.parquet", self.folder / "units.parquet"
        sent(view.articles, view.history).to_parquet(rows, index=False)
        question = {"rows": str(rows), "week": str(view.week), "weeks": weeks, "answer": str(answer)}
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(json.dumps(question), file=self.process.stdin, flush=True)
        if not self.process.stdout.readline():
            raise RuntimeError(f"{SERVICE.name} ended before it answered; the lines that it printed above say why")
        told = pd.read_parquet(answer)
        told["ahead"] = (told["week"] - pd.Timestamp(view.week)).dt.days // 7
        table = told.pivot(index="article_id", columns="ahead", values="units")
        asked = table.reindex(index=view.articles["article_id"], columns=range(weeks))
        units_ahead: FloatArray = asked.to_numpy(dtype=np.float64)
        return units_ahead


def sent(articles: pd.DataFrame, history: pd.DataFrame) -> pd.DataFrame:
    """The rows of a question: units are empty where the week began without stock, and in the articles' own week."""
    # More returned than sold counts as nothing sold, as in the plain peer: the loss knows no units below 0.
    past = history[SENT].assign(units=history["units"].clip(lower=0.0).where(history["stock"] > 0))
    rows = pd.concat([past, articles[SENT].assign(units=np.nan)], ignore_index=True)
    # The other interpreter's pandas does not have this one's string type.
    return rows.astype({"article_id": object, "category": object})


@contextmanager
def forecaster(interpreter: str) -> Iterator[Forecaster]:
    """A process of an interpreter that has mlforecast; it ends with the context."""
    with tempfile.TemporaryDirectory() as folder:
        given: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        with subprocess.Popen([interpreter, str(SERVICE)], **given) as process:
            yield Forecaster(process, Path(folder))


@dataclass(frozen=True)
class ForecastLadder:
    """The policy. `slow` is the ratio of stock to coming sales from which on an article goes one rung down."""

    forecaster: Forecaster
    slow: float = SLOW

    def __call__(self, view: MarketView) -> WeekPrices:
        ladders = view.ladders()
        units = self.forecaster.units(view, ladders.weeks)
        down = too_slow(ladders.season.supply, units, ladders.season.weeks_left, self.slow)
        return WeekPrices(allowed_prices(ladders, down.astype(np.int64)))


def too_slow(supply: IntArray, units: FloatArray, weeks_left: IntArray, slow: float) -> BoolArray:
    """Whether the stock is at least `slow` times what will be sold by the end, (articles,).

    supply, weeks_left : (articles,) ; units : (articles, weeks), the forecast; NaN where there is none, so that the
    article keeps its price
    """
    lasts = np.arange(units.shape[1]) < weeks_left[:, np.newaxis]
    coming = np.where(lasts, units, 0.0).sum(axis=1)
    slow_sellers: BoolArray = supply >= slow * coming
    return slow_sellers
