"""Every target of the Makefile works where the project's path has a space in it, and leaves nothing beside it."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from markdown_pricing.weeks import this_week
from tests.processes import wait_until
from tests.terminal import Terminal

PROJECT = Path(__file__).parent.parent
MAKEFILE = (PROJECT / "Makefile").read_text()
TARGETS = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)[0].split()
PROGRAMS = set(re.findall(r"\$\(BIN\)/([\w-]+)", MAKEFILE))
RECORDER = """#!/bin/sh
printf "%s|" "$0" "$@" "START=$MARKDOWN_PRICING_START_WEEK" "DAGSTER_HOME=$DAGSTER_HOME" >> "$TOLD"; echo >> "$TOLD"
"""
"""Stands in for each program of the environment: writes down what it was called with."""
MADE = {".local", ".venv"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A checkout in a path with a space, whose environment holds only recorders."""
    project = tmp_path / "two words" / "markdown pricing"
    for file in (
        "Makefile",
        "pyproject.toml",
        "constraints.txt",
        "workspace.yaml",
        "markdown_pricing/data/dagster.yaml",
        "tests/in_memory",
    ):
        (project / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT / file, project / file)
    for program in (*(f".venv/bin/{name}" for name in PROGRAMS), "tests/install"):
        (project / program).parent.mkdir(parents=True, exist_ok=True)
        (project / program).write_text(RECORDER)
        (project / program).chmod(0o755)
    return project


def make(project: Path, *arguments: str) -> list[str]:
    """What was called, a line for each program; the target must have succeeded."""
    told = project.parent / "told"
    told.write_text("")
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    ended = subprocess.run(
        ["make", *arguments], cwd=project, env={**kept, "TOLD": str(told)}, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    assert not ended.stderr
    return told.read_text().splitlines()


STOPPED = '#!/bin/sh\ntrap "echo Interrupted.; exit 1" INT\necho "At work."; sleep 60 & wait\n'
"""Stands in for a program that says on Ctrl-C what has become of its work."""


@pytest.mark.parametrize(("target", "program"), [("run", "markdown-pricing"), ("ui", "dagster")])
def test_on_ctrl_c_the_last_word_is_the_programs(project: Path, target: str, program: str) -> None:
    (project / ".local/lake/markdown_training_data/2026-02-09").mkdir(parents=True)
    (project / ".local/lake/markdown_training_data/2026-02-09/_SUCCESS").touch()
    make(project, "run")
    (project / ".venv/bin" / program).write_text(STOPPED)

    with on_one_core(), Terminal(["make", target], {"PATH": os.environ["PATH"]}, project) as terminal:
        wait_until("it is at work", lambda: "At work." in terminal.said(), 60, terminal.said)
        # All others come before it, so that the program has ended when make sees the signal.
        os.sched_setscheduler(terminal.pid, os.SCHED_IDLE, os.sched_param(0))
        terminal.press_ctrl_c()
        code, said = terminal.ended()

    assert code == -signal.SIGINT, said
    assert said.splitlines()[-1].endswith("Interrupted.")


@pytest.mark.parametrize(
    ("program", "seen"),
    [("examples.weeks", "Sample of"), ("tests.doubles.demo", "waiting for the sensor")],
)
def test_a_program_of_ours_ends_by_ctrl_c_in_a_sentence(program: str, seen: str, tmp_path: Path) -> None:
    """As `make weeks` and `make metronome-demo` start them: no traceback, and what has become of the work."""
    environ = {name: os.environ[name] for name in ("PATH", "HOME")} | {"PYTHONPATH": str(PROJECT)}
    command = [sys.executable, "-m", program, "--countries", "MLT", "--articles", "4"]
    with Terminal(command, environ, tmp_path) as terminal:
        wait_until(seen, lambda: seen in terminal.said(), 300, terminal.said)
        terminal.press_ctrl_c()
        _, said = terminal.ended()

    assert "Traceback" not in said
    assert said.splitlines()[-1].removeprefix("^C").startswith("Interrupted")


def test_what_dagster_advises_its_users_is_not_said_to_who_looks_at_the_page(project: Path) -> None:
    """The real `dagster dev` warns that it is superseded, but for the environment that `make ui` gives it."""
    make(project, "ui")
    (project / ".venv/bin/dagster").write_text('#!/bin/sh\necho "$PYTHONWARNINGS" > "$TOLD"\n')
    [filtered] = make(project, "ui")
    (project / "workspace.yaml").write_text("planted: fault")
    call = [sys.executable, "-m", "dagster", "dev", "-w", str(project / "workspace.yaml")]
    environ = {"PATH": os.environ["PATH"], "DAGSTER_HOME": str(project / ".local/dagster")}

    said = {
        filters: subprocess.run(call, env=environ | {"PYTHONWARNINGS": filters}, capture_output=True, text=True).stderr
        for filters in ("", filtered)
    }

    assert "is superseded" in said[""]
    assert "is superseded" not in said[filtered]
    assert "planted" in said[filtered]


@contextmanager
def on_one_core() -> Iterator[None]:
    """What is started meanwhile shares a core."""
    all_of_them = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(all_of_them)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, all_of_them)


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_works_in_a_path_with_a_space(project: Path, target: str) -> None:
    before = {path.name for path in project.iterdir()}

    called = make(project, target)

    assert called or target == "clean"
    assert {path.name for path in project.iterdir()} <= before | MADE
    assert {path.name for path in project.parent.iterdir()} == {project.name, "told"}
    assert {path.name for path in project.parent.parent.iterdir()} == {project.parent.name}


def test_the_page_keeps_its_storage_in_the_project(project: Path) -> None:
    called = make(project, "ui")

    assert called[-1].endswith(f"|DAGSTER_HOME={project}/.local/dagster|")
    assert (project / ".local/dagster/dagster.yaml").is_file()


def test_the_page_can_be_looked_at_before_anything_is_priced(project: Path) -> None:
    """Without a lake each look of a sensor would be a stack trace; without a first week it would open five years."""
    called = make(project, "ui")

    assert (project / ".local/lake").is_dir()
    assert f"|START={this_week(datetime.now(UTC))}|" in called[-1]


def test_an_open_page_leaves_the_cores_to_the_countries(project: Path) -> None:
    """It asks for news every ten seconds; by Dagster itself it is every two, each of which took half a second."""
    assert "|--live-data-poll-rate|10000|" in make(project, "ui")[-1]


def test_the_countries_to_price_are_handed_on(project: Path) -> None:
    """`make run COUNTRIES=DEU,AUT` prices these two, and `make run` prices all."""
    assert "|--countries|DEU,AUT|" in make(project, "run", "COUNTRIES=DEU,AUT")[-1]
    assert "--countries" not in make(project, "run")[-1]
