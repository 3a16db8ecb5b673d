"""Dagster's home is made once, by whoever comes first, and a place that cannot be used is a user's mistake."""

import multiprocessing
from multiprocessing.synchronize import Barrier
from pathlib import Path

import dagster as dg
import pytest

from markdown_pricing.orchestration.dagster_home import UnusableDagsterHome, make_dagster_home

FORK = multiprocessing.get_context("fork")


def _first(home: Path, start: Barrier) -> None:
    start.wait(30)
    make_dagster_home(home)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert instance.get_runs_count() == 0


def test_many_first_commands_make_one_home(tmp_path: Path) -> None:
    """None fails because a table is there already, and none sees half a dagster.yaml."""
    start = FORK.Barrier(2)
    processes = [FORK.Process(target=_first, args=(tmp_path / "home", start)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)

    assert [process.exitcode for process in processes] == [0] * 2


def test_a_home_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    """A file stands in the way."""
    (tmp_path / "file").write_text("")

    with pytest.raises(UnusableDagsterHome, match=r"file/home cannot be used: Not a directory\. Set DAGSTER_HOME"):
        make_dagster_home(tmp_path / "file" / "home")
