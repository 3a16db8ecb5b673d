"""The sample lies in the lake as Spark would have put it there."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.local import LocalFileSystem

from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.paths import success_file
from markdown_pricing.lake.snapshot import SnapshotNotDelivered, find_snapshot, read_country
from markdown_pricing.sample.deliver import MOST_PARTS, ROWS_PER_PART, deliver, deliver_sample
from markdown_pricing.sample.market import Market
from markdown_pricing.sample.season import sample_market
from tests.sample.conftest import WEEK, country


def week_of(lake: Path) -> Path:
    return lake / "markdown_training_data" / WEEK.isoformat()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return week_of(tmp_path / "lake")


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake to which Malta and Germany were delivered as large as they are; it is only read."""
    path = Path(tmp_path_factory.mktemp("delivered"))
    deliver_sample(Lake(str(path)), WEEK, [country("MLT"), country("DEU")])
    return path


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_country_reads_back_as_it_was_made(delivered: Path, markets: dict[str, Market]) -> None:
    lake = Lake(str(delivered))
    snapshot = find_snapshot(lake, WEEK)
    assert list(snapshot.bytes_by_country) == ["DEU", "MLT"]
    for code in ("DEU", "MLT"):
        assert read_country(lake, snapshot, code) == markets[code].table()


def test_large_countries_come_in_several_parts_named_as_spark_names_them(delivered: Path) -> None:
    folder = week_of(delivered)
    parts = {code: sorted(path.name for path in (folder / f"country={code}").iterdir()) for code in ("DEU", "MLT")}
    assert len(parts["MLT"]) == 1
    assert [name[:11] for name in parts["DEU"]] == ["part-00000-", "part-00001-", "part-00002-"]
    assert all(name.endswith(".c000.snappy.parquet") for name in parts["DEU"])
    metadata = pq.read_metadata(folder / "country=DEU" / parts["DEU"][0])
    assert metadata.row_group(0).column(0).compression == "SNAPPY"
    assert (folder / "_SUCCESS").read_bytes() == b""


def test_however_large_a_country_is_it_comes_in_few_parts(lake: Lake, folder: Path) -> None:
    """The parts are of equal length, as Spark splits them."""
    large = pa.table({"article_id": pa.array(range(MOST_PARTS * ROWS_PER_PART + 70))})
    deliver(lake, WEEK, [("DEU", large)], "season 0")

    rows = [pq.read_metadata(part).num_rows for part in sorted((folder / "country=DEU").iterdir())]

    assert len(rows) == 20
    assert max(rows[:-1]) == min(rows[:-1]) >= rows[-1] > 0


def test_each_country_may_have_its_own_number_of_articles(lake: Lake) -> None:
    deliver_sample(lake, WEEK, [country("MLT"), country("CYP")], {"CYP": 2, "MLT": 4})
    snapshot = find_snapshot(lake, WEEK)
    to_price = {code: read_country(lake, snapshot, code)["units"].null_count for code in ("CYP", "MLT")}
    assert to_price == {"CYP": 2, "MLT": 4}


def test_the_same_sample_has_the_same_files(lake: Lake, folder: Path) -> None:
    deliver_sample(lake, WEEK, [country("MLT")], articles=3)
    first = files(folder)
    deliver_sample(lake, WEEK, [country("MLT")], articles=3)
    assert files(folder) == first
    deliver_sample(lake, WEEK, [country("MLT")], articles=3, seed=1)
    assert files(folder).keys() != first.keys()


def test_it_is_not_delivered_before_its_last_country(lake: Lake) -> None:
    """Whoever looks while it is written, the second time too, finds no `_SUCCESS`."""

    def look(code: str) -> None:
        written.append(code)
        with pytest.raises(SnapshotNotDelivered):
            find_snapshot(lake, WEEK)

    for _ in range(2):
        written: list[str] = []
        deliver_sample(lake, WEEK, [country("MLT"), country("CYP")], articles=2, progress=look)
        assert written == ["MLT", "CYP"]
        find_snapshot(lake, WEEK)


def test_a_new_delivery_leaves_nothing_of_the_old(lake: Lake, folder: Path) -> None:
    deliver_sample(lake, WEEK, [country("MLT"), country("CYP")], articles=2)
    deliver_sample(lake, WEEK, [country("CYP")], articles=3)
    assert list(find_snapshot(lake, WEEK).bytes_by_country) == ["CYP"]
    assert sorted(name.partition("/")[0] for name in files(folder)) == ["_SUCCESS", "_sample.json", "country=CYP"]


def test_of_an_old_delivery_success_goes_first(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the first part file is removed, the week no longer counts as delivered."""
    deliver_sample(lake, WEEK, [country("MLT")], articles=2)
    delivered_before: list[bool] = []
    remove = LocalFileSystem.rm

    def watched(self: LocalFileSystem, path: str, **options: bool) -> None:
        delivered_before.append(lake.entry(success_file(WEEK)) is not None)
        remove(self, path, **options)

    monkeypatch.setattr(LocalFileSystem, "rm", watched)
    deliver_sample(lake, WEEK, [country("MLT")], articles=2)
    assert delivered_before == [True, False]


def test_an_interrupted_new_delivery_leaves_the_week_undelivered(lake: Lake) -> None:
    """`_SUCCESS` goes first: half of the new parts never pass for a snapshot."""
    deliver_sample(lake, WEEK, [country("MLT")], articles=2)

    def interrupt(code: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        deliver_sample(lake, WEEK, [country("MLT")], articles=2, progress=interrupt)
    with pytest.raises(SnapshotNotDelivered):
        find_snapshot(lake, WEEK)


def test_a_countrys_sample_does_not_depend_on_the_others(lake: Lake, folder: Path) -> None:
    deliver_sample(lake, WEEK, [country("CYP"), country("MLT")], articles=3)
    together = files(folder / "country=MLT")
    deliver_sample(lake, WEEK, [country("MLT")], articles=3)
    assert files(folder / "country=MLT") == together


def test_hdfs_takes_it_too(hdfs: str) -> None:
    lake = Lake(f"{hdfs}/sample")
    for articles in (2, 3):
        deliver_sample(lake, WEEK, [country("MLT")], articles)
    snapshot = find_snapshot(lake, WEEK)
    assert read_country(lake, snapshot, "MLT") == sample_market(country("MLT"), WEEK, articles=3).table()
