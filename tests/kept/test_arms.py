"""The comparison on the lake: who is drawn, what rounds read, and what is known of a season by its newest data."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from markdown_pricing.arms.draw import Draw
from markdown_pricing.columns import Recommendations
from markdown_pricing.countries import Countries, Country
from markdown_pricing.kept.arms import (
    AlreadyDrawn,
    DrawUnderWay,
    NoCellToDraw,
    OtherDrawMeanwhile,
    arms_in,
    candidates,
    comparison_so_far,
    drawn,
    keep_draw,
    read_draws,
)
from markdown_pricing.kept.results import Results
from markdown_pricing.lake import paths
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.publish import publish_bytes
from markdown_pricing.pricing import CountryWeek
from markdown_pricing.provenance import provenance

COUNTRIES = Countries({code: Country(code) for code in ("DEU", "FRA", "POL", "AUT", "CZE", "MLT")})
CATEGORIES = [f"category {number}" for number in range(6)]
NOW = datetime(2026, 2, 25, 9, tzinfo=UTC)
MONDAY = date(2026, 3, 2)
EFFECT = 0.2


def history_of(code: str, end: date, weeks: int, season: str, on_plan: set[str]) -> pd.DataFrame:
    """Two articles of each category that sell steadily to their last week; the plan's sell EFFECT more of them."""
    rng = np.random.default_rng([*code.encode(), *season.encode()])
    mondays = [pd.Timestamp(end - timedelta(weeks=ago)) for ago in reversed(range(weeks))]
    rows = []
    for category in CATEGORIES:
        for number in range(2):
            units = 20 * (1 + (EFFECT if category in on_plan else 0.0)) * (1 + 0.01 * rng.standard_normal())
            for at, week in enumerate(mondays):
                rows.append(
                    {
                        "article_id": f"{season} {category} {number}",
                        **{"category": category, "season": season, "week": week},
                        **{"launch_week": mondays[0], "end_week": mondays[-1], "list_price": 50.0, "price": 50.0},
                        **{"units": units, "stock": 400 - at * units, "salvage_price": 0.0},
                    }
                )
    return pd.DataFrame(rows)


def keep(lake: Lake, week: date, histories: dict[str, pd.DataFrame], on_sale: pd.DataFrame | None = None) -> None:
    """What `training_data` keeps of a week; the articles on sale are of season SS26 unless others are given."""
    for code, history in histories.items():
        now = history.groupby("article_id").tail(1).assign(week=pd.Timestamp(week), units=np.nan)
        articles = now.assign(season="AW25") if on_sale is None else on_sale
        # Articles have the types of the history, also where there are none.
        typed = articles.astype({name: kind for name, kind in history.dtypes.items() if name in articles})
        sold = CountryWeek(week, code, history, typed.reset_index(drop=True))
        Results(lake, week, code).training_data.keep(sold, provenance(week, code, "stamp"))


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Six countries, each with articles that ended a month ago."""
    made = Lake(str(tmp_path))
    week = MONDAY - timedelta(weeks=1)
    keep(made, week, {code: history_of(code, week - timedelta(weeks=4), 12, "AW25", set()) for code in COUNTRIES})
    return made


def draw_of(lake: Lake, season: str = "SS26") -> Draw:
    return drawn(candidates(lake, COUNTRIES, season), Draw(season, MONDAY, 7, 0.3, NOW, ()), read_draws(lake))


def test_every_category_of_every_country_is_a_cell(lake: Lake) -> None:
    found = candidates(lake, COUNTRIES, "SS26")

    assert len(found.cells) == len(COUNTRIES) * len(CATEGORIES)
    assert found.cells["before"].to_numpy() == pytest.approx(240 / 400, rel=0.05)
    assert np.isnan(found.reckoned)  # no round is known


def test_a_country_without_a_rate_is_left_out_and_named(lake: Lake) -> None:
    some = Countries({**COUNTRIES.by_code, "POL": Country("POL", currency="PLN")})

    found = candidates(lake, some, "SS26")

    assert found.without_rate == ("POL",)
    assert "POL" not in set(found.cells["country"])


def test_without_data_nothing_can_be_drawn(tmp_path: Path) -> None:
    with pytest.raises(NoCellToDraw, match="Run a round first"):
        candidates(Lake(str(tmp_path)), COUNTRIES, "SS26")


def test_a_season_is_drawn_once(lake: Lake) -> None:
    keep_draw(lake, draw_of(lake), [])

    with pytest.raises(AlreadyDrawn, match="tells nothing"):
        keep_draw(lake, draw_of(lake), [])
    assert len(read_draws(lake)) == 1


def test_of_two_seasons_that_are_drawn_at_once_the_second_fails_and_is_drawn_again(lake: Lake) -> None:
    """Both had looked before either was kept; the second would not know which cells the first one holds."""
    first, second = draw_of(lake, "SS26"), draw_of(lake, "AW26")
    keep_draw(lake, first, [])

    with pytest.raises(OtherDrawMeanwhile, match=r"somebody else has drawn season SS26.*Draw it again"):
        keep_draw(lake, second, [])
    assert [each.season for each in read_draws(lake)] == ["SS26"]

    keep_draw(lake, second, read_draws(lake))
    assert [each.season for each in read_draws(lake)] == ["SS26", "AW26"]


def test_no_two_write_a_draw_at_the_same_moment(lake: Lake) -> None:
    with lake.alone(paths.ARM_DRAW_UNDER_WAY), pytest.raises(DrawUnderWay, match=r"then remove .*draws\.lock"):
        keep_draw(lake, draw_of(lake), [])
    assert read_draws(lake) == ()

    keep_draw(lake, draw_of(lake), [])
    assert not lake.entry(paths.ARM_DRAW_UNDER_WAY)


def test_rounds_read_the_arms_from_the_draws_first_week_on(lake: Lake) -> None:
    draw = draw_of(lake)
    keep_draw(lake, draw, [])

    before, since = (arms_in(lake, "DEU", week) for week in (MONDAY - timedelta(weeks=1), MONDAY))

    assert before == ({}, "")
    assert since == ({("SS26", cell.category): cell.arm for cell in draw.cells if cell.country == "DEU"}, "")


def test_a_draw_that_cannot_be_read_costs_no_round(lake: Lake) -> None:
    keep_draw(lake, draw_of(lake), [])
    publish_bytes(lake, paths.ARM_DRAWS, b"something else")

    arms, why = arms_in(lake, "DEU", MONDAY)

    assert arms == {}
    assert "which spoils the comparison" in why


def test_of_two_seasons_at_once_the_later_keeps_the_arms_of_the_earlier(lake: Lake) -> None:
    """The articles on sale are of AW25, which was drawn before."""
    keep_draw(lake, draw_of(lake, "AW25"), [])

    second = drawn(candidates(lake, COUNTRIES, "SS26"), Draw("SS26", MONDAY, 99, 0.3, NOW, ()), read_draws(lake))

    assert second.kept_from == "AW25"
    [first] = read_draws(lake)
    assert {cell.key: cell.arm for cell in second.cells} == {cell.key: cell.arm for cell in first.cells}


def test_a_season_that_has_left_the_shops_binds_nobody(lake: Lake) -> None:
    keep_draw(lake, draw_of(lake, "AW24"), [])

    assert draw_of(lake, "SS26").kept_from == ""


def sell_season(lake: Lake, draw: Draw, open_weeks: int = 0) -> None:
    """The season's articles, as a snapshot shows them that is one week after their last, or earlier."""
    last = MONDAY + timedelta(weeks=11)
    week = last + timedelta(weeks=1 - open_weeks)
    histories = {}
    for code in COUNTRIES:
        on_plan = {cell.category for cell in draw.cells if cell.country == code and cell.arm == "plan"}
        whole = history_of(code, last, 12, "SS26", on_plan)
        histories[code] = whole[whole["week"] < pd.Timestamp(week)]
    keep(lake, week, histories, on_sale=None if open_weeks else pd.DataFrame(columns=list(whole.columns)))


def test_the_effect_of_a_season_that_is_over_is_found(lake: Lake) -> None:
    draw = draw_of(lake)
    sell_season(lake, draw)

    told = comparison_so_far(lake, COUNTRIES, draw)

    assert told.status == "final"
    assert told.ended == 2 * len(draw.cells)
    assert told.effect is not None
    assert told.effect.value == pytest.approx(EFFECT, abs=0.02)
    assert told.effect.low < EFFECT < told.effect.high
    assert told.effect.held == len(draw.held)


def test_while_the_season_is_on_sale_nothing_is_said(lake: Lake) -> None:
    draw = draw_of(lake)
    sell_season(lake, draw, open_weeks=3)

    told = comparison_so_far(lake, COUNTRIES, draw)

    assert (told.status, told.effect, told.ended) == ("interim", None, 0)


def test_articles_that_were_launched_before_the_draw_are_not_compared(lake: Lake) -> None:
    draw = replace(draw_of(lake), from_week=MONDAY + timedelta(weeks=1))
    sell_season(lake, draw)

    assert comparison_so_far(lake, COUNTRIES, draw).ended == 0


def test_the_models_reckoning_is_that_of_the_first_week_of_each_article_on_the_plan(lake: Lake) -> None:
    draw = draw_of(lake)
    sell_season(lake, draw)
    for week, revenue in ((MONDAY, 110.0), (MONDAY + timedelta(weeks=1), 500.0)):
        rows = history_of("DEU", MONDAY, 1, "SS26", set()).assign(
            expected_revenue=revenue, expected_revenue_habit=100.0, launch_week=MONDAY
        )
        nothing = pd.DataFrame({"article_id": []})
        origin = provenance(week, "DEU", "stamp")
        Results(lake, week, "DEU").recommendations.keep(Recommendations(rows, nothing, nothing), origin)

    told = comparison_so_far(lake, COUNTRIES, draw)

    assert told.reckoned == pytest.approx(0.10)
    assert told.factor is not None
    assert told.factor[0] == pytest.approx(2.0, abs=0.2)
