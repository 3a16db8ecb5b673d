"""A country's delivery is read in one way by everybody: its rows, its plan, and its origin."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from markdown_pricing.currencies import Changeover
from markdown_pricing.delivered import learn_from_delivery, origin_of_delivery, take_in_delivery
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.paths import planned_folder
from markdown_pricing.lake.snapshot import MissingCountry, find_snapshot
from markdown_pricing.provenance import Provenance
from tests.quick import deliver, sold

WEEK = date(2026, 2, 9)
CHANGE = Changeover("DEU", "EUR", date(2025, 2, 3), 2.0)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Two countries are delivered."""
    lake = Lake(str(tmp_path))
    deliver(lake, WEEK, ("DEU", "AUT"), articles=4)
    return lake


def plan_something(lake: Lake) -> None:
    """The category of DEU's first article is advertised in the week after the snapshot."""
    folder = Path(lake.root) / planned_folder(WEEK, "DEU")
    folder.mkdir()
    category = sold("DEU", WEEK, 4)["category"][0].as_py()
    columns = {"article_id": pa.array([None], pa.string()), "category": [category], "week": [date(2026, 2, 16)]}
    pq.write_table(pa.table({**columns, "attr_promo": [1.0]}), folder / "part-0.parquet")


def test_a_countrys_rows_and_its_plan_are_taken_in(lake: Lake) -> None:
    plan_something(lake)

    taken = take_in_delivery(lake, find_snapshot(lake, WEEK), "DEU")

    assert len(taken.rows) == sold("DEU", WEEK, 4).num_rows
    assert set(taken.rows["country"]) == {"DEU"}
    assert taken.planned is not None
    assert set(taken.planned["attr_promo"]) == {1.0}


def test_a_country_that_was_not_delivered_is_an_error(lake: Lake) -> None:
    with pytest.raises(MissingCountry, match="MLT"):
        take_in_delivery(lake, find_snapshot(lake, WEEK), "MLT")


def test_the_origin_is_another_one_where_the_plan_or_the_currency_is(lake: Lake) -> None:
    """Equal origins mean equal prices, so that whatever a price depends on has to be in it."""

    def origin(changeovers: tuple[Changeover, ...] = ()) -> Provenance:
        return origin_of_delivery(find_snapshot(lake, WEEK), "DEU", changeovers)

    plain, with_change = origin(), origin((CHANGE,))
    plan_something(lake)
    with_plan = origin()

    assert plain.country == "DEU"
    assert replace(with_change, currencies="") == plain != with_change
    assert replace(with_plan, plan="") == plain != with_plan


def test_what_the_countries_share_is_learnt_from_those_that_were_delivered(lake: Lake) -> None:
    learnt = learn_from_delivery(lake, find_snapshot(lake, WEEK), ["AUT", "DEU"])

    assert (sorted(learnt.articles), dict(learnt.left_out)) == (["AUT", "DEU"], {})
