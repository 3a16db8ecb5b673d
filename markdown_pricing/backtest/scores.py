"""Tables of what policies earned and how well they forecast. Every comparison is paired, market by market."""

import numpy as np
import pandas as pd

from markdown_pricing.backtest.replay import NAIVE
from markdown_pricing.backtest.twin import PEER, PLANNER, Setting
from markdown_pricing.demand.calibration import biases
from markdown_pricing.markdown.simulation import Played

MARKET = ["family", "country", "seed"]
"""The columns that say in which market a policy earned its score."""
OVER = ("hold", "fixed_ladder", "tuned_rule", PEER)
QUANTILES = {"q10": 0.1, "q90": 0.9}


def score(setting: Setting, played: Played) -> dict[str, object]:
    """The score of one policy in one market: what its seasons earned, and how good its forecasts were."""
    return {
        "family": setting.family,
        "country": setting.country.code,
        "seed": setting.seed,
        "policy": played.policy,
        "seasons": len(played.seasons()),
        "revenue": played.revenue(),
        "revenue_launched": played.revenue(launched=True),
        "sell_through": played.sell_through(),
        **forecast_scores(played.forecasts),
        "seconds_a_week": float(played.seconds.mean()),
        "broken": len(played.broken),
        "unpriced": played.unpriced,
    }


def forecast_scores(forecasts: pd.DataFrame) -> dict[str, float]:
    """The error, bias and coverage of rows with actual, expected, q10, q90 and cut; NaN without rows.

    wape, bias      : sum |expected − actual| and sum (expected − actual), over sum |actual|
    …_after_cut     : the same of the weeks right after a markdown, which put the price response on trial
    below_q, at_q   : the share of sales strictly below the quantile, and at or below it; they differ because units
        are whole numbers
    """
    after = forecasts[forecasts["cut"].astype(bool)]
    shares = {
        f"{where}_{name}": float(hit.mean()) if len(forecasts) and forecasts[name].notna().any() else np.nan
        for name in QUANTILES
        for where, hit in (
            ("below", forecasts["actual"] < forecasts[name]),
            ("at", forecasts["actual"] <= forecasts[name]),
        )
    }
    return {
        "wape": _wape(forecasts),
        "bias": _bias(forecasts),
        "wape_after_cut": _wape(after),
        "bias_after_cut": _bias(after),
        **shares,
    }


QUALITY = {
    "wape": "WAPE",
    "bias": "bias",
    "wape_after_cut": "WAPE after a cut",
    "bias_after_cut": "bias after a cut",
    "below_q10": "< q10",
    "at_q10": "≤ q10",
    "below_q90": "< q90",
    "at_q90": "≤ q90",
    "seconds_a_week": "seconds a week",
}


def forecast_quality(scores: pd.DataFrame) -> pd.DataFrame:
    """The means of the forecasts' scores by policy, of those policies that forecast, under readable headings."""
    quality = scores.groupby("policy", sort=False)[list(QUALITY)].mean()
    return quality[quality["wape"].notna()].rename(columns=QUALITY)


def _wape(rows: pd.DataFrame) -> float:
    return _share((rows["expected"] - rows["actual"]).abs().sum(), rows["actual"].abs().sum())


def _bias(rows: pd.DataFrame) -> float:
    return _share((rows["expected"] - rows["actual"]).sum(), rows["actual"].abs().sum())


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole > 0 else float("nan")


def replay_scores(rows: pd.DataFrame) -> pd.DataFrame:
    """The scores of each model and of the naive forecast, a row for each number of weeks ahead."""
    scored = {}
    for (model, ahead), own in rows.groupby(["model", "ahead"], sort=False):
        scored[f"{model}, {ahead + 1} weeks"] = forecast_scores(own)
    for ahead, own in rows[rows["model"] == rows["model"].iloc[0]].groupby("ahead"):
        scored[f"{NAIVE}, {ahead + 1} weeks"] = forecast_scores(
            own.assign(expected=own["naive"], q10=np.nan, q90=np.nan)
        )
    return pd.DataFrame.from_dict(scored, orient="index").rename(columns=QUALITY)


def bias_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The bias of each model in % with its interval, by weeks ahead, last price change and age; of all countries."""
    return pd.DataFrame(
        {
            model: {one.group: f"{100 * one.value:+.1f} ({one.interval})" for one in biases(own)}
            for model, own in rows.groupby("model", sort=False)
        }
    )


def paired(scores: pd.DataFrame, column: str = "revenue") -> pd.DataFrame:
    """The values of `column`, a row per market and a column per policy, in the order in which they come."""
    table = scores.pivot(index=MARKET, columns="policy", values=column)
    markets = pd.MultiIndex.from_frame(scores[MARKET].drop_duplicates())
    return table.loc[markets, list(dict.fromkeys(scores["policy"]))]


def share_of_planner(scores: pd.DataFrame, column: str = "revenue") -> pd.DataFrame:
    """What policies earn in percent of the planner who knows the true mean demand, market by market; needs his row."""
    table = paired(scores, column)
    return 100 * table.div(table[PLANNER], axis=0)


def leads(scores: pd.DataFrame, column: str = "revenue") -> pd.DataFrame:
    """By how many percent each policy leads each played policy of OVER: the mean, least and most of the markets."""
    table = paired(scores, column)
    rows = [
        {"policy": policy, "over": over, "mean": lead.mean(), "least": lead.min(), "most": lead.max()}
        for policy in table
        for over in OVER
        if over in table and policy not in (over, *OVER[: OVER.index(over)])
        for lead in [100 * (table[policy] / table[over] - 1)]
    ]
    return pd.DataFrame(rows, columns=["policy", "over", "mean", "least", "most"])


def gap_closed(scores: pd.DataFrame, column: str = "revenue") -> pd.DataFrame:
    """How many percent of the gap between the peer and the planner every other model closes, market by market."""
    table = paired(scores, column)
    way = table[PLANNER] - table[PEER]
    models = [policy for policy in table if policy not in (*OVER, PLANNER)]
    return 100 * table[models].sub(table[PEER], axis=0).div(way, axis=0)


def by_family(table: pd.DataFrame) -> pd.DataFrame:
    """The mean over the markets of each family, a row for each, and a last row for all markets."""
    families = table.groupby("family", sort=False).mean()
    return pd.concat([families, table.mean().to_frame("all").T])
