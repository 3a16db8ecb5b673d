"""`sample --next-week`, as its user sees it: two weeks of a small shop, whose rounds run through Dagster."""

import json
import sqlite3
from datetime import timedelta
from pathlib import Path
from subprocess import CompletedProcess

import pandas as pd
import pytest

from markdown_pricing.weeks import parse_week
from tests.command import command
from tests.quick import Steady
from tests.storage import make_storage

WEEK = "2026-01-05"
NEXT = str(parse_week(WEEK) + timedelta(weeks=1))
HEAD = "country,article_id,week,verdict,price,lock_until,decision_reason"


class Slow(Steady):
    """Foretells so few sales that articles are to be marked down."""

    def fit(self, history, week, seed, threads=1, shared=None) -> None:
        super().fit(history.assign(units=0.05 * history["units"]), week, seed, threads, shared)

    def forecast(self, articles, history, week):
        return super().forecast(articles, history.assign(units=0.05 * history["units"]), week)


class Shop:
    """Malta, with ten articles, and somebody who decides about them. Its weeks have long passed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        make_storage(root / "dagster")

    def do(self, *arguments: str) -> CompletedProcess[str]:
        environ = {
            "MARKDOWN_PRICING_LAKE": str(self.root / "lake"),
            "MARKDOWN_PRICING_ERP": f"sqlite:///{self.root}/erp.sqlite",
            "MARKDOWN_PRICING_START_WEEK": WEEK,
            "MARKDOWN_PRICING_MODEL": "tests.commands.test_next_week:Slow",
            "MARKDOWN_PRICING_LOG": "off",
            "DAGSTER_HOME": str(self.root / "dagster"),
        }
        return command(*arguments, environ=environ)

    def sample(self, *options: str) -> CompletedProcess[str]:
        return self.do("sample", "--lake", str(self.root / "lake"), *options)

    def rows(self) -> pd.DataFrame:
        with sqlite3.connect(self.root / "erp.sqlite") as erp:
            return pd.read_sql("SELECT * FROM markdown_recommendations", erp, index_col="article_id")

    def decide(self, *lines: str) -> CompletedProcess[str]:
        file = self.root / "decisions.csv"
        file.write_text("\n".join((HEAD, *lines)))
        return self.do("decide", str(file))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A sample that was delivered and not priced yet."""
    shop = Shop(tmp_path_factory.mktemp("shop"))
    made = shop.sample("--week", WEEK, "--countries", "MLT,CYP", "--articles", "10")
    assert made.returncode == 0, made.stderr
    return shop


def test_a_week_that_is_not_priced_cannot_be_sold(shop: Shop) -> None:
    ended = shop.sample("--next-week")

    assert ended.returncode == 1
    assert f"Run first: markdown-pricing run --week {WEEK}" in ended.stderr


@pytest.mark.parametrize("options", [("--next-week", "--seed", "2"), ("--not-applied", "0.1")])
def test_options_that_do_not_go_together_are_bad_usage(shop: Shop, options: tuple[str, str]) -> None:
    assert shop.sample(*options).returncode == 2


def test_a_folder_without_a_lake_is_bad_usage(shop: Shop) -> None:
    ended = shop.do("sample", "--lake", str(shop.root / "nowhere"), "--next-week")

    assert ended.returncode == 2
    assert "There is no lake at" in ended.stderr


def test_the_next_week_is_sold_as_people_decided_and_the_next_round_knows_it(shop: Shop) -> None:
    """Also where the weeks have passed already, so that a round would leave out what was decided only now."""
    priced = shop.do("run", "--countries", "MLT")
    assert priced.returncode == 0, priced.stderr
    rows = shop.rows()
    goes_on = (rows["stock"] > 0) & (rows["end_week"] > NEXT)
    accepted, rejected, *_ = rows.index[goes_on & (rows["action"] == "markdown")]
    changed, locked, *_ = rows.index[goes_on & (rows["action"] == "keep")]
    lock = str(parse_week(WEEK) + timedelta(weeks=3))
    other = round(rows["current_price"][changed] * 0.9, 2)
    decided = shop.decide(
        f"MLT,{accepted},{WEEK},accepted,,,",
        f"MLT,{changed},{WEEK},changed,{other},,too_deep",
        f"MLT,{rejected},{WEEK},rejected,,,too_early",
        f"MLT,{locked},{WEEK},accepted,,{lock},promotion_planned",
    )
    assert decided.returncode == 0, decided.stderr

    sold = shop.sample("--next-week", "--json")

    assert sold.returncode == 0, sold.stderr
    said = json.loads(sold.stdout)
    assert (said["sold"], said["week"], said["held"]) == (WEEK, NEXT, ["CYP"])
    [malta] = [each for each in said["countries"] if each["country"] == "MLT"]
    undecided = rows.drop([accepted, changed, rejected, locked])
    recommended = undecided["recommended_price"] != undecided["current_price"]
    assert (malta["decided"], malta["new_prices"]) == (4, 2 + recommended.sum())
    shop.do("run", "--countries", "MLT")
    then = shop.rows()
    assert set(then["week"]) == {NEXT}
    assert then["current_price"][accepted] == rows["recommended_price"][accepted]
    assert then["current_price"][changed] == other
    for held in (rejected, locked):
        assert then["current_price"][held] == rows["current_price"][held]
    assert then["locked_until"][locked] == lock
    for article in undecided.index.intersection(then.index):
        assert then["current_price"][article] == rows["recommended_price"][article]
    shown = shop.do("decisions", "MLT").stdout
    assert f"locked until {lock}" in shown


def test_a_country_that_was_not_priced_is_held_at_its_prices_and_named(shop: Shop) -> None:
    """Here the prices of Cyprus after a week in which nobody could change them."""
    folders = [shop.root / f"lake/markdown_training_data/{week}/country=CYP" for week in (WEEK, NEXT)]
    was, now = (pd.concat(map(pd.read_parquet, sorted(folder.iterdir()))) for folder in folders)
    was = was[was["week"] == parse_week(WEEK)].set_index("article_id")["price"]
    now = now[now["week"] == parse_week(NEXT)].set_index("article_id")["price"]
    both = was.index.intersection(now.index)

    assert len(both) > 5
    assert (now[both] == was[both]).all()


def test_the_copy_on_the_lake_counts_where_the_erp_does_not_show_decisions(shop: Shop) -> None:
    """Its locks hold on."""
    with sqlite3.connect(shop.root / "erp.sqlite") as erp:
        erp.executescript("DROP VIEW markdown_decisions_current; DROP TABLE markdown_decisions")

    sold = shop.sample("--next-week", "--json")

    assert sold.returncode == 0, sold.stderr
    assert "MLT: the ERP does not show people's decisions, so those of the lake count." in sold.stderr
    [malta] = [each for each in json.loads(sold.stdout)["countries"] if each["country"] == "MLT"]
    assert malta["decided"] == 1


def test_a_week_that_is_not_over_is_not_sold(tmp_path: Path) -> None:
    """The one after it could not be priced."""
    shop = Shop(tmp_path)
    shop.sample("--countries", "MLT", "--articles", "2")

    refused = shop.sample("--next-week")

    assert refused.returncode == 1
    assert "is not over" in refused.stderr
    assert len(list((tmp_path / "lake/markdown_training_data").iterdir())) == 1
