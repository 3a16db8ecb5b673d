"""What we keep in the lake: complete or not at all."""

import errno
from collections.abc import Callable
from threading import Barrier, Event, Thread
from typing import Any

import pyarrow as pa
import pytest

from markdown_pricing.errors import TransientError
from markdown_pricing.lake import (
    Lake,
    LakeFull,
    LakeUnreachable,
    ResultMissing,
    paths,
    publish_bytes,
    read_bytes,
)
from markdown_pricing.lake.errors import FileTaken
from markdown_pricing.lake.publish import weeks_with_predictions
from tests.lake.spark import LATER, WEEK, names, put, read_raw, sales
from tests.lake.tables import publish_table, read_table, row_count
from tests.processes import wait_until

PREDICTIONS = paths.predictions_file(WEEK, "DEU")
FOLDER = PREDICTIONS.rpartition("/")[0]


def test_a_table_is_read_back_as_it_was_published(lake: Lake) -> None:
    """Null, time zone and text included; the folders are made on the way."""
    table = pa.table(
        {
            "n": pa.array([1, None], pa.int32()),
            "text": ["ä", None],
            "at": pa.array([0, 1], pa.timestamp("us", tz="UTC")),
            "week": pa.array([WEEK, LATER]),
        }
    )
    publish_table(lake, PREDICTIONS, table)

    assert read_table(lake, PREDICTIONS).equals(table)
    assert names(lake, FOLDER) == ["part-0.parquet"]


def test_the_second_time_replaces_the_first(lake: Lake) -> None:
    """The third time replaces the second."""
    for articles in (1, 2, 3):
        publish_table(lake, PREDICTIONS, sales(articles))

    assert row_count(lake, PREDICTIONS) == 3
    assert names(lake, FOLDER) == ["part-0.parquet"]


def test_of_two_who_want_to_be_alone_one_is(lake: Lake) -> None:
    """The other is told at once; afterwards it is its turn."""
    with lake.alone("markdown_pricing/champions.lock"):
        with (
            pytest.raises(FileTaken, match=r"champions\.lock is there already"),
            lake.alone("markdown_pricing/champions.lock"),
        ):
            pass
        assert lake.entry("markdown_pricing/champions.lock")

    with lake.alone("markdown_pricing/champions.lock"):
        pass
    assert lake.entry("markdown_pricing/champions.lock") is None


def test_the_same_table_gives_the_same_bytes(lake: Lake) -> None:
    """A repeated run of an old week can be compared byte by byte."""
    publish_table(lake, PREDICTIONS, sales(1000))
    first = read_raw(lake, PREDICTIONS)
    publish_table(lake, PREDICTIONS, sales(1000))

    assert read_raw(lake, PREDICTIONS) == first


@pytest.mark.parametrize("size", [0, 1, 20_000_000])
def test_bytes_are_read_back_as_they_were_published(lake: Lake, size: int) -> None:
    """A model may be large, and an empty file is a file."""
    data = bytes(range(250)) * (size // 250) + b"x" * (size % 250)
    publish_bytes(lake, paths.model_file(WEEK, "DEU"), data)

    assert read_bytes(lake, paths.model_file(WEEK, "DEU")) == data


class BreaksOff:
    """A file whose disk is full after the first half."""

    def __init__(self, file: Any) -> None:
        self.file = file

    def write(self, data: bytes) -> None:
        self.file.write(data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "no space left on device")

    def __enter__(self) -> "BreaksOff":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()


def break_off_while_writing(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    really_open = lake.filesystem.open
    monkeypatch.setattr(lake.filesystem, "open", lambda path, mode: BreaksOff(really_open(path, mode)))


def break_off_before_renaming(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    def lose_the_lake(*_: object, **__: object) -> None:
        raise OSError("connection reset")

    monkeypatch.setattr(lake.filesystem, "mv", lose_the_lake)


Fault = Callable[[Lake, pytest.MonkeyPatch], None]
FAULTS: list[tuple[Fault, type[TransientError]]] = [
    (break_off_while_writing, LakeFull),
    (break_off_before_renaming, LakeUnreachable),
]


@pytest.mark.parametrize(("fault", "told"), FAULTS)
def test_a_write_that_fails_leaves_nothing_behind(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, fault: Fault, told: type[TransientError]
) -> None:
    """No half file and no temporary one."""
    fault(lake, monkeypatch)

    with pytest.raises(told, match=r"part-0\.parquet"):
        publish_table(lake, PREDICTIONS, sales())
    monkeypatch.undo()

    assert names(lake, FOLDER) == []
    assert row_count(lake, PREDICTIONS) is None


@pytest.mark.parametrize(("fault", "told"), FAULTS)
def test_a_write_that_fails_keeps_what_was_there(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, fault: Fault, told: type[TransientError]
) -> None:
    """Yesterday's predictions are better than half of today's."""
    publish_table(lake, PREDICTIONS, sales(5))
    fault(lake, monkeypatch)

    with pytest.raises(told):
        publish_table(lake, PREDICTIONS, sales(6))
    monkeypatch.undo()

    assert names(lake, FOLDER) == ["part-0.parquet"]
    assert row_count(lake, PREDICTIONS) == 5


KEPT = paths.kept_predictions_file(WEEK, "DEU")


class ClosesWithTheOther:
    """A file that is not closed before the other one is, as if each close took long."""

    def __init__(self, file: Any, both: Barrier) -> None:
        self.write, self.file, self.both = file.write, file, both

    def __enter__(self) -> "ClosesWithTheOther":
        return self

    def __exit__(self, *_: object) -> None:
        self.both.wait(timeout=60)
        self.file.close()


def test_files_published_together_are_closed_side_by_side(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    really_open, both = lake.filesystem.open, Barrier(2)
    monkeypatch.setattr(lake.filesystem, "open", lambda path, mode: ClosesWithTheOther(really_open(path, mode), both))
    lake.replace_together({KEPT: b"kept", PREDICTIONS: b"for others"})
    monkeypatch.undo()

    assert (read_bytes(lake, KEPT), read_bytes(lake, PREDICTIONS)) == (b"kept", b"for others")
    assert names(lake, FOLDER) == ["part-0.parquet"]


def test_files_published_together_appear_one_after_the_other(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the writer is stopped in between, the first is there, and nothing unfinished."""
    really_move = lake.filesystem.mv

    def lose_the_lake_before_the_second(beside: str, path: str, **how: Any) -> None:
        if path.endswith(PREDICTIONS):
            raise OSError("connection reset")
        really_move(beside, path, **how)

    monkeypatch.setattr(lake.filesystem, "mv", lose_the_lake_before_the_second)
    with pytest.raises(LakeUnreachable, match=r"part-0\.parquet"):
        lake.replace_together({KEPT: b"kept", PREDICTIONS: b"for others"})
    monkeypatch.undo()

    assert read_bytes(lake, KEPT) == b"kept"
    assert names(lake, FOLDER) == []


def test_when_one_cannot_be_written_none_of_those_published_together_appears(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    really_open = lake.filesystem.open

    def fill_up_with_the_second(path: str, mode: str) -> Any:
        file = really_open(path, mode)
        return BreaksOff(file) if FOLDER in path else file

    monkeypatch.setattr(lake.filesystem, "open", fill_up_with_the_second)
    with pytest.raises(LakeFull, match=r"part-0\.parquet"):
        lake.replace_together({KEPT: b"kept", PREDICTIONS: b"for others"})
    monkeypatch.undo()

    assert names(lake, FOLDER) == []
    assert names(lake, KEPT.rpartition("/")[0]) == []


def test_a_file_being_written_does_not_look_like_data(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its name begins with a dot, in the folder where it will appear."""
    written: list[str] = []
    really_open = lake.filesystem.open

    def watch(path: str, mode: str) -> Any:
        written.append(path)
        return really_open(path, mode)

    monkeypatch.setattr(lake.filesystem, "open", watch)
    publish_table(lake, PREDICTIONS, sales())

    (path,) = written
    assert path.startswith(f"{lake.root}/{FOLDER}/.")


def test_a_reader_never_sees_a_partial_file(lake: Lake) -> None:
    """Read without a pause while it is replaced 8 times: each reading is one of the tables, whole."""
    publish_table(lake, PREDICTIONS, sales(1))
    done = Event()
    readings: list[int | Exception] = []

    def read_on() -> None:
        while not done.is_set():
            try:
                readings.append(read_table(lake, PREDICTIONS).num_rows)
            except Exception as error:
                readings.append(error)

    def wait_for_a_whole_reading() -> None:
        """One that has begun from now on: the second that ends."""
        before = len(readings)
        wait_until("the file is read", lambda: len(readings) > before + 1, 60, lambda: readings[-5:], every_s=0.001)

    reader = Thread(target=read_on)
    reader.start()
    try:
        for n in range(8):
            wait_for_a_whole_reading()
            publish_table(lake, PREDICTIONS, sales(1 if n % 2 else 20_000))
        wait_for_a_whole_reading()
    finally:
        done.set()
        reader.join()

    assert set(readings) == {1, 20_000}


def test_what_is_missing_names_the_asset_that_makes_it(lake: Lake) -> None:
    """The reader then knows what to materialize first."""
    with pytest.raises(ResultMissing, match=r"training_data.bin is not there. Materialize training_data"):
        read_table(lake, paths.training_data_file(WEEK, "DEU"))
    with pytest.raises(ResultMissing, match=r"model.bin is not there. Materialize demand_model"):
        read_bytes(lake, paths.model_file(WEEK, "DEU"))
    with pytest.raises(ResultMissing, match="Materialize markdown_predictions"):
        read_table(lake, PREDICTIONS)


def test_the_weeks_with_predictions_are_the_countrys_own(lake: Lake) -> None:
    """Newest first, and without junk."""
    assert list(weeks_with_predictions(lake, "DEU")) == []
    for week in (LATER, WEEK):
        publish_table(lake, paths.predictions_file(week, "DEU"), sales())
    publish_table(lake, paths.predictions_file(LATER, "AUT"), sales())
    put(lake, "markdown_predictions/_temporary/x")

    assert list(weeks_with_predictions(lake, "DEU")) == [LATER, WEEK]
    assert list(weeks_with_predictions(lake, "DEU", before=LATER)) == [WEEK]
    assert list(weeks_with_predictions(lake, "AUT")) == [LATER]
