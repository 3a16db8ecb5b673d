"""What a process has imported is no garbage, and nobody looks for any in it."""

import ast
import gc
import importlib
import subprocess
import sys
import weakref
from pathlib import Path

import pytest

from markdown_pricing.process.imported import imported_for_good

PACKAGE = Path(__file__).parents[2] / "markdown_pricing"


def collections() -> list[int]:
    return [generation["collections"] for generation in gc.get_stats()]


def test_no_garbage_is_collected_while_something_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "of_many_objects.py").write_text("many = [[] for _ in range(50_000)]")
    monkeypatch.syspath_prepend(tmp_path)

    with imported_for_good():
        before = collections()
        many = importlib.import_module("of_many_objects").many
        assert collections() == before

    assert not any(each is many for each in gc.get_objects())


def test_garbage_that_is_made_later_is_collected() -> None:
    class Made:
        itself: object = None

    with imported_for_good(), imported_for_good():
        pass
    made = Made()
    made.itself = made
    watch = weakref.ref(made)
    del made

    assert gc.isenabled()
    gc.collect()
    assert watch() is None


def test_where_nothing_was_imported_what_lies_about_remains_garbage() -> None:
    before = gc.get_freeze_count()

    with imported_for_good():
        import json  # noqa: F401

    assert gc.get_freeze_count() <= before


AT_THE_END = """
from markdown_pricing.process.imported import imported_for_good
with imported_for_good():
    import {module}
class Made:
    def __del__(self):
        print("was looked at")
made = Made()
made.itself = made
del made
"""


@pytest.mark.parametrize(("module", "told"), [("tomllib", ""), ("sys", "was looked at\n")])
def test_a_process_that_has_imported_something_looks_at_nothing_when_it_ends(module: str, told: str) -> None:
    program = [sys.executable, "-c", AT_THE_END.format(module=module)]

    assert subprocess.run(program, capture_output=True, text=True, check=True).stdout == told


def test_what_dagster_loads_comes_without_a_look_for_garbage() -> None:
    """The youngest 700 objects are looked at once more, when the count begins."""
    counts = "print(json.dumps([each['collections'] for each in gc.get_stats()[1:]]), gc.isenabled())"
    program = f"import gc, json; {counts}; import markdown_pricing.definitions; {counts}"

    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    before, after = told.stdout.splitlines()
    assert before == after
    assert before.endswith("True")


@pytest.mark.parametrize("file", ["__main__.py", "commands/people.py"])
def test_each_command_is_imported_for_good(file: str) -> None:
    tree = ast.parse((PACKAGE / file).read_text())
    functions = [each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)]
    late = [each for function in functions for each in ast.walk(function) if isinstance(each, ast.ImportFrom)]
    withs = [each for each in ast.walk(tree) if isinstance(each, ast.With)]
    within = [line for each in withs if "imported_for_good" in ast.unparse(each.items[0]) for line in each.body]

    assert late
    assert set(late) <= set(within)
