"""Money of several countries is added in euros or not at all: no sum mixes currencies, wherever one is made."""

import ast
import json
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from markdown_pricing.backtest.scores import OVER, gap_closed, leads, paired, share_of_planner
from markdown_pricing.backtest.twin import PEER, PLANNER
from markdown_pricing.commands import outcomes
from markdown_pricing.countries import Country
from markdown_pricing.experiments.trial import judge
from markdown_pricing.markdown.other_rules import MEASURES, compare_rules
from markdown_pricing.orchestration.digest import Digest, NotDone
from markdown_pricing.orchestration.figures import LOCAL_MONEY, LOGGED, money_of, worth_shown
from markdown_pricing.orchestration.outcome import REFRESHED, RunOutcome
from markdown_pricing.worth import Worth, sentence_of, stake_in_words

PROJECT = Path(__file__).parents[1]
RATE, DAY = 0.0025, date(2026, 11, 27)
MONEY = re.compile(r"revenue|stake|money|value_loss")


def rows_in(currency: str, unit: float) -> pd.DataFrame:
    """Three articles, one of them marked down, whose money is in a currency of which a euro is `unit`."""
    amounts = {"expected_revenue": [900.0, 80.0, 7.0], "expected_revenue_habit": [800.0, 85.0, 7.0]}
    rows = pd.DataFrame({**amounts, "stake": [30.0, 4.0, None]}) * unit
    return rows.assign(
        action=["markdown", "keep", "keep"],
        country={"EUR": "DEU", "HUF": "HUN"}[currency],
        currency=currency,
        article_id=["a", "b", "c"],
        category="coats",
        recommended_price=9.99,
        expected_leftover=1.0,
    )


def worths(unit: float) -> list[Worth]:
    """Of Germany, and of Hungary in a forint that is `unit` times as small."""
    hungary = Country("HUN", currency="HUF", eur_per_unit=RATE / unit, eur_date=DAY)
    told = {
        "DEU": money_of(rows_in("EUR", 1), Country("DEU")),
        "HUN": money_of(rows_in("HUF", unit / RATE), hungary),
    }
    return [worth for code, figures in told.items() if (worth := worth_shown(code, figures))]


def the_digest(unit: float) -> object:
    lost = [NotDone(worth.country, "", "canceled", blocked=False, worth=worth) for worth in worths(unit)]
    return Digest("2026-11-23", ["DEU", "HUN"], lost, worth=worths(unit)).text


def the_table_of_run(unit: float) -> object:
    rows = [outcomes._row(RunOutcome(worth.country, REFRESHED, "", 1.0, worth=worth)) for worth in worths(unit)]
    return rows, sentence_of(worths(unit))


def a_comparison_of_rules(unit: float) -> object:
    """Of the groups that are not of Hungary alone; those of Hungary are in forint."""
    both = pd.concat([rows_in("EUR", 1), rows_in("HUF", unit / RATE)], ignore_index=True)
    groups = compare_rules(both, both.assign(expected_revenue=both["expected_revenue"] * 1.1))
    return [
        (group.country, group.currency, [group.difference(measure) for measure in MEASURES])
        for group in groups
        if group.country != "HUN"
    ]


def a_back_test(unit: float) -> object:
    markets = [("DEU", 0, 1.0), ("HUN", 0, unit), ("HUN", 1, unit)]
    earned = {**dict.fromkeys(OVER, 90.0), PEER: 95.0, "own": 98.0, PLANNER: 100.0}
    scores = pd.DataFrame(
        {"family": "f", "country": country, "seed": seed, "policy": policy, "revenue": (revenue + 3 * seed) * of}
        for country, seed, of in markets
        for policy, revenue in earned.items()
    )
    tables = share_of_planner(scores).mean(), leads(scores)["mean"], gap_closed(scores).mean()
    lead_pct = judge(paired(scores), PEER, "own", 1).lead_pct
    return [[round(value, 6) for value in table] for table in tables], round(lead_pct, 6)


@pytest.mark.parametrize("place", [the_digest, the_table_of_run, a_comparison_of_rules, a_back_test])
def test_a_smaller_unit_of_money_changes_no_sum_over_countries(place: Callable[[float], object]) -> None:
    """As when Hungary counts in hundredths of a forint: whoever adds forint to euros says something else then."""
    assert place(1) == place(100)


def test_money_is_summed_only_where_all_of_it_is_of_one_currency() -> None:
    """Each place of the package that adds money is named here, with what holds its currency to one."""
    why = {
        "bench/arms.py": "in euros",
        "kept/arms.py": "in euros",
        "bench/ledger.py": "the rows of one market",
        "bench/pair.py": "by country, and then in euros",
        "erp/rows.py": "the rows of one country",
        "markdown/other_rules.py": "the rows of one currency",
        "orchestration/figures.py": "the rows of one country",
        "orchestration/judged.py": "the rows of one country in weeks of one currency, or in euros",
        "outcomes/totals.py": "the rows of one country and week",
        "worth.py": "in euros",
    }
    files = [*(PROJECT / "markdown_pricing").rglob("*.py"), *(PROJECT / "bench").glob("*.py")]
    adding = {str(file.relative_to(PROJECT)).removeprefix("markdown_pricing/") for file in files if _adds_money(file)}

    # What is known of articles one by one, or within one market, cannot mix countries.
    assert {name for name in adding if not name.startswith(("markdown/", "sample/")) or name in why} == why.keys()


def _adds_money(file: Path) -> bool:
    text = file.read_text()
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    sums = [call for call in calls if ast.unparse(call.func).rpartition(".")[2] in ("sum", "fsum")]
    return any(MONEY.search(ast.get_source_segment(text, call) or "") for call in sums)


def test_no_picture_of_the_dashboard_adds_money_of_a_countrys_currency() -> None:
    local = {figure.field for figure in LOGGED if figure.unit == LOCAL_MONEY}
    lines = (PROJECT / "markdown_pricing/data/elastic/dashboard.ndjson").read_text().splitlines()
    pictures = [one["attributes"]["visState"] for one in map(json.loads, lines) if one["type"] == "visualization"]
    asked = {each["params"].get("field") for picture in pictures for each in json.loads(picture)["aggs"]}

    assert len(local) == 2
    assert "markdown.stake_eur" in asked
    assert not asked & local


def test_without_rates_there_are_shares_and_no_sum() -> None:
    """A few countries by their names, more by their number."""
    few = [Worth("HUN", 0.15, 9.0), Worth("SRB", 0.05, 3.4)]
    many = [Worth(f"A{letter}A", 0.1, 5.0) for letter in "ABCDEF"]

    assert stake_in_words(few) == "0.05 to 0.15 % of the expected revenue of HUN, SRB"
    assert sentence_of(few) == (
        f"This week's decisions: {stake_in_words(few)}; "
        "the whole plan against the old habit: +3.4 to +9.0 % of HUN, SRB."
    )
    assert stake_in_words(many) == "0.10 % of the expected revenue of 6 countries without a rate in euros"
    assert sentence_of([]) == ""
