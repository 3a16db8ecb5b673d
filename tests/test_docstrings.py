"""What a docstring says that a function raises can be raised."""

import ast
import builtins
import re
from collections.abc import Iterator
from pathlib import Path

import markdown_pricing

PACKAGE = Path(markdown_pricing.__file__).parent
TREES = {path: ast.parse(path.read_text()) for path in sorted(PACKAGE.rglob("*.py"))}
RAISED = re.compile(r"\b[Rr]aises (?:an? )?([A-Z](?:[^.;:()]|\.(?=\w))+)")
"""What a sentence says behind "raises", as far as the next stop or bracket."""
NAME = re.compile(r"^\w+|\b(?:[A-Z]+[a-z]+){2,}\b")
"""The first word there, and each other one that is written like a class of two words or more."""


def named_as_raised() -> Iterator[tuple[Path, str]]:
    """Each name that a docstring says is raised, with the file in which it says so."""
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module):
                for said in RAISED.findall(" ".join((ast.get_docstring(node) or "").split())):
                    yield from ((path, name) for name in NAME.findall(said))


def known_in(tree: ast.Module) -> set[str]:
    """What the module takes from others by name."""
    return {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}


def test_every_error_that_a_docstring_names_is_there() -> None:
    ours = {node.name for tree in TREES.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    known = ours | set(dir(builtins))
    named = list(named_as_raised())

    assert len(named) > 100
    assert [(path.name, name) for path, name in named if name not in known | known_in(TREES[path])] == []
