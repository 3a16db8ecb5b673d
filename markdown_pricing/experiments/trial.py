"""What a model earned in a back-test, and whether a challenger beat the champion in the very same one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pandas as pd

from markdown_pricing.texts.words import counted

MEASURES = ("revenue", "sell_through", "wape", "bias", "wape_after_cut", "seconds_a_week")


@dataclass(frozen=True)
class Trial:
    """One model in one country of one back-test: its parameters, its metrics, and the rules of the game."""

    backtest: str
    model: str
    country: str
    parameters: Mapping[str, str]
    metrics: Mapping[str, float]
    rules: str
    """The text of the rules file."""


def trials(scores: pd.DataFrame, backtest: str, parameters: Mapping[str, str], rules: str) -> Iterator[Trial]:
    """A trial for each model and country of `scores`, with the means over its markets.

    scores : a row per policy and market
    """
    for (model, country), rows in scores.groupby(["policy", "country"], sort=False):
        metrics = {name: float(rows[name].mean()) for name in MEASURES if rows[name].notna().any()}
        yield Trial(backtest, str(model), str(country), parameters, metrics, rules)


@dataclass(frozen=True)
class Verdict:
    """Whether the challenger beat the champion by the margin.

    leads : (markets,), percent more revenue than the champion's in the same market, by family, country and seed
    """

    champion: str
    challenger: str
    leads: pd.Series
    margin_pct: float

    @property
    def lead_pct(self) -> float:
        """The challenger's mean lead over all markets, in percent."""
        return float(self.leads.mean())

    @property
    def won(self) -> bool:
        """Whether the lead is at least the margin."""
        return self.lead_pct >= self.margin_pct

    def __str__(self) -> str:
        ahead = int((self.leads > 0).sum())
        return (
            f"{self.challenger} earns {self.lead_pct:+.2f} % against {self.champion}, ahead in {ahead} of "
            f"{counted(len(self.leads), 'market')}; {self.margin_pct:g} % are asked for."
        )


def judge(revenue: pd.DataFrame, champion: str, challenger: str, margin_pct: float) -> Verdict:
    """Compare the two models market by market.

    revenue : a row per market, and a column per policy
    """
    return Verdict(champion, challenger, 100 * (revenue[challenger] / revenue[champion] - 1), margin_pct)
