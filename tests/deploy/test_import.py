"""Importing what Dagster loads reads nothing and changes nothing; only `defs`, called, sets the process up."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PACKAGE = Path(__file__).parents[2] / "markdown_pricing"
WATCHED = """
import json, logging, os, sys

package, opened = sys.argv[1], []

def note(event, arguments):
    # Python's own import opens a module's file to run it; whatever else opens a file of the package reads it.
    if event == "open" and str(arguments[0]).startswith(package):
        if not sys._getframe(1).f_code.co_filename.startswith("<frozen importlib"):
            opened.append(str(arguments[0]))

def state():
    from markdown_pricing.process import device, logs
    handlers = [type(handler).__name__ for handler in logs.LOGGER.handlers]
    return [id(sys.stdout), id(sys.stderr), handlers, device._chosen, dict(os.environ)]

before = state()
sys.addaudithook(note)
from markdown_pricing import definitions
at_import, is_same = list(opened), state() == before
definitions.defs()
print(json.dumps({"at_import": at_import, "is_same": is_same, "when_called": opened, "handlers": state()[2]}))
"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a fresh interpreter opens and changes: at the import, and when `defs` is called."""
    places = {"MARKDOWN_PRICING_LAKE": str(tmp_path_factory.mktemp("lake")), "MARKDOWN_PRICING_LOG": "stderr"}
    places["KMP_DUPLICATE_LIB_OK"] = "True"  # threadpoolctl sets it at its import, unless it is set
    ended = subprocess.run(
        [sys.executable, "-c", WATCHED, str(PACKAGE)],
        env={**os.environ, **places},
        capture_output=True,
        text=True,
        check=True,
    )
    answer: dict[str, Any] = json.loads(ended.stdout)
    return answer


def test_the_import_reads_no_file_of_the_package(seen: dict[str, Any]) -> None:
    """No source file to take a digest of, no countries and no rules."""
    assert seen["at_import"] == []


def test_the_import_leaves_the_process_as_it_is(seen: dict[str, Any]) -> None:
    """Standard output and error, log handlers, device, environment."""
    assert seen["is_same"]


def test_who_calls_for_definitions_has_the_process_set_up(seen: dict[str, Any]) -> None:
    """A code server, a run worker, a command: then log lines go where the settings say, and the code has its digest."""
    assert seen["handlers"] == ["_Lines"]
    assert {Path(path).name for path in seen["when_called"]} >= {"countries.csv", "rules.toml", "pricing.py"}


def test_the_module_fits_on_one_screen() -> None:
    assert len((PACKAGE / "definitions.py").read_text().splitlines()) <= 60
