"""What a sentence says follows from what is published: the row, its menu and its price path."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from markdown_pricing.columns import Recommendations
from markdown_pricing.forecast import Forecast
from markdown_pricing.markdown.assortment import Assortment
from markdown_pricing.markdown.candidates import candidate_prices
from markdown_pricing.markdown.reasons import REASONS
from markdown_pricing.markdown.recommendation import recommend
from markdown_pricing.markdown.rules import RuleBook, Rules
from markdown_pricing.markdown.sentences import CLAUSE_WORDS, PLAIN
from tests.markdown.recomputed import published, sentence_of
from tests.markdown.seasons import CODES, DEU, MADE_BY, WEEK, article, frames, monday, recommend_for

MANY = 70
RULES = {
    "standing": Rules(),
    "least gain": Rules(least_gain_pct=3.0),
    "hard target": Rules(sell_through_target=0.95, sell_through="hard"),
    "budget": Rules(markdown_budget=20_000.0),
    "groups": Rules(same_price_by="attr_model"),
    "no-touch weeks": Rules(no_touch_weeks=frozenset({WEEK, monday(2)})),
    "largest step": Rules(discounts_pct=(50,), max_step_pct=20),
    "few markdowns": Rules(max_markdowns=1, weeks_between_markdowns=1),
    "labels": Rules(relabel_cost_per_store=0.5),
    "labels and a target": Rules(relabel_cost_per_store=0.5, sell_through_target=0.5),
    "a target": Rules(sell_through_target=0.5),
}


def assortment_under(rules: Rules) -> Assortment:
    """Articles of any age and stock, some marked down before, some at a temporary price, some set aside."""
    random = np.random.default_rng(4)
    made = [
        article(
            {-2: 49.99, -1: 49.99, 0: float(random.choice([49.99, 49.99, 39.99, 19.95]))},
            launch=int(random.choice([-2, -8, -8])),
            stock=int(random.choice([0, 20, 300, 900, 5_000])),
            salvage=float(random.choice([1.0, 8.0, 18.0])),
            weeks_left=int(random.integers(0, 12)),
        )
        for _ in range(MANY)
    ]
    snapshot, history = frames(made)
    snapshot["attr_model"] = [f"model {place // 3}" if place % 2 else None for place in range(MANY)]
    snapshot["price_until"] = pd.Series(pd.NaT, index=snapshot.index, dtype="datetime64[ns]")
    snapshot.loc[:9, "price_until"] = pd.Timestamp(monday(1))
    snapshot["stock_to_come"] = np.where(np.arange(MANY) % 11 == 5, 400, 0)
    snapshot["set_aside"] = ""
    snapshot.loc[10:12, "set_aside"] = "its stock is below 0"
    return Assortment(WEEK, DEU, snapshot, history, RuleBook(rules), CODES)


def priced(own: Assortment) -> Recommendations:
    """Their rows by a model that is unsure of levels and of the price response, but knows none for a few."""
    random = np.random.default_rng(5)
    ladders = candidate_prices(own.articles, own.history, DEU, own.book, WEEK)
    weekly = (ladders.season.stock / 8 * random.uniform(0.05, 1.5, MANY))[:, np.newaxis, np.newaxis]
    today, known = ladders.prices[:, :1, np.newaxis], np.arange(MANY) % 5 > 0
    forecast = Forecast(
        "test",
        lambda prices, weeks: np.repeat(weekly * (prices[:, :, np.newaxis] / today) ** -2.0, weeks, axis=2),
        dispersion=0.2,
        level_sd=lambda weeks: np.full((MANY, weeks), 0.3),
        elasticity=(np.where(known, random.uniform(1.0, 3.0, MANY), np.nan), np.where(known, 0.3, np.nan)),
    )
    return recommend(own, ladders, forecast, MADE_BY)


@pytest.fixture(scope="module")
def told() -> dict[str, list[tuple[str, str, str]]]:
    """By rules each row's code, its sentence, and the one worked out from what is published of the article."""
    return {name: list(recomputed(rules)) for name, rules in RULES.items()}


def recomputed(rules: Rules) -> list[tuple[str, str, str]]:
    own = assortment_under(rules)
    found = priced(own)
    return [
        (one.row.reason_code, one.row.reason, sentence_of(one, CODES, words))
        for one, words in published(found.rows, found.options, found.price_path, own)
    ]


@pytest.mark.parametrize("rules", RULES)
def test_every_number_of_a_sentence_follows_from_what_is_published(
    told: dict[str, list[tuple[str, str, str]]], rules: str
) -> None:
    """From the row, the menu and the price path alone: money, units, shares, prices and days."""
    for _, said, recomputed in told[rules]:
        assert said == recomputed


def test_every_reason_and_clause_was_told(told: dict[str, list[tuple[str, str, str]]]) -> None:
    """Else the test before would prove nothing of it."""
    sentences = [row for rows in told.values() for row in rows]

    # Locks are decisions of people, and arms are drawn: test_decided.py and test_arms.py.
    not_here = {"too_small", "locked", "held_on_habit", "markdown_by_habit"}
    assert {code for code, *_ in sentences} >= REASONS - not_here
    for clause in {name: CODES.clauses[name] for name in CODES.clauses.keys() - {"no_better"}}.values():
        pattern = re.sub(r"\\{.*?\\}", ".*", re.escape(clause))
        assert any(re.search(pattern, said) for _, said, _ in sentences), clause


def test_a_sentence_can_be_read_in_a_cell(told: dict[str, list[tuple[str, str, str]]]) -> None:
    """It is about as long as a paragraph at most."""
    assert max(len(said) for rows in told.values() for _, said, _ in rows) < 600


def test_any_word_may_stand_in_any_sentence() -> None:
    """Where an article has no such thing there is a question mark, and nobody's file breaks a round."""
    every_word = " ".join(f"{{{word}}}" for word in [*PLAIN, *CLAUSE_WORDS])
    codes = replace(CODES, reasons=dict.fromkeys(CODES.reasons, every_word))

    sentences = priced(replace(assortment_under(Rules()), codes=codes)).rows["reason"]

    assert sentences.str.contains(" ? ", regex=False).any()
    assert not sentences.str.contains("nan").any()


def test_a_markdown_a_wait_and_a_price_that_stays() -> None:
    """As a buyer reads them, where units are taken for certain: the stake has no range then."""
    now, later, never = recommend_for(article(stock=400), article(stock=110), article(stock=60)).rows["reason"]

    assert now == (
        "Mark down from 49.99 to 24.99 EUR, then 19.99 from 16 Mar 2026: waiting a week costs about 190 EUR; the plan "
        "leaves about 19 of 400 units (4.8 %) after 5 Apr 2026; the old habit asks 34.99 from 23 Feb 2026, leaves "
        "about 200 (50 %) and brings 18 % less."
    )
    assert later == (
        "Keep 49.99 EUR for now, then 44.99 from 16 Feb 2026 and 34.99 from 30 Mar 2026: a markdown now, to 44.99, is "
        "worth about 1.4 EUR less; the plan leaves about 7.6 of 110 units (6.9 %) after 5 Apr 2026; the old habit asks "
        "34.99 from 23 Feb 2026, leaves about 0 (0 %) and brings 14 % less; on paper 44.99 now brings about 24 EUR "
        "more, but only the plan counts luck and what sales will teach."
    )
    assert never.startswith("Keep 49.99 EUR to the end, as nothing else is worth doing: a markdown now, to 44.99, is")


def test_a_markdown_that_changes_nothing_is_worth_no_more() -> None:
    """What nobody buys at any price brings its salvage price either way."""
    row = recommend_for(article(salvage=34.99), weekly=0.0).rows.iloc[0]

    assert row.stake == 0
    assert "a markdown now, to 44.99, is worth no more" in row.reason
