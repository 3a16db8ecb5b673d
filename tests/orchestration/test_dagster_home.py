"""Dagster's home is made once, by whoever comes first, and a place that cannot be used is a user's mistake."""

import fcntl
import threading
from pathlib import Path

import dagster as dg
import pytest

from markdown_pricing.orchestration.dagster_home import UnusableDagsterHome, make_dagster_home


def test_a_second_first_command_waits_until_the_home_is_made(tmp_path: Path) -> None:
    """Else one of them would find a table there already, or half a dagster.yaml."""
    second = threading.Thread(target=make_dagster_home, args=(tmp_path,))
    with open(tmp_path / ".lock", "w") as first:
        fcntl.flock(first, fcntl.LOCK_EX)
        second.start()
        second.join(0.3)

        assert second.is_alive()
        assert not (tmp_path / "dagster.yaml").exists()
    second.join(30)

    assert (tmp_path / "dagster.yaml").exists()
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert instance.get_runs_count() == 0


def test_what_is_there_stays(tmp_path: Path) -> None:
    """An operator's own dagster.yaml, and the storage of earlier runs."""
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}")
    (tmp_path / "schedules").mkdir()

    make_dagster_home(tmp_path)

    assert (tmp_path / "dagster.yaml").read_text() == "telemetry: {enabled: false}"
    assert not (tmp_path / "history").exists()


def test_a_home_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    """A file stands in the way."""
    (tmp_path / "file").write_text("")

    with pytest.raises(UnusableDagsterHome, match=r"file/home cannot be used: Not a directory\. Set DAGSTER_HOME"):
        make_dagster_home(tmp_path / "file" / "home")
