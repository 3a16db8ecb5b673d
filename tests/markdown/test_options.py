"""The planner's options, each on hundreds of random articles at once: what it promises, and that off is off."""

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest

from markdown_pricing.countries import Country
from markdown_pricing.forecast import Demand
from markdown_pricing.markdown.assortment import Assortment
from markdown_pricing.markdown.candidates import GroupColumnMissing, Ladders, candidate_prices
from markdown_pricing.markdown.limits import Limits
from markdown_pricing.markdown.planning import Plan, plan
from markdown_pricing.markdown.recommendation import recommend
from markdown_pricing.markdown.rules import RuleBook, Rules
from markdown_pricing.markdown.task import Task
from tests.markdown.rule_checker import broken_rules
from tests.markdown.seasons import CODES, MADE_BY, WEEK, article, foreseen, frames

MANY = 300
RANDOM = np.random.default_rng(7)
ARTICLES = [
    article(
        {-1: 49.99, 0: float(RANDOM.choice([49.99, 49.99, 39.99]))},
        stock=int(RANDOM.integers(1, 900)),
        salvage=float(RANDOM.choice([1.0, 8.0, 19.0])),
        weeks_left=int(RANDOM.integers(1, 11)),
        stores=int(RANDOM.integers(1, 60)),
    )
    for _ in range(MANY)
]
SNAPSHOT, HISTORY = frames(ARTICLES)


def ladders(rules: Rules) -> Ladders:
    return candidate_prices(SNAPSHOT, HISTORY, Country("DEU"), RuleBook(rules), WEEK)


def units(asked: Ladders) -> np.ndarray:
    random = np.random.default_rng(8)
    weekly = asked.season.stock / asked.weeks * random.uniform(0.1, 2.5, MANY)
    elasticity = random.uniform(0.8, 3.5, MANY)[:, np.newaxis]
    at_rung = weekly[:, np.newaxis] * (asked.prices / asked.prices[:, :1]) ** -elasticity
    return np.repeat(at_rung[:, :, np.newaxis], asked.weeks, axis=2)


DISPERSION = np.random.default_rng(9).choice([0.05, 0.2, 1.0], MANY)


@cache
def planned(rules: Rules) -> Plan:
    asked = ladders(rules)
    return plan(asked, foreseen(units(asked), DISPERSION))


@pytest.fixture(scope="module")
def standing() -> Plan:
    return planned(Rules())


def given_away(rules: Rules, own: Plan) -> np.ndarray:
    asked = ladders(rules)
    return Task(asked, Limits.of(asked), Demand(units(asked), DISPERSION)).given_away(own.best)


def test_the_sample_has_every_kind(standing: Plan) -> None:
    now = standing.best.rungs[:, 0] > 0
    later = standing.best.rungs.any(axis=1) & ~now
    assert min(now.sum(), later.sum(), (~standing.best.rungs.any(axis=1)).sum()) > MANY / 20


class TestSellThroughTarget:
    def test_a_hard_target_is_met_or_said_to_be_out_of_reach(self, standing: Plan) -> None:
        rules = Rules(sell_through_target=0.8, sell_through="hard")
        own = planned(rules)
        stock = ladders(rules).season.stock
        sold = 1 - own.best.leftover / stock
        assert (sold[~own.out_of_reach] >= 0.8 - 1e-6).all()
        assert (sold[own.out_of_reach] < 0.8).all()
        missed = standing.best.leftover > 0.2 * stock + 1e-6
        assert (missed & ~own.out_of_reach).sum() > MANY / 20
        assert own.out_of_reach.sum() > MANY / 50

    def test_what_meets_it_anyway_is_left_alone(self, standing: Plan) -> None:
        own = planned(Rules(sell_through_target=0.8, sell_through="hard"))
        met = standing.best.leftover <= 0.2 * ladders(Rules()).season.stock
        assert np.array_equal(own.best.rungs[met], standing.best.rungs[met])

    def test_out_of_reach_is_no_excuse(self) -> None:
        """What is said to be out of reach is so for the deepest markdowns, too, which sell more than any plan may."""
        rules = Rules(sell_through_target=0.95, sell_through="hard")
        asked, own = ladders(rules), planned(rules)
        deepest = np.zeros(own.best.rungs.shape, dtype=np.int64)
        limits, rung = Limits.of(asked), np.zeros(MANY, dtype=np.int64)
        left, wait = limits.left.copy(), limits.wait.copy()
        for week in range(asked.weeks):
            free = (wait == 0) & (left > 0) & limits.moves[np.arange(MANY), rung].any(axis=1)
            rung = np.where(free, asked.rungs - 1, rung)
            left, wait = left - free, np.where(free, limits.between - 1, np.maximum(wait - 1, 0))
            deepest[:, week] = rung
        task = Task(asked, limits, Demand(units(asked), DISPERSION))
        reached = task.value(deepest).leftover <= 0.05 * asked.season.stock
        assert not (reached & own.out_of_reach).any()

    def test_a_soft_target_gives_way_to_money(self, standing: Plan) -> None:
        """The dearer a left-over unit, the fewer there are; and each plan is the best at its own price of them."""
        left = [standing.best.leftover.sum()]
        earned = [standing.best.revenue.sum()]
        for penalty in (10.0, 50.0, 200.0):
            own = planned(Rules(sell_through_target=0.9, left_over_penalty_pct=penalty))
            left.append(own.best.leftover.sum())
            earned.append(own.best.revenue.sum())
        assert (np.diff(left) < 0).all()
        assert (np.diff(earned) < 0).all()

    def test_the_row_says_why(self) -> None:
        rules = Rules(sell_through_target=0.8, sell_through="hard")
        rows = rows_under(rules)
        because = rows[rows["reason_code"] == "markdown_for_target"]
        assert len(because) > MANY / 50
        assert because["reason"].str.contains("sell-through target of 80 %").all()
        assert (because["action"] == "markdown").all()
        assert (rows["exception_code"] == "target_out_of_reach").sum() > MANY / 100


class TestLeastGain:
    def test_a_markdown_that_gains_too_little_waits(self) -> None:
        standing = planned(Rules(least_gain_pct=0.0))
        own = planned(Rules(least_gain_pct=3.0))
        moved, moves = standing.best.rungs[:, 0] > 0, own.best.rungs[:, 0] > 0
        assert not (moves & ~moved).any()
        assert np.array_equal(moved & ~moves, own.too_little_gain)
        assert MANY / 50 < own.too_little_gain.sum() < moved.sum()
        value = own.menu.value
        lost = np.nanmax(value, axis=1) - value[np.arange(MANY), own.menu.chosen]
        assert (lost[own.too_little_gain] < 0.03 * standing.best.revenue[own.too_little_gain]).all()
        assert (lost[~own.too_little_gain] <= 0.011 + 1e-6 * standing.best.revenue[~own.too_little_gain]).all()
        assert np.array_equal((own.menu.rule == "least_gain").any(axis=1), own.too_little_gain)

    def test_a_gain_that_nothing_reaches_keeps_all_prices(self) -> None:
        assert not planned(Rules(least_gain_pct=100.0)).best.rungs[:, 0].any()

    def test_the_row_says_why(self) -> None:
        rows = rows_under(Rules(least_gain_pct=3.0))
        because = rows[rows["reason_code"] == "too_little_gain"]
        assert len(because) > MANY / 100
        assert because["reason"].str.contains("more than waiting, less than 3 % of the revenue").all()


class TestMarkdownBudget:
    @pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
    def test_it_is_kept_and_nearly_spent(self, standing: Plan, share: float) -> None:
        wanted = given_away(Rules(), standing).sum()
        rules = Rules(markdown_budget=share * wanted)
        spent = given_away(rules, planned(rules)).sum()
        assert 0.97 * share * wanted < spent <= share * wanted

    def test_it_is_spent_where_it_brings_most(self, standing: Plan) -> None:
        """Half the money brings far more than half the gain, and more than drawing articles by lot."""
        wanted = given_away(Rules(), standing)
        rules = Rules(markdown_budget=wanted.sum() / 2)
        gain = (standing.best.gain - standing.keep.gain).sum()
        own = planned(rules)
        assert (own.best.gain - own.keep.gain).sum() > 0.6 * gain
        assert (own.best.gain >= own.keep.gain).all()

    def test_nothing_allows_nothing(self) -> None:
        own = planned(Rules(markdown_budget=0.0))
        assert not own.best.rungs.any()

    def test_enough_changes_nothing(self, standing: Plan) -> None:
        own = planned(Rules(markdown_budget=given_away(Rules(), standing).sum() + 1))
        assert np.array_equal(own.best.rungs, standing.best.rungs)
        assert not own.over_budget.any()

    def test_the_row_says_why(self, standing: Plan) -> None:
        rows = rows_under(Rules(markdown_budget=given_away(Rules(), standing).sum() / 4))
        because = rows[rows["reason_code"] == "blocked_by_budget"]
        assert len(because) > MANY / 50
        assert (because["action"] == "keep").all()

    def test_prices_that_are_worth_more_name_the_budget(self, standing: Plan) -> None:
        own = planned(Rules(markdown_budget=given_away(Rules(), standing).sum() / 4))
        held = (own.menu.rule == "budget").any(axis=1)
        assert (own.over_budget & held).sum() > MANY / 50
        assert not (own.over_budget & ~held).any()
        assert np.array_equal(own.menu.value, standing.menu.value, equal_nan=True)


class TestRelabelCost:
    def test_a_markdown_earns_its_labels_back(self, standing: Plan) -> None:
        own = planned(Rules(relabel_cost_per_store=4.0))
        value = own.menu.value
        assert (value[np.arange(MANY), own.menu.chosen] >= value[:, 0]).all()
        markdowns = [(np.diff(one.best.rungs, axis=1, prepend=0) > 0).sum() for one in (standing, own)]
        assert markdowns[1] < 0.9 * markdowns[0]


class TestPriceGroups:
    RULES = Rules(same_price_by="attr_model")

    @pytest.fixture(scope="class")
    @classmethod
    def rows_and_paths(cls):
        random = np.random.default_rng(3)
        made = [
            article(
                {-1: 49.99, 0: float(random.choice([49.99, 39.99]))},
                list_price=49.99,
                stock=int(random.choice([0, 20, 300, 800])),
                salvage=float(random.choice([1.0, 8.0, 21.0])),
                weeks_left=int(random.integers(0, 10)),
            )
            for _ in range(MANY)
        ]
        snapshot, history = frames(made)
        model = pd.Series(random.integers(0, MANY // 3, MANY)).astype("str").where(random.random(MANY) < 0.8)
        snapshot["attr_model"] = model
        asked = candidate_prices(snapshot, history, Country("DEU"), RuleBook(cls.RULES), WEEK)
        plain = candidate_prices(snapshot, history, Country("DEU"), RuleBook(), WEEK)
        assortment = Assortment(WEEK, Country("DEU"), snapshot, history, RuleBook(), CODES)
        found, free = (recommend(assortment, one, foreseen(units(one), DISPERSION), MADE_BY) for one in (asked, plain))
        return made, snapshot, found, free

    def test_members_have_one_price_from_their_next_markdown_on(self, rows_and_paths) -> None:
        made, snapshot, found, _ = rows_and_paths
        path = found.price_path.merge(
            found.rows[["article_id", "current_price", "stock", "exception_code"]], on="article_id"
        )
        path = path.merge(snapshot[["article_id", "attr_model"]], on="article_id")
        together = path[(path["stock"] > 0) & path["attr_model"].notna() & (path["price"] < path["current_price"])]
        together = together[together["exception_code"] != "group_apart"]
        by_week = together.groupby(["attr_model", "week"])["price"].nunique()
        assert len(by_week) > MANY / 3
        assert (by_week == 1).all()
        for own, (_, planned) in zip(made, found.price_path.groupby("article_id", sort=True), strict=True):
            priced = list(zip(planned["week"], planned["price"], strict=True))
            assert list(broken_rules(own, priced, WEEK, Rules(), Country("DEU").price_endings)) == []

    def test_articles_without_a_group_are_planned_as_ever(self, rows_and_paths) -> None:
        _, snapshot, found, free = rows_and_paths
        alone = snapshot["attr_model"].isna().to_numpy()
        assert alone.sum() > MANY / 10
        pd.testing.assert_series_equal(
            found.rows.loc[alone, "recommended_price"], free.rows.loc[alone, "recommended_price"]
        )

    def test_a_group_earns_no_more_than_its_members_alone(self, rows_and_paths) -> None:
        *_, found, free = rows_and_paths
        earned = found.rows["expected_revenue"].sum() / free.rows["expected_revenue"].sum()
        assert 0.9 < earned < 1.0
        assert (found.rows["reason_code"] == "markdown_with_group").sum() > MANY / 50

    def test_a_group_s_value_is_split_in_the_same_shares_at_all_prices(self, rows_and_paths) -> None:
        """In the shares of what is expected at the recommended price; all of its articles gain by the same prices."""
        _, snapshot, found, _ = rows_and_paths
        rows = found.rows.assign(attr_model=snapshot["attr_model"])
        together = rows[(rows["stock"] > 0) & (rows["end_week"] >= WEEK) & (rows["exception_code"] != "group_apart")]
        groups = together[together["attr_model"].notna()].groupby("attr_model")
        seen = 0
        for _, members in (group for group in groups if len(group[1]) > 1):
            menu = found.options[found.options["article_id"].isin(members["article_id"])]
            lower = menu[(menu["step"] > 0) & menu["value"].notna()].pivot(
                index="article_id", columns="price", values="value"
            )
            if lower.empty:
                continue
            assert lower.notna().all(axis=None)
            shares = lower / lower.sum()
            assert np.allclose(shares.to_numpy(), shares.to_numpy()[:, :1], atol=1e-4)
            revenue = members.set_index("article_id")["expected_revenue"].loc[lower.index]
            assert np.allclose(shares.iloc[:, 0], revenue / revenue.sum(), atol=1e-4)
            seen += 1
        assert seen >= MANY / 30

    def test_a_price_that_not_every_member_has_is_not_of_the_group_s_ladder(self) -> None:
        made = [article(49.99, stock=500), article(49.99, stock=500, salvage=26.0)]
        snapshot, history = frames(made)
        snapshot["attr_model"] = "m"
        asked = candidate_prices(snapshot, history, Country("DEU"), RuleBook(self.RULES), WEEK)
        own = plan(asked, foreseen(np.full((2, asked.cents.shape[1], asked.weeks), 3.0), np.full(2, 0.2)))
        first, second = own.menu.rule.tolist()
        assert first[1:5] == second[1:5] == [None] * 4
        assert [rule for rule in first[5:] if rule] == ["group_ladder"] * 3
        assert [rule for rule in second[5:] if rule] == ["below_salvage"] * 3

    def test_members_without_a_common_rung_stay_apart_and_say_so(self) -> None:
        made = [
            article(49.99, list_price=49.99, stock=500),
            article(17.99, list_price=17.99, stock=500, salvage=16.5),
        ]
        snapshot, history = frames(made)
        snapshot["attr_model"] = "m"
        asked = candidate_prices(snapshot, history, Country("DEU"), RuleBook(self.RULES), WEEK)
        own = plan(asked, foreseen(np.full((2, asked.cents.shape[1], asked.weeks), 3.0), np.full(2, 0.2)))
        assert own.group_apart.all()
        assert not own.in_group.any()

    def test_a_column_that_is_not_there_is_named(self) -> None:
        with pytest.raises(GroupColumnMissing, match="attr_model"):
            ladders(self.RULES)


@pytest.mark.parametrize(
    "off",
    [
        {"sell_through_target": 0.0, "sell_through": "hard", "left_over_penalty_pct": 50.0},
        {"sell_through_target": 0.9, "left_over_penalty_pct": 0.0},
        {"full_price_weeks": 0, "markdown_budget": math.inf},
    ],
)
def test_an_option_that_is_off_changes_nothing(standing: Plan, off: dict[str, float]) -> None:
    own = planned(replace(Rules(), **off))
    assert np.array_equal(own.best.rungs, standing.best.rungs)


def rows_under(rules: Rules):
    asked = ladders(rules)
    assortment = Assortment(WEEK, Country("DEU"), SNAPSHOT, HISTORY, RuleBook(rules), CODES)
    return recommend(assortment, asked, foreseen(units(asked), DISPERSION), MADE_BY).rows
