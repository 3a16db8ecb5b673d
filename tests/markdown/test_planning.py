"""The best path through weeks and rungs."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise, product

import numpy as np
import pytest

from markdown_pricing.countries import Country
from markdown_pricing.forecast import Demand
from markdown_pricing.markdown import dynamic_programme
from markdown_pricing.markdown.candidates import Ladders, candidate_prices
from markdown_pricing.markdown.planning import plan
from markdown_pricing.markdown.rules import Override, RuleBook, Rules
from markdown_pricing.markdown.valuation import evaluate_path
from tests.markdown.seasons import DEU, WEEK, article, demand, foreseen, frames, ladders_of, plan_of, prices_of

FEW_RUNGS = Rules(discounts_pct=(20, 40, 60))


def legal_paths(rungs: int, weeks: int, rules: Rules) -> Iterator[tuple[int, ...]]:
    """Every path that the number of markdowns and the weeks between them allow, by counting."""
    for path in product(range(rungs), repeat=weeks):
        falls = [week for week in range(weeks) if path[week] != (path[week - 1] if week else 0)]
        falling = all(b >= a for a, b in zip((0, *path), path, strict=False))
        apart = all(b - a >= rules.weeks_between_markdowns for a, b in pairwise(falls))
        if falling and apart and len(falls) <= rules.max_markdowns:
            yield path


def best_by_counting(ladders: Ladders, units: np.ndarray, dispersion: np.ndarray, rules: Rules) -> np.ndarray:
    gains = [
        evaluate_path(ladders, np.tile(path, (len(units), 1)), Demand(units, dispersion)).gain
        for path in legal_paths(ladders.cents.shape[1], ladders.weeks, rules)
    ]
    return np.max(gains, axis=0)


def random_articles(count: int, weeks: int, stock: tuple[int, int]) -> list[dict[str, object]]:
    random = np.random.default_rng(11)
    stocks = random.integers(*stock, count)
    return [
        article(stock=int(units), salvage=float(random.choice([1.0, 8.0, 19.0])), weeks_left=weeks) for units in stocks
    ]


def random_demand(ladders: Ladders, share_of_stock: tuple[float, float]) -> np.ndarray:
    """Elastic and inelastic articles, falling or growing through the season, plenty or short of stock."""
    random = np.random.default_rng(12)
    count = len(ladders.cents)
    weekly = ladders.season.stock / ladders.weeks * random.uniform(*share_of_stock, count)
    elasticity = random.uniform(0.5, 3.5, count)[:, np.newaxis]
    season = np.exp(np.outer(random.uniform(-0.3, 0.1, count), np.arange(ladders.weeks)))
    at_rung = weekly[:, np.newaxis] * (ladders.prices / ladders.prices[:, :1]) ** -elasticity
    return at_rung[:, :, np.newaxis] * season[:, np.newaxis, :]


@pytest.mark.parametrize(
    "rules",
    [
        FEW_RUNGS,
        replace(FEW_RUNGS, max_markdowns=1, weeks_between_markdowns=1),
        replace(FEW_RUNGS, weeks_between_markdowns=3),
        replace(FEW_RUNGS, relabel_cost_per_store=5_000),
    ],
    ids=["two weeks between", "one markdown", "three weeks between", "dear labels"],
)
def test_when_demand_is_certain_the_plan_is_the_best_of_all_paths(rules: Rules) -> None:
    """Against trying every legal path: within two percent for each article, a tenth of one on the average."""
    ladders = ladders_of(*random_articles(60, 6, (20_000, 90_000)), rules=rules)
    units, dispersion = random_demand(ladders, (0.2, 1.3)), np.zeros(60)

    reached = plan(ladders, foreseen(units, dispersion)).best.gain / best_by_counting(ladders, units, dispersion, rules)

    assert reached.min() > 0.98
    assert reached.mean() > 0.999
    assert reached.max() <= 1 + 1e-9


def test_when_demand_is_uncertain_the_plan_is_near_the_best_of_all_paths() -> None:
    """The policy plans for what it can still do later, the path is valued along the mean."""
    ladders = ladders_of(*random_articles(60, 6, (5, 400)), rules=FEW_RUNGS)
    units, dispersion = random_demand(ladders, (0.2, 1.3)), np.full(60, 0.3)

    reached = plan(ladders, foreseen(units, dispersion)).best.gain / best_by_counting(
        ladders, units, dispersion, FEW_RUNGS
    )

    assert reached.min() > 0.97
    assert reached.mean() > 0.997


def test_too_much_stock_is_marked_down_and_too_little_is_not() -> None:
    """Ten units a week for eight weeks: 60 units sell by themselves, 400 do not."""
    _, own_plan = plan_of(article(stock=60), article(stock=400))

    assert own_plan.best.rungs[0].max() == 0
    assert own_plan.best.rungs[1, 0] > 0
    assert own_plan.best.revenue[1] > 1.1 * own_plan.keep.revenue[1]


def test_a_high_salvage_price_stands_against_markdowns() -> None:
    """A unit that brings nearly today's price after the season need not be sold in it."""
    _, own_plan = plan_of(article(stock=400, salvage=44.0), article(stock=400, salvage=0.5))

    assert own_plan.best.rungs.max(axis=1).tolist() == [0, own_plan.best.rungs[1].max()]
    assert own_plan.best.rungs[1].max() > 0


def test_demand_that_no_price_moves_is_not_marked_down() -> None:
    """Demand of zero is not, either: a markdown must earn a cent more than keeping."""
    for weekly, elasticity in ((10.0, 0.0), (0.0, 2.0), (10.0, 1.0)):
        _, own_plan = plan_of(article(stock=50_000, salvage=0.0), weekly=weekly, elasticity=elasticity, dispersion=0.0)
        assert own_plan.best.rungs.max() == 0


def test_of_markdowns_that_earn_the_same_the_later_is_planned() -> None:
    """Until week 5 all prices bring the same money from stock that never ends, so the price falls in week 5."""
    ladders = ladders_of(article(stock=50_000, salvage=0.0))
    units = demand(ladders)
    units[:, :, :5] = units[:, :1, :5] * ladders.prices[:, :1, np.newaxis] / ladders.prices[:, :, np.newaxis]

    assert np.flatnonzero(plan(ladders, foreseen(units, np.array([0.1]))).best.rungs[0])[0] == 5


def test_each_category_is_planned_under_its_own_rules_in_one_call() -> None:
    """Rungs and numbers of markdowns may differ from row to row."""
    book = RuleBook(overrides=(Override("DEU", "shoes", {"discounts_pct": (50,), "max_markdowns": 1}),))
    made = frames([article(stock=900), article(stock=900, category="shoes"), article(stock=900, category=None)])
    ladders = candidate_prices(*made, DEU, book, WEEK)

    own_plan = plan(ladders, foreseen(demand(ladders), np.full(3, 0.2)))

    assert set(prices_of(ladders, own_plan.best.rungs, 1)) <= {49.99, 24.99}
    assert np.array_equal(own_plan.best.rungs[0], own_plan.best.rungs[2])
    assert min(prices_of(ladders, own_plan.best.rungs, 0)) < 24.99


def test_labels_that_cost_more_than_a_markdown_earns_are_not_printed() -> None:
    """The same article without and with a cost per label, in ten stores and in a thousand."""
    made = article(stock=120, salvage=15.0)
    _, free = plan_of(made)
    _, dear = plan_of(made, {**made, "stores": 1_000}, rules=Rules(relabel_cost_per_store=2.0))

    falls = [np.count_nonzero(np.diff(rungs, prepend=0)) for rungs in (*free.best.rungs, *dear.best.rungs)]
    assert falls[0] >= falls[1] > falls[2] == 0
    assert dear.best.label_cost.tolist() == [20.0 * falls[1], 0.0]


def test_an_article_is_planned_as_if_it_were_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever others are planned with it: more weeks, more rungs or more markdowns left; and in whatever parts."""
    marked_down = {-4: 49.99, -3: 39.99, 0: 39.99}
    kinds = [
        article(prices, weeks_left=weeks, stock=stock, salvage=salvage)
        for prices, weeks, stock, salvage in product((49.99, marked_down), (1, 3, 9, 20), (80, 400), (5.0, 30.0))
    ]
    ladders, together = plan_of(*kinds)

    alone = [plan_of(kind)[1].best.rungs[0] for kind in kinds]

    assert len({tuple(rungs) for rungs in together.best.rungs}) > 8
    for rungs, of_one in zip(together.best.rungs, alone, strict=True):
        assert np.array_equal(rungs[: len(of_one)], of_one)
    monkeypatch.setattr(dynamic_programme, "BATCH_NUMBERS", 20_000)
    assert np.array_equal(
        plan(ladders, foreseen(demand(ladders), np.full(len(kinds), 0.2))).best.rungs, together.best.rungs
    )


def test_sixty_weeks_are_planned_beside_one() -> None:
    """Articles of any length in one call; nothing moves after an article's end."""
    ladders = candidate_prices(
        *frames([article(stock=3_000, weeks_left=weeks) for weeks in (60, 1, 0, 15)]), Country("DEU"), RuleBook(), WEEK
    )

    own_plan = plan(ladders, foreseen(demand(ladders), np.full(4, 0.2)))

    assert own_plan.best.rungs.shape == (4, 60)
    assert own_plan.best.units[2].sum() == 0
    assert own_plan.best.leftover[2] == 3_000
    assert (np.diff(own_plan.best.rungs[1]) == 0).all()
