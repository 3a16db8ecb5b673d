"""With the true demand, what other prices cost by the menus is what they earned less."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pytest

from markdown_pricing.backtest.twin import RULES, Setting, planner, true_forecast, twin_of
from markdown_pricing.countries import read_countries
from markdown_pricing.markdown.planning import plan
from markdown_pricing.markdown.rules import RuleBook
from markdown_pricing.markdown.simulation import MarketView, WeekPrices, play
from markdown_pricing.outcomes.menus import Menus


@dataclass
class Unread:
    """The old habit, which notes what the planner's menu of each week says that its prices cost."""

    costs: list[pd.Series] = field(default_factory=list)

    def __call__(self, view: MarketView) -> WeekPrices:
        menu = plan(view.ladders(), true_forecast(view)).menu
        menus = Menus(np.where(menu.cents < 0, np.nan, menu.cents / 100), menu.value)
        recommended = menu.cents[np.arange(len(menu.cents)), menu.chosen] / 100
        asked = RULES["fixed_ladder"](view)
        cost = menus.value_of(recommended) - menus.value_of(asked.prices)
        self.costs.append(pd.Series(cost, index=pd.Index(view.articles["article_id"])))
        return asked


@pytest.mark.parametrize("family", ["constant_elasticity", "linear_demand"])
def test_the_costs_of_all_weeks_add_up_to_what_the_habit_earned_less(family: str) -> None:
    """The performance-difference lemma: each week at the state that was there, nothing twice and nothing left out.

    What is left is luck, and the grids of the programme. Reference prices are left out: no plan knows that of a path.
    """
    setting = Setting(family, read_countries()["DEU"], articles=12, weeks=18, seed=4)
    unread = Unread()
    followed = play("planner", twin_of(setting), planner, RuleBook(), setting.weeks).seasons().set_index("article_id")
    habit = play("habit", twin_of(setting), unread, RuleBook(), setting.weeks).seasons().set_index("article_id")

    costs = pd.concat(unread.costs).groupby(level=0).sum()[habit.index]

    earned_less = float((followed["revenue"] - habit["revenue"]).sum())
    assert earned_less > 0.05 * habit["revenue"].sum()
    assert costs.sum() == pytest.approx(earned_less, rel=0.15)
