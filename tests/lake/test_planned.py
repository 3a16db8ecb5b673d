"""The folder `_planned` beside a country's rows: read when it is there, and nothing depends on it."""

import os
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from markdown_pricing.kept.files import ORIGIN
from markdown_pricing.kept.results import Results
from markdown_pricing.kept.training_data import ARTICLES, HISTORY, ROW_COUNT
from markdown_pricing.lake import Lake, find_snapshot, read_country
from markdown_pricing.lake import snapshot as snapshots
from markdown_pricing.lake.paths import planned_folder, training_data_file
from markdown_pricing.lake.publish import parquet_of, publish_parts
from markdown_pricing.lake.snapshot import read_planned
from markdown_pricing.pricing import CountryWeek
from markdown_pricing.provenance import Provenance
from markdown_pricing.training_data.schema import planned_columns
from tests.lake.spark import WEEK, deliver

PLAN = pa.table({"article_id": ["a0"], "week": [WEEK], "attr_promo": [1.0], "comment": ["a leaflet"]})


@pytest.fixture
def delivered(tmp_path: Path) -> Lake:
    """Germany and Austria, without a plan."""
    lake = Lake(str(tmp_path))
    deliver(lake)
    return lake


def folder(lake: Lake, country: str = "DEU") -> Path:
    made = Path(lake.root) / planned_folder(WEEK, country)
    made.mkdir(exist_ok=True)
    return made


def read(lake: Lake, country: str = "DEU") -> tuple[pa.Table | None, tuple[str, ...]]:
    return read_planned(lake, find_snapshot(lake, WEEK), country, planned_columns)


def test_without_a_plan_nothing_is_planned_and_the_stamp_is_as_before(delivered: Lake) -> None:
    """An empty folder is no plan, and neither is one that holds only what Spark leaves."""
    before = find_snapshot(delivered, WEEK).stamp
    assert read(delivered) == (None, ())
    (folder(delivered) / "_SUCCESS").touch()
    assert read(delivered) == (None, ())
    assert find_snapshot(delivered, WEEK).stamp == before
    assert find_snapshot(delivered, WEEK).plan_stamp("DEU") == ""


def test_a_plan_is_read_beside_the_rows(delivered: Lake) -> None:
    """Part file after part file, the columns of a plan alone; the country's own rows are as they were."""
    rows = read_country(delivered, find_snapshot(delivered, WEEK), "DEU")
    for number in range(2):
        pq.write_table(PLAN, folder(delivered) / f"part-{number}.parquet")
    table, notes = read(delivered)

    assert (table, notes) == (pa.concat_tables([PLAN.drop_columns("comment")] * 2), ())
    assert read(delivered, "AUT") == (None, ())
    assert read_country(delivered, find_snapshot(delivered, WEEK), "DEU") == rows


def test_another_plan_has_another_stamp_for_its_country_alone(delivered: Lake) -> None:
    """So that the country is priced again, and no other one: the delivery is the same."""
    before = find_snapshot(delivered, WEEK)
    stamps = {before.plan_stamp("DEU")}
    assert stamps == {""}
    for promo in (1.0, 20.0):
        pq.write_table(PLAN.append_column("attr_x", pa.array([promo])), folder(delivered) / "part-0.parquet")
        os.utime(folder(delivered) / "part-0.parquet", (promo, promo))
        now = find_snapshot(delivered, WEEK)
        stamps.add(now.plan_stamp("DEU"))
        assert (now.stamp, now.plan_stamp("AUT")) == (before.stamp, "")
    assert len(stamps) == 3


def test_a_file_that_cannot_be_read_costs_the_plan_and_not_the_country(delivered: Lake) -> None:
    """Of a plan whose other half cannot be read nothing is taken."""
    pq.write_table(PLAN, folder(delivered) / "part-0.parquet")
    (folder(delivered) / "part-1.parquet").write_bytes(b"no Parquet")
    table, (note,) = read(delivered)

    assert table is None
    assert note.startswith("What is planned is left out: ")
    assert "part-1.parquet is not a readable Parquet file" in note
    assert read_country(delivered, find_snapshot(delivered, WEEK), "DEU").num_rows == 3


def test_part_files_that_do_not_fit_together_cost_the_plan(delivered: Lake) -> None:
    pq.write_table(PLAN, folder(delivered) / "part-0.parquet")
    other = PLAN.set_column(2, "attr_promo", pa.array([["a list"]]))
    pq.write_table(other, folder(delivered) / "part-1.parquet")
    table, (note,) = read(delivered)

    assert table is None
    assert "do not fit together" in note


def test_what_lies_beside_the_part_files_is_not_read_and_named(delivered: Lake) -> None:
    pq.write_table(PLAN, folder(delivered) / "part-0.parquet")
    (folder(delivered) / "plan.csv").touch()
    table, (note,) = read(delivered)

    assert table is not None
    assert note.endswith("_planned holds what is not read: plan.csv.")


def test_a_plan_that_is_replaced_while_it_is_read_is_left_out(delivered: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read may be of neither delivery; the country is priced all the same."""
    file = folder(delivered) / "part-0.parquet"
    pq.write_table(PLAN, file)
    real = snapshots.read_part_files

    def replaced(*arguments: object) -> pa.Table:
        table = real(*arguments)  # type: ignore[arg-type]
        os.utime(file, (0, 0))
        return table

    monkeypatch.setattr(snapshots, "read_part_files", replaced)
    table, (note,) = read(delivered)

    assert table is None
    assert "it was replaced while it was read" in note


def test_a_plan_is_kept_with_the_training_data(tmp_path: Path) -> None:
    """A week that is replayed knows what was planned then. What an earlier version has kept has no plan."""
    results, frame = Results(Lake(str(tmp_path)), WEEK, "DEU"), pd.DataFrame({"article_id": ["a0"]})
    origin = Provenance(WEEK, "DEU", "0", "code", "libraries")
    planned = pd.DataFrame({"article_id": ["a0"], "week": pd.to_datetime(["2026-02-16"]), "attr_promo": [1.0]})

    results.training_data.keep(CountryWeek(WEEK, "DEU", frame, frame, planned), origin)
    kept = results.training_data.read()[0].planned
    assert kept is not None
    assert kept.astype(str).equals(planned.astype(str))

    results.training_data.keep(CountryWeek(WEEK, "DEU", frame, frame), origin)
    assert results.training_data.read()[0].planned is None

    parts = {name: parquet_of(pa.Table.from_pandas(frame)) for name in (HISTORY, ARTICLES)}
    publish_parts(results.lake, training_data_file(WEEK, "DEU"), parts, {ORIGIN: origin.to_json(), ROW_COUNT: 2})
    assert results.training_data.read()[0].planned is None
