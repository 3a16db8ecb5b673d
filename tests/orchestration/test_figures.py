"""A figure is declared once: what records it, what logs it and what reckons with it mean the same one."""

from dataclasses import replace
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest
from dagster._core.storage.tags import TagType, get_tag_type

from markdown_pricing.countries import Country
from markdown_pricing.definitions import build
from markdown_pricing.installation.settings import Settings
from markdown_pricing.markdown.rules import Rules
from markdown_pricing.orchestration import figures
from markdown_pricing.orchestration.figures import ERROR, LOGGED
from markdown_pricing.orchestration.names import (
    CODE_TAG,
    COUNTRY_TAG,
    GROUP,
    MODEL,
    PREDICTIONS,
    REFRESH,
    ROUND_TAG,
    STAGE_TAG,
    STAMP_TAG,
    TRAINING_DATA,
    WEEK_TAG,
)
from markdown_pricing.pricing import CountryWeek
from markdown_pricing.provenance import provenance
from markdown_pricing.training_data.intake import Intake, Outcome, SetAside
from tests.markdown.seasons import DEU, WEEK, article, frames, recommend_for


def test_a_label_stands_for_one_figure() -> None:
    labels = [figure.label for figure in LOGGED]

    assert len(labels) == len(set(labels))


def test_figures_of_one_log_field_are_of_one_unit() -> None:
    """Articles of a snapshot and of a refresh may share a field; a number and a text may not."""
    units: dict[str, set[str]] = {}
    for figure in LOGGED:
        units.setdefault(figure.field, set()).add(figure.unit)

    assert {field: kinds for field, kinds in units.items() if len(kinds) > 1} == {}


@pytest.mark.parametrize(
    ("recorded", "number"), [(0.25, 0.25), (dg.MetadataValue.float(0.25), 0.25), ("not known", None)]
)
def test_a_number_is_found_again_however_it_was_kept(recorded: object, number: float | None) -> None:
    assert ERROR.number({ERROR.label: recorded}) == number
    assert ERROR.number({}) is None


def test_this_weeks_decisions_are_the_stakes_of_what_is_marked_down() -> None:
    """In the country's currency and as a share; in euros where the rate is known. A kept price is no decision."""
    priced = recommend_for(article(stock=400), article(stock=1), rules=Rules())
    assert list(priced.rows["action"]) == ["markdown", "keep"]
    markdown, revenue = priced.rows["stake"].iloc[0], priced.rows["expected_revenue"].sum()

    in_forint, abroad = (
        figures.predictions(priced, None, country, provenance(WEEK, "HUN", "stamp"), "uri")
        for country in (
            Country("HUN", currency="HUF", eur_per_unit=0.01, eur_date=WEEK),
            Country("HUN", currency="HUF"),
        )
    )

    assert figures.STAKE.of(in_forint) == figures.STAKE.of(abroad) == pytest.approx(markdown)
    assert figures.STAKE_PCT.of(in_forint) == pytest.approx(100 * markdown / revenue, abs=1e-4)
    assert figures.STAKE_EUR.of(in_forint) == pytest.approx(markdown / 100, abs=0.01)
    assert figures.worth_shown("HUN", in_forint).revenue_eur == pytest.approx(revenue / 100, abs=0.01)
    assert figures.worth_shown("HUN", abroad).stake_eur is None
    assert in_forint[figures.RATE] == "0.01 EUR for 1 HUF, of 2026-02-09"
    assert abroad[figures.RATE] == "not known"
    assert figures.worth_shown("HUN", {}) is None


def test_every_automation_and_job_says_what_it_does(tmp_path: Path) -> None:
    """And where people choose countries by their codes, a description has the names."""
    repository = build(Settings.from_env({"DAGSTER_HOME": str(tmp_path)})).get_repository_def()

    described = [*repository.schedule_defs, *repository.sensor_defs]
    described += [job for job in repository.get_all_jobs() if not job.name.startswith("__")]
    assert [each.name for each in described if not each.description] == []
    for key in (TRAINING_DATA, MODEL, PREDICTIONS, REFRESH):
        description = repository.asset_graph.get(key).description
        assert "DEU Germany" in description
        assert "GBR" not in description


def test_the_catalog_can_be_filtered_by_stage_kind_owner_and_group(tmp_path: Path) -> None:
    environ = {"DAGSTER_HOME": str(tmp_path), "MARKDOWN_PRICING_RAW": str(tmp_path)}
    graph = build(Settings.from_env(environ)).get_repository_def().asset_graph

    nodes = [graph.get(key) for key in graph.get_all_asset_keys()]
    assert {node.tags.get(STAGE_TAG) for node in nodes} == {"input", "learn", "price", "publish", "judge"}
    assert [node.key for node in nodes if not (node.kinds and node.owners and node.group_name == GROUP)] == []


def test_no_tag_that_the_page_shows_holds_a_hash() -> None:
    """The row of a run has its week and its country."""
    assert {get_tag_type(tag) for tag in (ROUND_TAG, STAMP_TAG, CODE_TAG)} == {TagType.HIDDEN}
    assert {get_tag_type(tag) for tag in (WEEK_TAG, COUNTRY_TAG)} == {TagType.USER_PROVIDED}


def test_a_picture_that_cannot_be_drawn_costs_the_picture() -> None:
    def draw() -> str:
        raise ValueError("an odd name")

    assert figures._drawn(draw) == dg.MetadataValue.text("It could not be drawn: an odd name")
    assert isinstance(figures._drawn(lambda: ""), dg.MarkdownMetadataValue)


def test_a_page_begins_with_a_sentence_and_ends_with_hashes() -> None:
    """What people read first has its numbers as they write them; a sketch of the prices needs no click."""
    priced = recommend_for(article(stock=400), rules=Rules())

    told = figures.predictions(priced, None, DEU, provenance(WEEK, "DEU", "stamp"), "uri")

    first, *_, snapshot, made_by, _uri = told
    assert first == figures.IN_SHORT
    assert told[first].startswith("1 of 1 article marked down. This week's decisions are worth ")
    assert (snapshot, made_by) == (figures.SNAPSHOT_STAMP.label, figures.MADE_BY)
    assert len(told["Price paths"].value) < 1000 < len(told["Price paths, large"].value)


def test_an_article_id_means_nothing_to_the_page_or_to_a_spreadsheet() -> None:
    priced = recommend_for(article(stock=400), rules=Rules())
    hostile = "=[A](javascript:b)|<script>"
    rows, path = (frame.assign(article_id=hostile) for frame in (priced.rows, priced.price_path))
    origin = provenance(WEEK, "DEU", "stamp")

    told = figures.predictions(replace(priced, rows=rows, price_path=path), None, DEU, origin, "uri")

    page = str(told[figures.MOST_AT_STAKE].value)
    assert "'=\\[A\\](javascript:b)\\|&lt;script&gt;" in page


def test_what_the_intake_left_out_is_listed() -> None:
    """Articles with column and value, optional columns, and rows that are fewer than a week before."""
    snapshot, history = frames([article()])
    aside = SetAside("a1", "stock negative (week 2026-02-09, stock -5)", Outcome.KEEPS_ITS_PRICE)
    taken = Intake(pd.concat([history, snapshot]), (aside,), {"attr_x[cm]": "it comes twice"})
    sold = CountryWeek(WEEK, "DEU", history, snapshot)
    shown = figures.training_data(sold, taken, 99, provenance(WEEK, "DEU", "0"), "uri")

    assert shown[figures.SET_ASIDE.label] == 1
    assert shown[figures.NOT_TAKEN].value.splitlines() == [
        "The column 'attr_x[cm]' is left out: it comes twice.",
        "Set aside: article a1: stock negative (week 2026-02-09, stock -5); it keeps its price.",
        "There are 2 rows, and in the week before there were 99.",
    ]
