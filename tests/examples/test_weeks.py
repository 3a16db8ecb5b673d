"""The buyer of `make weeks`, and the weeks that are played with him."""

from argparse import Namespace
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from examples.weeks import VERDICTS, Monday, Shop, codes_in, decide, play, table
from markdown_pricing.installation.settings import Settings
from tests.command import command
from tests.storage import make_storage

WEEK = date(2026, 1, 5)


def rows(articles: int, action: str = "markdown") -> pd.DataFrame:
    """Recommendations to go from 10.00 to 8.00."""
    ids = [f"A{number}" for number in range(articles)]
    prices = {"recommended_price": 8.0, "current_price": 10.0, "list_price": 10.0}
    return pd.DataFrame({"country": "MLT", "article_id": ids, "action": action, **prices})


def kinds(followed: float) -> list[str]:
    return ["locked" if each.get("lock_until") else each["verdict"] for each in decide(rows(400), WEEK, followed)]


def test_the_buyer_follows_the_share_that_was_asked_and_splits_the_rest() -> None:
    found = kinds(0.6)

    assert [found.count(kind) / 400 for kind in VERDICTS] == pytest.approx([0.6, 0.13, 0.13, 0.13], abs=0.06)
    assert kinds(0.6) == found
    assert set(kinds(1.0)) == {"accepted"}
    assert set(kinds(0.0)) == {"changed", "rejected", "locked"}


def test_the_buyer_decides_about_markdowns_only_and_between_two_prices_when_he_changes_one() -> None:
    changed = [each for each in decide(rows(100), WEEK, 0.0) if each["verdict"] == "changed"]

    assert list(decide(rows(5, action="keep"), WEEK, 0.6)) == []
    assert {each["price"] for each in changed} == {"9.00"}


def test_what_became_of_the_advice_is_counted_by_the_next_delivery() -> None:
    """By its snapshot, and by the week that was sold where the article is gone."""
    told = [{"verdict": "accepted"}, {"verdict": "rejected"}, {"verdict": "rejected", "lock_until": "2026-01-26"}]
    prices = {"A0": 8.1, "A1": 10.0, "A2": 9.0}
    later = pd.Timestamp("2026-01-12")
    snapshot = [("MLT", article, later, 10.0, price) for article, price in prices.items()]
    sold = [("MLT", "A0", pd.Timestamp(WEEK), 10.0, 9.5), ("MLT", "A3", pd.Timestamp(WEEK), 10.0, 8.0)]
    delivered = pd.DataFrame(snapshot + sold, columns=["country", "article_id", "week", "list_price", "price"])

    monday = Monday.of(WEEK, rows(4), told, delivered.assign(week=delivered["week"].dt.date))

    assert (monday.markdowns, monday.at_advice) == (4, 2)
    assert monday.decided == {"accepted": 1, "changed": 0, "rejected": 1, "locked": 1}
    lines = table([monday, monday]).splitlines()
    assert lines[2].split() == ["2026-01-05", "4", "1", "0", "1", "1", "2", "(50", "%)"]
    assert lines[-1].split() == ["All", "8", "2", "0", "2", "2", "4", "(50", "%)"]


def test_countries_may_have_blanks_between_them() -> None:
    assert codes_in("DEU, AUT,") == ["DEU", "AUT"]


def test_nothing_that_the_caller_has_set_reaches_the_weeks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are played in a folder of their own, whatever the shell is set up for."""
    kept = Shop(tmp_path, ["MLT"], None, WEEK).environment
    own = {"LAKE": "hdfs://production", "ERP": "postgresql://erp/live", "RULES": "rules.toml", "ENV": "production"}
    for name, value in own.items():
        monkeypatch.setenv(f"MARKDOWN_PRICING_{name}", value)
    for name in ("DB_USER", "DB_PASSWORD", "COUNTRY_GROUP", "DAGSTER_HOME", "DAGSTER_PG_PASSWORD"):
        monkeypatch.setenv(name, "somebody's")

    settings = Settings.from_env(Shop(tmp_path, ["MLT"], None, WEEK).environment)

    assert Shop(tmp_path, ["MLT"], None, WEEK).environment == kept
    assert settings.erp_url == f"sqlite:///{tmp_path}/erp.sqlite"
    assert settings.lake_url == str(tmp_path / "lake")


class InThisProcess(Shop):
    """Its commands need no processes of their own."""

    def open(self) -> None:
        super().open()
        make_storage(self.root / "dagster")

    def call(self, *arguments: str) -> None:
        model = {"MARKDOWN_PRICING_MODEL": "tests.commands.test_next_week:Slow"}
        ended = command(*arguments, environ={**self.environment, **model})
        assert ended.returncode == 0, ended.stderr
        print(ended.stdout)


def test_a_week_is_played_from_its_delivery_to_the_next(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    shop = InThisProcess(tmp_path / "weeks", ["MLT"], 8, WEEK)

    play(shop, Namespace(weeks=1, followed=1.0, not_applied=0.0, workers=1))

    said = capfd.readouterr().out
    week, all_weeks, *_ = said.partition("At advised price")[2].splitlines()[2:]
    markdowns, accepted = week.split()[1:3]
    assert int(markdowns) == int(accepted) > 0
    assert "(100 %)" in all_weeks
    assert "snapshot of 2026-01-12 for 1 country" in said
    assert "accepted at" in said
    assert "2026-01-05  MLT  The advice was followed for 8 of 8 articles. 0 had another price" in said
