"""A comparison through Dagster: a round holds drawn cells on the habit, and the weekly look tells what was found."""

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from markdown_pricing.arms.draw import Cell, Draw
from markdown_pricing.countries import Country
from markdown_pricing.definitions import build
from markdown_pricing.installation.settings import Settings
from markdown_pricing.kept.arms import keep_draw
from markdown_pricing.kept.sold_weeks import Outcomes
from markdown_pricing.lake import paths
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.publish import publish_bytes
from markdown_pricing.orchestration.arms import COMPARISON, NOTHING_DRAWN, sentence_of_comparison
from markdown_pricing.orchestration.digest import Digest
from markdown_pricing.orchestration.figures import IN_SHORT
from markdown_pricing.orchestration.judged import HELD, LEFT_ALONE, figures_of_ledger
from markdown_pricing.orchestration.ledger_checks import held_left_alone
from markdown_pricing.orchestration.names import EFFECTS_JOB
from markdown_pricing.weeks import parse_week
from tests.orchestration.test_assets import WEEK, WEEK_BEFORE, Installation
from tests.outcomes.test_totals import outcomes, recommended
from tests.quick import deliver

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def installed(root: Path) -> Installation:
    for week in (WEEK_BEFORE, WEEK):
        deliver(Lake(str(root / "lake")), parse_week(week), ("AUT",), articles=20, seed=5)
    return Installation(root)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """A round of a lake on which nothing was ever drawn."""
    made = installed(tmp_path_factory.mktemp("plain"))
    assert made.run().success
    return made


def draw_of_all_cells(rows: pd.DataFrame, week: str, arm: str = "habit") -> list[Draw]:
    """A draw for each season of the rows, with all its categories in that arm."""
    return [
        Draw(
            season,
            parse_week(week),
            seed=1,
            share=0.5,
            drawn_at=datetime(2026, 2, 2, tzinfo=UTC),
            cells=tuple(Cell("AUT", name, "large countries", arm, None) for name in sorted(own["category"].unique())),
        )
        for season, own in rows.groupby("season")
    ]


def drawn_round(root: Path, draws: list[Draw]) -> tuple[Installation, dg.ExecuteInProcessResult]:
    made = installed(root)
    for draw in draws:
        keep_draw(Lake(str(root / "lake")), draw, draws)
    return made, made.run()


SAME = ["recommended_price", "reason", "expected_revenue", "stake", "arm"]


def test_a_round_holds_the_cells_that_were_drawn(plain: Installation, tmp_path: Path) -> None:
    without = pd.read_parquet(plain.predictions())

    made, result = drawn_round(tmp_path, draw_of_all_cells(without, WEEK))

    assert result.success
    rows = pd.read_parquet(made.predictions())
    assert without["arm"].isna().all()
    assert (rows["arm"] == "habit").all()
    sells = rows["stock"] > 0
    assert (rows.loc[sells, "expected_revenue"] == rows.loc[sells, "expected_revenue_habit"]).all()
    assert {"held_on_habit", "markdown_by_habit"} & set(rows["reason_code"])
    assert made.erp("SELECT DISTINCT arm FROM markdown_recommendations") == [("habit",)]
    assert made.erp("SELECT count(*) FROM markdown_options WHERE rule = 'arm'") != [(0,)]
    events = result.get_asset_materialization_events()
    [shown] = [each.materialization for each in events if each.asset_key == dg.AssetKey("markdown_predictions")]
    assert shown.metadata[COMPARISON].value == "20 of 20 articles held on the old habit"


@pytest.mark.parametrize("of", ["a later week", "another country", "no file that can be read"])
def test_a_draw_that_is_not_for_the_round_changes_no_price(plain: Installation, tmp_path: Path, of: str) -> None:
    without = pd.read_parquet(plain.predictions())
    draws = draw_of_all_cells(without, "2026-02-16" if of == "a later week" else WEEK)
    if of == "another country":
        draws = [Draw(**{**vars(each), "cells": (Cell("DEU", "shoes", "a", "habit", None),)}) for each in draws]
    made = installed(tmp_path)
    for draw in draws:
        keep_draw(Lake(str(tmp_path / "lake")), draw, draws)
    if of == "no file that can be read":
        publish_bytes(Lake(str(tmp_path / "lake")), paths.ARM_DRAWS, b"nothing of ours")

    assert made.run().success

    rows = pd.read_parquet(made.predictions())
    pd.testing.assert_frame_equal(rows[SAME], without[SAME], check_exact=True)


def look(made: Installation) -> dg.ExecuteInProcessResult:
    settings = Settings.from_env(
        {"MARKDOWN_PRICING_LAKE": str(made.root / "lake"), "MARKDOWN_PRICING_ERP": f"sqlite:///{made.root}/erp.sqlite"}
    )
    job = build(settings).resolve_job_def(EFFECTS_JOB)
    return job.execute_in_process(instance=made.instance, raise_on_error=False, run_config=QUIET)


def test_the_weekly_look_says_that_nothing_is_drawn(plain: Installation) -> None:
    result = look(plain)

    assert result.success
    [event] = result.get_asset_materialization_events()
    assert event.materialization.metadata[IN_SHORT].value == NOTHING_DRAWN
    assert sentence_of_comparison(plain.instance) == ""


def test_the_weekly_look_writes_cells_and_effect_and_the_digest_has_its_sentence(
    plain: Installation, tmp_path: Path
) -> None:
    draws = draw_of_all_cells(pd.read_parquet(plain.predictions()), WEEK)
    made, _ = drawn_round(tmp_path, draws)

    assert look(made).success

    assert made.erp("SELECT count(*) FROM markdown_arms") == [(sum(len(draw.cells) for draw in draws),)]
    [(status, effect, sentence)] = made.erp(
        f"SELECT status, effect_pct, sentence FROM markdown_effects WHERE season = '{draws[-1].season}'"
    )
    assert (status, effect) == ("interim", None)
    assert "nothing is known" in str(sentence)
    said = sentence_of_comparison(made.instance)
    assert str(sentence) in said
    assert said in Digest(WEEK, ["AUT"], [], compared=said).text.splitlines()


def test_an_erp_without_the_tables_costs_no_look(plain: Installation, tmp_path: Path) -> None:
    made, _ = drawn_round(tmp_path, draw_of_all_cells(pd.read_parquet(plain.predictions()), WEEK))
    made.erp("DROP TABLE markdown_effects")

    result = look(made)

    assert result.success
    [event] = result.get_asset_materialization_events()
    assert "CREATE TABLE" in str(event.materialization.metadata["In the ERP"].value)


def test_the_page_of_the_ledger_counts_the_held_articles_that_were_left_alone() -> None:
    """Of four articles three are held, and one of these had another price."""
    rows = outcomes(0.0, 0.0, 5.0, 5.0, arm=["habit", "habit", "habit", "plan"])

    shown = figures_of_ledger(Outcomes(rows, pd.DataFrame(), recommended(rows)), [rows], Country("DEU"))
    without = figures_of_ledger(
        Outcomes(rows.assign(arm=None), pd.DataFrame(), recommended(rows)), [rows], Country("DEU")
    )

    assert shown[HELD.label] == 3
    assert shown[LEFT_ALONE.label] == pytest.approx(66.67)
    assert not {HELD.label, LEFT_ALONE.label} & without.keys()


def test_held_cells_that_were_not_left_alone_are_reported() -> None:
    of = {HELD.label: 200, LEFT_ALONE.label: 95.0}

    assert held_left_alone(of).passed
    assert held_left_alone({}).passed
    late = held_left_alone({**of, LEFT_ALONE.label: 60.0})
    assert not late.passed
    assert late.severity == dg.AssetCheckSeverity.WARN
    assert (
        late.description == "60 % of the 200 articles that a comparison holds on the old habit had the price it asks."
    )
