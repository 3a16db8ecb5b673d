"""Output goes anywhere: encodings that lack signs, pipes that are closed, full disks. No mistake has a traceback."""

import os
import sys
from contextlib import suppress
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from markdown_pricing import __main__ as program
from markdown_pricing.commands.places import LakeNotWritable, NotWritten, check_writable, write_whole
from markdown_pricing.lake import paths
from markdown_pricing.lake.errors import LakeFull
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.orchestration.dagster_home import UnusableDagsterHome, make_dagster_home

WORDS = "Größe ▁▃▅ запас \udcff"


def ended(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The exit code of the command with these arguments."""
    monkeypatch.setattr(sys, "argv", ["markdown-pricing", *arguments])
    with pytest.raises(SystemExit) as left:
        program.main()
    return int(left.value.code or 0)


@pytest.mark.parametrize(
    ("encoding", "shown"), [("ascii", r"Gr\xf6\xdfe"), ("cp1252", "Größe"), ("utf-8", "Größe ▁▃▅")]
)
def test_what_an_encoding_lacks_is_printed_as_an_escape(
    monkeypatch: pytest.MonkeyPatch, encoding: str, shown: str
) -> None:
    """Box drawing, letters of another script, and bytes of a file's name that are no letters at all."""
    written = BytesIO()
    monkeypatch.setattr(sys, "stdout", TextIOWrapper(written, encoding=encoding))
    monkeypatch.setattr(program.cli, "main", lambda **_: print(WORDS))

    assert ended(monkeypatch) == 0
    assert written.getvalue().decode(encoding).startswith(shown)
    assert written.getvalue().decode(encoding).rstrip().endswith("\\udcff")


def test_a_full_disk_behind_the_output_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with open("/dev/full", "w", encoding="utf-8") as device:
        monkeypatch.setattr(sys, "stdout", device)

        assert ended(monkeypatch, "--help") == program.FAILED
    assert capsys.readouterr().err == "The output could not be written or read: No space left on device.\n"


def test_a_pipe_that_nobody_reads_ends_the_command_quietly(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """As `| head` does."""
    reading, writing = os.pipe()
    os.close(reading)
    pipe = os.fdopen(writing, "w", encoding="utf-8")
    monkeypatch.setattr(sys, "stdout", pipe)

    assert ended(monkeypatch, "--help") == program.FAILED
    with suppress(BrokenPipeError):
        pipe.close()
    assert capfd.readouterr().err == ""


def test_another_error_of_the_system_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be a fault of the code."""

    def fails(**_: Any) -> None:
        raise ConnectionRefusedError(111, "refused")

    monkeypatch.setattr(program.cli, "main", fails)
    monkeypatch.setattr(sys, "argv", ["markdown-pricing"])
    with pytest.raises(ConnectionRefusedError):
        program.main()


def test_an_argument_that_is_no_utf_8_is_a_mistake(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No library is asked to write it."""
    assert ended(monkeypatch, "explain", "DEU", "\udcff") == program.BAD_USAGE
    assert "The argument '\\udcff' is not written in UTF-8." in capsys.readouterr().err


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    """A disk that fills up leaves what was there, and nothing beside it."""
    file = tmp_path / "prices.parquet"
    file.write_text("before")

    def fill(beside: Path) -> None:
        beside.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(NotWritten, match=r"prices\.parquet could not be written: No space left on device\. What was"):
        write_whole(file, fill)

    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("prices.parquet", "before")]


@pytest.mark.parametrize("folder", ["file", "file/lake", "/proc/lake"])
def test_a_lake_that_cannot_be_written_is_found_before_the_work(tmp_path: Path, folder: str) -> None:
    (tmp_path / "file").write_text("")
    ended = CliRunner().invoke(program.cli, ["sample", "--lake", str(tmp_path / folder), "--countries", "MLT"])

    assert isinstance(ended.exception, LakeNotWritable)
    assert ended.output == ""


def test_a_lake_that_can_be_written_stays_as_it_was(tmp_path: Path) -> None:
    check_writable(Lake(str(tmp_path)), paths.SNAPSHOTS)

    assert [each for each in tmp_path.rglob("*") if each.is_file()] == []


def test_a_lake_without_room_may_have_some_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is transient stays so."""

    def full(self: Lake, path: str, data: bytes) -> None:
        raise LakeFull(path, "No space left on device")

    monkeypatch.setattr(Lake, "replace", full)
    with pytest.raises(LakeFull):
        check_writable(Lake(str(tmp_path)), paths.KEPT)


def test_a_home_without_room_for_dagsters_storage_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite says it in its own words."""
    monkeypatch.setattr("markdown_pricing.orchestration.dagster_home._make_storage", _is_full)

    with pytest.raises(UnusableDagsterHome, match="database or disk is full"):
        make_dagster_home(tmp_path)


def _is_full(home: Path) -> None:
    from sqlalchemy import create_engine, text

    with create_engine(f"sqlite:///{home}/full.db").connect() as connection:
        connection.execute(text("PRAGMA max_page_count = 1"))
        connection.execute(text("CREATE TABLE a (b TEXT)"))
        connection.execute(text("CREATE TABLE c (b TEXT)"))
