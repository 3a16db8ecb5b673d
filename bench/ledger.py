"""Compare the ledger's total with the truth, on twins whose buyer ignores the advice.

    python bench/ledger.py [--markets 100] [--first-seed 0] [--articles 60] [--weeks 26] [--model log_linear]
                           [--habit fixed_ladder] [--families …]

Each market is played twice with the same luck: by a buyer who follows the advice, and by one who keeps to a habit and
leaves the advice unread. The truth is what the first one earns more, on the articles whose season ends within the run.
The ledger sees the second one alone. It is summed as the asset `outcomes` has it: by each week's own menu, and with
hindsight by the model of the week after, and for good by that of six weeks later, or of the run's last week where that
is earlier. A ratio is the ledger's total over the truth. `--model planner` knows the true mean demand, so that all but
the ledger's arithmetic is taken out; there is nothing to look back for then.
"""

import argparse
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial

# As in a round, in which each country has a core.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd

from markdown_pricing.arrays import FloatArray
from markdown_pricing.backtest.twin import PLANNER, RULES, Setting, policy_named, true_forecast, twin_of
from markdown_pricing.countries import read_countries
from markdown_pricing.demand.model import DemandModel, make_model
from markdown_pricing.installation.files import read_rules
from markdown_pricing.markdown.planning import plan
from markdown_pricing.markdown.rules import RuleBook
from markdown_pricing.markdown.simulation import MarketView, Played, Policy, WeekPrices, play
from markdown_pricing.outcomes.hindsight import SETTLED_WEEKS, Then, cost_in_hindsight
from markdown_pricing.outcomes.menus import Menus
from markdown_pricing.outcomes.states import is_same
from markdown_pricing.outcomes.totals import Cost, cost_of
from markdown_pricing.pricing import SEED
from markdown_pricing.sample.families import FAMILIES

COUNTRY = "DEU"
LIKE_THE_TRUTH = 0.25
"""On average the total is to lie within this part of the truth."""


@dataclass(frozen=True)
class Priced:
    """The articles of a week of which another price was asked than the recommended one, (articles,), and its model."""

    then: Then
    model: DemandModel
    recommended: FloatArray
    applied: FloatArray


@dataclass
class Unread:
    """A policy that notes what was recommended to it, and keeps to its habit.

    rows : a frame for each week: article_id, week, the two prices, and what the ledger says of them
    """

    model: str
    habit: Policy
    rows: list[pd.DataFrame] = field(default_factory=list)
    priced: list[Priced] = field(default_factory=list)
    newest: tuple[DemandModel, pd.DataFrame] | None = None

    def __call__(self, view: MarketView) -> WeekPrices:
        model = None if self.model == PLANNER else make_model(self.model)
        if model is None:
            forecast = true_forecast(view)
        else:
            model.fit(view.history, view.week, SEED)
            self.newest = model, view.history
            for weeks in (1, SETTLED_WEEKS):
                self._look_back(len(self.priced) - weeks)
            forecast = model.among(view.articles).forecast(view.articles, view.history, view.week)
        own = plan(view.ladders(), forecast).menu
        menus = Menus(np.where(own.cents < 0, np.nan, own.cents / 100), own.value)
        chosen = self.habit(view)
        applied = np.where(np.isfinite(chosen.prices), chosen.prices, view.articles["price"])
        recommended = own.cents[np.arange(len(applied)), own.chosen] / 100
        followed = is_same(applied, recommended, view.articles["list_price"].to_numpy(dtype=np.float64))
        cost = menus.value_of(recommended) - menus.value_of(applied)
        self.rows.append(
            pd.DataFrame(
                {
                    "article_id": view.articles["article_id"],
                    "week": view.week,
                    "applied_price": applied,
                    "followed": followed,
                    "cost_ex_ante": np.where(followed, 0.0, cost),
                    **dict.fromkeys(("cost_hindsight", "cost_low", "cost_high"), np.where(followed, 0.0, np.nan)),
                }
            )
        )
        others = view.articles[~followed].reset_index(drop=True)
        then = Then(view.week, view.country, view.book, others, view.history)
        if model is not None:
            self.priced.append(Priced(then, model, recommended[~followed], applied[~followed]))
        return WeekPrices(applied)

    def settle(self) -> None:
        """Look at the last weeks again, by the model of the last one."""
        for number in range(max(len(self.priced) - SETTLED_WEEKS, 0), len(self.priced) - 1):
            self._look_back(number)

    def _look_back(self, number: int) -> None:
        """The costs of a week with hindsight, by the newest model; of none before the first."""
        if number < 0:
            return
        assert self.newest is not None
        model, history = self.newest
        priced, rows = self.priced[number], self.rows[number]
        others = ~rows["followed"]
        found = cost_in_hindsight(
            priced.then,
            partial(_forecast, priced.model, priced.then),
            partial(_forecast, model, priced.then),
            priced.recommended,
            priced.applied,
            rows.loc[others, "cost_ex_ante"].to_numpy(dtype=np.float64),
            history[history["week"] >= pd.Timestamp(priced.then.week)],
        )
        for name, values in (("cost_hindsight", found.cost), ("cost_low", found.low), ("cost_high", found.high)):
            rows.loc[others, name] = values


def _forecast(model: DemandModel, then: Then, articles: pd.DataFrame):  # type: ignore[no-untyped-def]
    return model.forecast(articles, then.history, then.week)


@dataclass(frozen=True)
class Compared:
    """One market: what following the advice earned more, in truth and by the ledger, in local currency."""

    setting: Setting
    truth: float
    revenue: float
    ledger: Cost
    seconds: float


def compare(setting: Setting, model: str, habit: str, book: RuleBook) -> Compared:
    """Play the market twice and read the ledger."""
    started, unread = time.perf_counter(), Unread(model, RULES[habit])
    followed = play("advice", twin_of(setting), policy_named(model), book, setting.weeks)
    ignored = play("habit", twin_of(setting), unread, book, setting.weeks)
    unread.settle()
    ended = _ended(followed) & _ended(ignored)
    earned = [_revenue(played, ended) for played in (followed, ignored)]
    rows = pd.concat(unread.rows, ignore_index=True)
    rows = rows[rows["article_id"].isin(ended) & (rows["week"] < _last_week(unread))]
    seconds = time.perf_counter() - started
    return Compared(setting, earned[0] - earned[1], earned[1], cost_of(rows), seconds)


def _last_week(unread: Unread) -> date:
    """The last week of the run, to which nobody has looked back. Few articles end in it."""
    week: date = unread.rows[-1]["week"].iloc[0]
    return week


def _ended(played: Played) -> set[str]:
    return set(played.seasons()["article_id"])


def _revenue(played: Played, articles: set[str]) -> float:
    seasons = played.seasons()
    return float(seasons.loc[seasons["article_id"].isin(articles), "revenue"].sum())


def settings(families: Sequence[str], markets: int, first_seed: int, articles: int, weeks: int) -> Iterator[Setting]:
    country = read_countries()[COUNTRY]
    for number in range(markets):
        yield Setting(families[number % len(families)], country, articles, weeks, first_seed + number)


def show(found: Sequence[Compared]) -> None:
    """The ratios of all markets, and in how many the interval holds the truth."""
    truth = np.array([each.truth for each in found])
    for name, totals in (
        ("by the menus", [each.ledger.ex_ante for each in found]),
        ("with hindsight", [each.ledger.hindsight for each in found]),
    ):
        if np.isnan(totals).all():  # the planner has nothing to look back for
            continue
        ratio = np.array(totals) / truth
        print(
            f"{name}: the sum of all markets is {sum(totals) / truth.sum():.2f} of the truth; a market's is "
            f"{np.mean(ratio):.2f} on average, {np.median(ratio):.2f} in the middle; its distance from the truth is "
            f"{100 * np.mean(np.abs(ratio - 1)):.0f} % on average"
        )
    if not np.isnan([each.ledger.hindsight for each in found]).all():
        _show_interval(found)


def _show_interval(found: Sequence[Compared]) -> None:
    inside = sum(each.ledger.low <= each.truth <= each.ledger.high for each in found)
    without = sum(each.ledger.not_valued for each in found) / max(sum(each.ledger.rows for each in found), 1)
    print(
        f"The 90 % interval holds the truth in {inside} of {len(found)} markets; {without:.1%} of the rows had no cost."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--markets", type=int, default=100)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--articles", type=int, default=60)
    parser.add_argument("--weeks", type=int, default=26)
    parser.add_argument("--model", default="log_linear")
    parser.add_argument("--habit", default="fixed_ladder", choices=sorted(RULES))
    parser.add_argument("--families", nargs="+", default=list(FAMILIES))
    given = parser.parse_args()
    found: list[Compared] = []
    for setting in settings(given.families, given.markets, given.first_seed, given.articles, given.weeks):
        one = compare(setting, given.model, given.habit, read_rules())
        found.append(one)
        print(
            f"{setting.family} {setting.seed}: truth {one.truth:,.0f} ({one.truth / one.revenue:.1%} of the revenue), "
            f"menus {one.ledger.ex_ante:,.0f}, hindsight {one.ledger.hindsight:,.0f} from {one.ledger.low:,.0f} to "
            f"{one.ledger.high:,.0f}; {one.seconds:.0f} s",
            flush=True,
        )
    show(found)


if __name__ == "__main__":
    main()
