"""Every example in a docstring runs, and shows what it says."""

import doctest
import importlib
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent
ROOTS = ("markdown_pricing", "examples", "tests")


def modules_with_examples() -> list[str]:
    files = [file for root in ROOTS for file in (PROJECT / root).rglob("*.py") if file != Path(__file__)]
    return sorted(
        ".".join(file.relative_to(PROJECT).with_suffix("").parts) for file in files if ">>> " in file.read_text()
    )


def test_there_are_examples() -> None:
    assert "markdown_pricing.weeks" in modules_with_examples()


@pytest.mark.parametrize("name", modules_with_examples())
def test_every_example_of_the_module_runs(name: str) -> None:
    """As many as stand in the file: none is hidden where nothing looks, such as in a comment or a nested function."""
    module = importlib.import_module(name)
    assert module.__file__
    written = sum(line.lstrip().startswith(">>> ") for line in Path(module.__file__).read_text().splitlines())

    failed, ran = doctest.testmod(module)

    assert (failed, ran) == (0, written)
