"""What the ETL delivered for a week, and one country of it as a table."""

import os
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from markdown_pricing.lake import (
    CorruptFile,
    Lake,
    LakeMissing,
    MissingCountry,
    PartFilesDisagree,
    SnapshotNotDelivered,
    SnapshotReplaced,
    UnreadFiles,
    delivered_weeks,
    find_snapshot,
    read_country,
)
from markdown_pricing.lake.snapshot import gone_from
from tests.lake.spark import LATER, WEEK, deliver, part_path, put, read_raw, redeliver, sales, take_away


def rows(lake: Lake, country: str = "DEU") -> int:
    return int(read_country(lake, find_snapshot(lake, WEEK), country).num_rows)


# --- finding ---


def test_a_snapshot_knows_its_countries_and_their_bytes(lake: Lake) -> None:
    """Countries by name, each with the bytes of all its part files."""
    deliver(lake, {"POL": [b"12345"], "DEU": [b"123", b"45"]})

    assert find_snapshot(lake, WEEK).bytes_by_country == {"DEU": 5, "POL": 5}
    assert list(find_snapshot(lake, WEEK).bytes_by_country) == ["DEU", "POL"]


def test_a_half_written_snapshot_is_not_delivered(lake: Lake) -> None:
    """Part files without _SUCCESS are a job of Spark that has not ended, or died."""
    deliver(lake, success=False)

    with pytest.raises(SnapshotNotDelivered, match=r"2026-02-09 has not been delivered.*_SUCCESS is not there"):
        find_snapshot(lake, WEEK)


def test_a_week_that_nobody_wrote_is_not_delivered(lake: Lake) -> None:
    """The same holds in a lake that is still empty."""
    with pytest.raises(SnapshotNotDelivered, match=re.escape(lake.url)):
        find_snapshot(lake, WEEK)


def test_a_lake_that_is_not_there_is_no_undelivered_week(lake: Lake) -> None:
    """A wrong path in the settings must not look like an ETL that is late."""
    elsewhere = Lake(lake.url + "-elsewhere")

    with pytest.raises(LakeMissing, match=r"no lake at .*-elsewhere"):
        find_snapshot(elsewhere, WEEK)
    with pytest.raises(LakeMissing, match="MARKDOWN_PRICING_LAKE"):
        delivered_weeks(elsewhere)


def test_who_is_gone_is_asked_only_when_a_country_is_lacking(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    deliver(lake)
    snapshot = find_snapshot(lake, WEEK)
    assert gone_from(lake, snapshot, ["DEU", "FRA"]) == []  # no week was before

    monkeypatch.setattr(Lake, "entries", lambda *_: pytest.fail("the lake was asked"))
    assert gone_from(lake, snapshot, ["DEU", "AUT"]) == []


def test_names_with_underscore_or_dot_are_not_data(lake: Lake) -> None:
    """What Spark's committers and Hadoop leave beside the part files."""
    deliver(lake)
    before = find_snapshot(lake, WEEK)
    for path in (
        "_temporary/0/_temporary/attempt_1/country=DEU/part-00000.parquet",
        "_committed_4711",
        "country=DEU/.part-00000.parquet.crc",
        "country=DEU/_temporary/part-00000.parquet",
        "country=DEU/.part-00001.parquet",
        "country=DEU/_part-00001.parquet",
        ".country=NLD/part-00000.parquet",
        "country=__HIVE_DEFAULT_PARTITION__/part-00000.parquet",
    ):
        put(lake, f"markdown_training_data/{WEEK}/{path}", b"not data")

    assert find_snapshot(lake, WEEK).stamp == before.stamp
    assert list(find_snapshot(lake, WEEK).bytes_by_country) == ["AUT", "DEU"]
    assert rows(lake) == 3


@pytest.mark.parametrize(
    "name", ["season=SS26/part-00001.parquet", "part-00001.csv", "PART-00001.PARQUET", "rows.parquet"]
)
def test_what_lies_among_the_data_and_is_not_read_is_named(lake: Lake, name: str) -> None:
    """It may be half of the rows; other countries are read."""
    deliver(lake)
    put(lake, f"markdown_training_data/{WEEK}/country=DEU/{name}", sales())

    with pytest.raises(UnreadFiles, match=name.partition("/")[0]):
        rows(lake)
    assert rows(lake, "AUT") == 3


def test_what_lies_beside_the_countries_is_named(lake: Lake) -> None:
    """It is no fault of any of them; what begins with _ or . is no data."""
    deliver(lake)
    for name in ("country=Deu/part-00000.parquet", "land=DEU/part-00000.parquet", "part-00000.parquet", "_SUCCESS.crc"):
        put(lake, f"markdown_training_data/{WEEK}/{name}", b"rows")

    assert find_snapshot(lake, WEEK).beside == ("country=Deu", "land=DEU", "part-00000.parquet")


def test_a_link_counts_as_what_it_leads_to(tmp_path: Path) -> None:
    """A week, a country and a part file, whether or not they are links."""
    lake, elsewhere = Lake(str(tmp_path / "lake")), tmp_path / "elsewhere"
    deliver(lake, week=WEEK)
    deliver(lake, week=LATER)
    root, moved = Path(lake.root) / f"markdown_training_data/{LATER}", elsewhere / "week"
    before = find_snapshot(lake, LATER)
    elsewhere.mkdir()
    root.rename(moved)
    root.symlink_to(moved)
    (moved / "country=DEU").rename(elsewhere / "country")
    (moved / "country=DEU").symlink_to(elsewhere / "country")
    part = next((elsewhere / "country").iterdir())
    part.rename(elsewhere / "part")
    part.symlink_to(elsewhere / "part")

    assert delivered_weeks(lake) == [WEEK, LATER]
    found = find_snapshot(lake, LATER)
    assert found.bytes_by_country == before.bytes_by_country
    assert found.stamp == before.stamp
    assert read_country(lake, found, "DEU").num_rows == 3


def test_the_stamp_is_the_same_until_the_week_is_delivered_again(lake: Lake) -> None:
    """16 hex digits by which a re-delivered week is told from the one that was priced."""
    deliver(lake)
    first = find_snapshot(lake, WEEK).stamp
    assert re.fullmatch("[0-9a-f]{16}", first)
    assert find_snapshot(lake, WEEK).stamp == first

    redeliver(lake)

    assert find_snapshot(lake, WEEK).stamp != first


@pytest.mark.parametrize("path", [part_path("AUT"), part_path("DEU"), f"markdown_training_data/{WEEK}/_SUCCESS"])
def test_the_stamp_sees_a_file_written_again_with_the_same_bytes(lake: Lake, path: str) -> None:
    """Its time of change shows it, for any country's file and for _SUCCESS."""
    deliver(lake)
    before = find_snapshot(lake, WEEK).stamp

    one_second_later(lake, path)

    assert find_snapshot(lake, WEEK).stamp != before


def one_second_later(lake: Lake, path: str) -> None:
    entry = lake.entry(path)
    assert entry
    changed_ms = entry.modified_ms + 1000
    if lake.url.startswith("hdfs"):
        lake.filesystem.client.set_times(f"{lake.root}/{path}", changed_ms, changed_ms)
    else:
        os.utime(f"{lake.root}/{path}", (changed_ms / 1000, changed_ms / 1000))


def test_delivered_weeks_are_those_with_success_oldest_first(lake: Lake) -> None:
    """Junk, a Tuesday and half-written weeks are passed over."""
    deliver(lake, week=LATER)
    deliver(lake, week=WEEK)
    deliver(lake, week=date(2026, 2, 23), success=False)
    for junk in ("2026-02-10/_SUCCESS", "_temporary/0/x", "backup/_SUCCESS", "20260302/_SUCCESS", "2026-03-02"):
        put(lake, f"markdown_training_data/{junk}")

    assert delivered_weeks(lake) == [WEEK, LATER]


def test_a_lake_without_a_delivery_has_no_weeks(lake: Lake) -> None:
    """That is an answer, and it is known."""
    assert delivered_weeks(lake) == []


# --- reading ---


def test_all_part_files_of_a_country_are_one_table(lake: Lake) -> None:
    """In the order of their names; columns may stand in another order, further ones are null elsewhere."""
    more = sales(2, attr_colour=["red", "blue"])
    deliver(lake, {"DEU": [sales(3), more.select(["stock", "attr_colour", "price", "article_id"])]})

    table = read_country(lake, find_snapshot(lake, WEEK), "DEU")

    assert table.column_names == ["article_id", "price", "stock", "attr_colour"]
    assert table["article_id"].to_pylist() == ["a0", "a1", "a2", "a0", "a1"]
    assert table["attr_colour"].to_pylist() == [None, None, None, "red", "blue"]


def test_strings_may_come_as_the_files_hold_them(lake: Lake) -> None:
    """As dictionaries where every file has strings; what they say is the same."""
    more = [sales(rows, attr_colour=["red", None, "blue"][:rows]) for rows in (2, 3)]
    deliver(lake, {"DEU": more, "AUT": [sales(3), more[0]]})
    snapshot = find_snapshot(lake, WEEK)

    for country, columns in (("DEU", {"article_id", "attr_colour"}), ("AUT", {"article_id"})):
        plain, encoded = read_country(lake, snapshot, country), read_country(lake, snapshot, country, encoded=True)
        are_encoded = {field.name for field in encoded.schema if pa.types.is_dictionary(field.type)}
        assert are_encoded == columns
        assert encoded.cast(plain.schema) == plain


def test_files_whose_strings_have_other_types_are_joined_as_they_are(lake: Lake) -> None:
    large = sales(2)
    large = large.set_column(0, "article_id", large["article_id"].cast(pa.large_string()))
    deliver(lake, {"DEU": [sales(3), large]})

    snapshot = find_snapshot(lake, WEEK)
    assert read_country(lake, snapshot, "DEU", encoded=True) == read_country(lake, snapshot, "DEU")


def test_only_the_countrys_files_and_the_wanted_columns_are_read(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """A column of 800 kB that nobody asked for is not fetched, nor is any file of another country opened."""
    wide = sales(100_000).append_column("ballast", pa.array(range(100_000), pa.int64()))
    deliver(lake, {"DEU": [wide], "AUT": [b"corrupt"]})
    snapshot = find_snapshot(lake, WEEK)
    seen = record_reads(lake, monkeypatch)

    table = read_country(lake, snapshot, "DEU", lambda names: [name for name in names if name in ("price", "stock")])

    assert table.column_names == ["price", "stock"]
    assert table.num_rows == 100_000
    assert {path.removeprefix(lake.root + "/") for path in seen} == {part_path("DEU")}
    assert sum(seen.values()) < 100_000 < snapshot.bytes_by_country["DEU"]


def record_reads(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Bytes read from each path from now on."""
    seen: dict[str, int] = {}
    really_open = lake.filesystem.open

    class Recorded:
        def __init__(self, path: str) -> None:
            self.path, self.file = path, really_open(path, "rb")

        def read(self, length: int) -> bytes:
            data: bytes = self.file.read(length)
            seen[self.path] += len(data)
            return data

        def __getattr__(self, name: str) -> Any:
            return getattr(self.file, name)

        def __enter__(self) -> "Recorded":
            return self

        def __exit__(self, *_: object) -> None:
            self.file.close()

    def record(path: str, mode: str) -> Recorded:
        seen[path] = 0
        return Recorded(path)

    monkeypatch.setattr(lake.filesystem, "open", record)
    return seen


def test_a_country_that_was_not_delivered_is_named(lake: Lake) -> None:
    """The countries there are stand beside it; a folder without part files is no delivery."""
    deliver(lake)
    put(lake, f"markdown_training_data/{WEEK}/country=NLD/.part-0.parquet.crc")

    with pytest.raises(MissingCountry, match=r"FRA has no part files in .*country=FRA.*holds AUT, DEU"):
        rows(lake, "FRA")
    with pytest.raises(MissingCountry, match="NLD has no part files"):
        rows(lake, "NLD")


def parquet_bytes() -> bytes:
    out = pa.BufferOutputStream()
    pq.write_table(sales(5000), out, write_page_checksum=True, use_dictionary=False)
    return bytes(out.getvalue().to_pybytes())


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


BROKEN: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "truncated": lambda data: data[: len(data) // 2],
    "head only": lambda data: data[:3],
    "garbage": lambda data: b"garbage" * 100,
    "garbage in the footer": lambda data: data[:-60] + b"\xff" * 40 + data[-20:],
    "one byte of a page": lambda data: flipped(data, 300),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_part_file_is_named_and_harms_no_other_country(lake: Lake, how: str) -> None:
    """Whatever is wrong with it, and even when another part file of the country is sound."""
    deliver(lake, {"DEU": [sales(), BROKEN[how](parquet_bytes())], "AUT": [sales()]})

    with pytest.raises(CorruptFile, match=re.escape(part_path("DEU", 1)) + ".*Have the ETL write"):
        rows(lake, "DEU")
    with pytest.raises(CorruptFile, match=re.escape(part_path("DEU", 1)) + ".*Have the ETL write"):
        read_country(lake, find_snapshot(lake, WEEK), "DEU", encoded=True)
    assert rows(lake, "AUT") == 3


def test_part_files_of_different_types_do_not_fit_together(lake: Lake) -> None:
    """A column that is a number in one file and text in another: the folder and the column are named."""
    deliver(lake, {"DEU": [sales(), sales(3, stock=["5", "5", "5"])]})

    with pytest.raises(PartFilesDisagree, match=r"country=DEU.*stock"):
        rows(lake)


def test_a_snapshot_replaced_after_it_was_found_is_not_read(lake: Lake) -> None:
    """A run prices the data it was started for, or none."""
    deliver(lake)
    snapshot = find_snapshot(lake, WEEK)
    redeliver(lake)

    with pytest.raises(SnapshotReplaced, match=r"2026-02-09 was replaced .* run of its own"):
        read_country(lake, snapshot, "DEU")


CHANGES: dict[str, Callable[[Lake], None]] = {
    "delivered again": redeliver,
    "being delivered again": lambda lake: take_away(lake, f"markdown_training_data/{WEEK}"),
    "country overwritten": lambda lake: put(lake, part_path("DEU", 1), sales(7)),
    "part file gone": lambda lake: take_away(lake, part_path("DEU", 1)),
    "part file added": lambda lake: put(lake, part_path("DEU", 2), sales()),
    "country gone": lambda lake: take_away(lake, f"markdown_training_data/{WEEK}/country=DEU"),
    "_SUCCESS gone": lambda lake: take_away(lake, f"markdown_training_data/{WEEK}/_SUCCESS"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_snapshot_replaced_while_it_is_read_is_not_mixed(lake: Lake, change: str) -> None:
    """The change comes between the footers and the rows."""
    deliver(lake, {"DEU": [sales(), sales()], "AUT": [sales()]})
    snapshot = find_snapshot(lake, WEEK)

    def change_now(names: list[str]) -> list[str]:
        CHANGES[change](lake)
        return names

    with pytest.raises(SnapshotReplaced):
        read_country(lake, snapshot, "DEU", change_now)


def test_files_that_vanish_before_they_are_opened_are_a_replaced_snapshot(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are no corrupt or missing snapshot, because the ETL is at work."""
    deliver(lake)
    snapshot = find_snapshot(lake, WEEK)
    really_open = lake.filesystem.open

    def open_too_late(path: str, mode: str) -> Any:
        monkeypatch.undo()
        redeliver(lake)
        take_away(lake, part_path("DEU"))
        return really_open(path, mode)

    monkeypatch.setattr(lake.filesystem, "open", open_too_late)

    with pytest.raises(SnapshotReplaced):
        read_country(lake, snapshot, "DEU")


def test_a_snapshot_replaced_while_it_is_listed_is_not_mixed(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stamp is of one delivery."""
    deliver(lake)
    really_list = lake.filesystem.ls

    def list_slowly(path: str, **options: Any) -> Any:
        found = really_list(path, **options)
        monkeypatch.undo()
        take_away(lake, f"markdown_training_data/{WEEK}/_SUCCESS")
        return found

    monkeypatch.setattr(lake.filesystem, "ls", list_slowly)

    with pytest.raises(SnapshotNotDelivered):
        find_snapshot(lake, WEEK)


def test_another_countrys_change_leaves_a_reader_alone(lake: Lake) -> None:
    """Only the country's own files and _SUCCESS are compared, which is quick."""
    deliver(lake)
    snapshot = find_snapshot(lake, WEEK)
    put(lake, part_path("AUT", 1), sales())

    assert read_country(lake, snapshot, "DEU").num_rows == 3


def test_reading_changes_nothing(lake: Lake) -> None:
    """The ETL's files are the ETL's."""
    deliver(lake)
    before = find_snapshot(lake, WEEK), read_raw(lake, part_path("DEU"))

    rows(lake)

    assert (find_snapshot(lake, WEEK), read_raw(lake, part_path("DEU"))) == before
