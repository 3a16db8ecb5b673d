"""The recommendations of a week's countries are compared by what they have kept on the lake."""

from itertools import count
from pathlib import Path

import pytest

from markdown_pricing.kept.across_countries import MOST_LISTED, compare_countries
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.paths import kept_predictions_file
from tests.markdown.seasons import WEEK, article
from tests.priced import keep_priced

DEAR = article(stock=10)
CHEAP = article({-6: 49.99, -5: 19.99, -1: 19.99, 0: 19.99}, stock=10)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Two countries with the same two articles, one of which is cheap in Austria by now, and a third country."""
    lake = Lake(str(tmp_path))
    keep_priced(lake, WEEK, {"DEU": [DEAR, DEAR], "AUT": [DEAR, CHEAP], "POL": [DEAR]})
    return lake


def test_what_is_wide_apart_is_listed_with_its_reasons(lake: Lake) -> None:
    found = compare_countries(lake, WEEK)

    assert (found.articles, found.apart, found.unread) == (2, 1, [])
    first, line = found.text.splitlines()
    assert first == "The advice for 1 of 2 articles differs widely between countries, by 45 points or more:"
    assert line.startswith("- 0001: 0 % off in DEU, 60 % off in AUT. In DEU 60 % off is worth ")
    assert line.endswith("in AUT 60 % off is today's price already.")


def test_a_country_whose_results_cannot_be_read_is_named(lake: Lake) -> None:
    file = Path(lake.root) / kept_predictions_file(WEEK, "AUT")
    whole = file.read_bytes()

    file.write_bytes(whole[:-9] + b"corrupted")  # in its menu, which comes last
    assert compare_countries(lake, WEEK).text.endswith("; in AUT the menu could not be read.")

    file.write_bytes(b"corrupted" + whole[9:])
    assert compare_countries(lake, WEEK).text.splitlines() == [
        "The advice for 0 of 1 article differs widely between countries, by 45 points or more.",
        "Not compared: AUT.",
    ]


def test_a_slow_lake_costs_the_comparison_and_not_the_message(lake: Lake) -> None:
    """No country is begun any more when the time is over."""
    minutes = count(step=60)

    found = compare_countries(lake, WEEK, within_s=90, clock=lambda: float(next(minutes)))

    assert found.unread == ["DEU", "POL"]
    assert compare_countries(lake, WEEK).unread == []

    minutes = count(step=60)
    later = compare_countries(lake, WEEK, within_s=200, clock=lambda: float(next(minutes)))

    assert later.unread == []
    assert later.text.count("the menu could not be read") == 2


def test_many_articles_are_counted(tmp_path: Path) -> None:
    lake, many = Lake(str(tmp_path)), MOST_LISTED + 2
    keep_priced(lake, WEEK, {"DEU": many * [DEAR], "AUT": many * [CHEAP]})

    assert compare_countries(lake, WEEK).text.splitlines()[-1] == "and 2 more."
    assert len(compare_countries(lake, WEEK).lines) == MOST_LISTED


def test_a_week_that_nobody_has_priced_has_nothing_to_compare(tmp_path: Path) -> None:
    assert compare_countries(Lake(str(tmp_path)), WEEK).articles == 0
