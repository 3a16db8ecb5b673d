"""Training data is handed on to the next steps of the process, which use nothing that the lake does not hold."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from markdown_pricing.countries import read_countries
from markdown_pricing.kept.results import Results
from markdown_pricing.lake import paths
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.publish import publish_bytes, read_bytes
from markdown_pricing.lake.seal import ResultChanged
from markdown_pricing.pricing import CountryWeek, take_in_country
from markdown_pricing.provenance import Provenance
from markdown_pricing.sample.season import sample_market

WEEK = date(2026, 2, 9)
ORIGIN = Provenance(WEEK, "MLT", "0", "code", "libraries")
FILE = paths.training_data_file(WEEK, "MLT")


@pytest.fixture
def results(tmp_path: Path) -> Results:
    return Results(Lake(str(tmp_path)), WEEK, "MLT")


def sold_in_malta() -> CountryWeek:
    """A small country with attributes of every type, one of which is planned for a week to come."""
    table = sample_market(read_countries()["MLT"], WEEK, articles=5).table()
    number = np.arange(table.num_rows)
    attributes = {
        "attr_day": pa.array([None if own % 3 else WEEK for own in number], pa.date32()),
        "attr_new": pa.array(number % 2 == 0),
        "attr_size": pa.array([None if own % 4 == 0 else own % 40 for own in number], pa.int16()),
        "attr_text": pa.array([None if own % 5 == 0 else f"text {own}" for own in number]),
        "attr_width": pa.array(number % 7, pa.int8()),
    }
    for name, values in attributes.items():
        table = table.append_column(name, values)
    taken = take_in_country(table, WEEK, "MLT")
    sold = CountryWeek.of(taken.rows, WEEK, "MLT")
    planned = sold.articles[["article_id", "attr_size"]].assign(week=np.datetime64("2026-02-16", "s"))
    return replace(sold, planned=planned)


def assert_same(one: CountryWeek, other: CountryWeek) -> None:
    """To the bit; only dates may be counted in other units."""
    for name in ("history", "articles", "planned"):
        frames = [getattr(sold, name) for sold in (one, other)]
        dates = [frame.columns[frame.dtypes.map(lambda kind: kind.kind == "M")] for frame in frames]
        assert list(dates[0]) == list(dates[1])
        same_unit = [frame.astype(dict.fromkeys(dates[0], "datetime64[s]")) for frame in frames]
        pd.testing.assert_frame_equal(*same_unit, check_exact=True)


def test_what_is_handed_on_is_what_the_lake_holds(results: Results) -> None:
    results.training_data.keep(sold_in_malta(), ORIGIN)
    handed_on, origin = results.training_data.read()
    results.in_memory.let_go()
    from_the_lake, same_origin = results.training_data.read()

    assert_same(handed_on, from_the_lake)
    assert origin == same_origin == ORIGIN


def test_the_process_that_kept_it_decodes_nothing(results: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    results.training_data.keep(sold_in_malta(), ORIGIN)
    monkeypatch.setattr("pyarrow.parquet.read_table", decoded)

    for _ in range(2):
        assert_same(results.training_data.read()[0], sold_in_malta())
    results.in_memory.let_go()
    with pytest.raises(AssertionError, match="it was decoded"):
        results.training_data.read()


def decoded(*_: object) -> None:
    raise AssertionError("it was decoded")


def test_a_step_that_changes_its_frame_changes_nobody_elses(results: Results) -> None:
    results.training_data.keep(sold_in_malta(), ORIGIN)
    sold, _ = results.training_data.read()
    sold.history["price"] = 1.0
    sold.articles.loc[:, "stock"] = 0

    assert_same(results.training_data.read()[0], sold_in_malta())


def test_a_damaged_file_is_refused_by_the_process_that_kept_it_too(results: Results) -> None:
    results.training_data.keep(sold_in_malta(), ORIGIN)
    content = bytearray(read_bytes(results.lake, FILE))
    content[-1_000] ^= 1
    publish_bytes(results.lake, FILE, bytes(content))

    with pytest.raises(ResultChanged, match="Materialize training_data"):
        results.training_data.read()


def test_what_another_process_has_kept_since_is_read_from_the_lake(results: Results, tmp_path: Path) -> None:
    sold = sold_in_malta()
    dearer = replace(sold, articles=sold.articles.assign(price=sold.articles["price"] + 1))
    elsewhere = Results(Lake(str(tmp_path / "elsewhere")), WEEK, "MLT")
    elsewhere.training_data.keep(dearer, ORIGIN)
    results.training_data.keep(sold, ORIGIN)
    publish_bytes(results.lake, FILE, read_bytes(elsewhere.lake, FILE))

    assert_same(results.training_data.read()[0], dearer)
