"""`arms draw` and `arms show`, as their user sees them, on a sample that was priced."""

import json
import os
import sqlite3
from datetime import timedelta
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from markdown_pricing.kept.arms import read_draws
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.weeks import parse_week
from tests.command import command
from tests.orchestration.test_assets import WEEK, Installation
from tests.quick import deliver


class Desk:
    """Somebody with a lake on which a country was priced, and its ERP."""

    def __init__(self, root: Path) -> None:
        self.root, self.lake = root, Lake(str(root / "lake"))

    def arms(self, *arguments: str) -> CompletedProcess[str]:
        environ = {
            "PATH": os.environ["PATH"],
            "MARKDOWN_PRICING_LAKE": str(self.root / "lake"),
            "MARKDOWN_PRICING_ERP": f"sqlite:///{self.root}/erp.sqlite",
        }
        return command("arms", *arguments, environ=environ)

    def erp(self, query: str) -> list[tuple[object, ...]]:
        with sqlite3.connect(self.root / "erp.sqlite") as erp:
            return list(erp.execute(query))


@pytest.fixture(scope="module")
def priced(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    root = tmp_path_factory.mktemp("arms")
    desk = Desk(root)
    deliver(desk.lake, parse_week(WEEK), ("AUT",), articles=40, seed=5)
    assert Installation(root).run().success
    return desk


def test_before_a_draw_nothing_is_compared(priced: Desk) -> None:
    shown = priced.arms("show")

    assert shown.returncode == 0, shown.stderr
    assert shown.stdout == "Nothing is compared: no cell was ever drawn.\n"


def test_a_dry_run_shows_power_and_cost_and_draws_nothing(priced: Desk) -> None:
    shown = priced.arms("draw", "SS26", "--share", "30", "--seed", "4", "--dry-run")

    assert shown.returncode == 0, shown.stderr
    for said in (
        "the model reckons that the plan brings",
        "Found with 4 chances in 5",
        "Costs about, EUR",
        "would be held",
    ):
        assert said in shown.stdout
    assert read_draws(priced.lake) == ()


def test_where_no_share_would_find_it_nothing_is_drawn_unless_one_is_named(priced: Desk) -> None:
    refused = priced.arms("draw", "SS26", "--json")

    assert refused.returncode == 1
    assert "nothing is drawn. Name one with --share" in refused.stderr
    assert json.loads(refused.stdout)["draw"] is None
    assert read_draws(priced.lake) == ()


def test_a_draw_is_kept_shown_and_in_the_erp_and_is_made_once(priced: Desk) -> None:
    drawn = priced.arms("draw", "SS26", "--share", "30", "--seed", "4")

    assert drawn.returncode == 0, drawn.stderr
    [draw] = read_draws(priced.lake)
    assert (draw.season, draw.seed, draw.share) == ("SS26", 4, 0.3)
    assert draw.from_week.weekday() == 0
    assert timedelta(0) < draw.from_week - draw.drawn_at.date() <= timedelta(weeks=1)
    assert f"{len(draw.held)} of {len(draw.cells)} cells are held from {draw.from_week} on (seed 4)." in drawn.stdout
    held = priced.erp("SELECT count(*) FROM markdown_arms WHERE season = 'SS26' AND arm = 'habit'")
    assert held == [(len(draw.held),)]
    shown = priced.arms("show")
    assert "Interim: of season SS26 no articles have ended in both arms yet" in shown.stdout
    again = priced.arms("draw", "SS26", "--share", "30")
    assert again.returncode == 2
    assert "was drawn on" in again.stderr


def test_the_share_is_a_percentage_that_leaves_both_arms(priced: Desk) -> None:
    assert priced.arms("draw", "AW26", "--share", "60").returncode == 2
