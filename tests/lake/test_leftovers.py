"""What killed writers leave in the lake, and when it goes."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

from markdown_pricing.lake import Lake, paths, publish_bytes, read_bytes
from markdown_pricing.lake.leftovers import remove_leftovers
from tests.lake.spark import WEEK, deliver, names, put

MODEL = paths.model_file(WEEK, "DEU")
FOLDER = MODEL.rpartition("/")[0]
KILLED_WHILE_WRITING = """
import os, signal, sys
from markdown_pricing.lake import Lake, publish_bytes
lake = Lake(sys.argv[1])
lake.filesystem.mv = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
publish_bytes(lake, sys.argv[2], b"half")
"""


def test_what_a_killed_writer_leaves_is_taken_away_a_day_later(lake: Lake) -> None:
    """Killed between writing and renaming; the file of the run before is there all the time."""
    publish_bytes(lake, MODEL, b"whole")
    killed = subprocess.run([sys.executable, "-c", KILLED_WHILE_WRITING, lake.url, MODEL], timeout=60)
    now = datetime.now(UTC)

    assert killed.returncode == -signal.SIGKILL
    assert len(names(lake, FOLDER)) == 2
    assert remove_leftovers(lake, now + timedelta(hours=23)) == []
    [removed] = remove_leftovers(lake, now + timedelta(hours=25))

    assert os.path.basename(removed).startswith(".model.bin.")
    assert names(lake, FOLDER) == ["model.bin"]
    assert read_bytes(lake, MODEL) == b"whole"


def test_nothing_else_is_taken_away(lake: Lake) -> None:
    """Neither what others write, whatever it is called, nor what only looks alike."""
    deliver(lake)
    put(lake, f"markdown_training_data/{WEEK}/.part-0.parquet.0123456789abcdef.tmp")
    put(lake, f"{FOLDER}/.model.bin.crc")
    put(lake, f"{FOLDER}/notes.tmp")

    assert remove_leftovers(lake, datetime.now(UTC) + timedelta(days=400)) == []


def test_a_lake_of_which_we_have_written_nothing_has_no_leftovers(lake: Lake) -> None:
    """This is so before the first round."""
    assert remove_leftovers(lake, datetime.now(UTC)) == []
