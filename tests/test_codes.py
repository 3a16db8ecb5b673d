"""The words of coded columns, and the old habit, are declared in one place each."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from markdown_pricing.codes import STATES, VERDICTS, ExceptionCode, OptionRule, ReasonCode
from markdown_pricing.demand.response import TYPICAL_CUT
from markdown_pricing.markdown.sentences import times_as_many
from markdown_pricing.old_habit import HABIT
from markdown_pricing.old_habit import IN_SHORT as HABIT_IN_SHORT

PACKAGE = Path(__file__).parent.parent / "markdown_pricing"
CODES = {str(code) for codes in (ReasonCode, ExceptionCode, OptionRule, STATES, VERDICTS) for code in codes}
OF_THEIR_OWN = {word for word in CODES if "_" in word} | set(VERDICTS)
"""Those that hardly mean anything else."""
OTHER_MEANINGS = {
    ("__main__.py", "not_applied"): "an option of the command that sells a week of a sample",
    ("commands/next_week.py", "not_applied"): "a figure of that week",
    ("commands/next_week.py", "sold_out"): "a figure of that week",
    ("commands/decisions.py", "changed"): "how many rows got a pseudonym",
    ("markdown/sentences.py", "least_gain"): "a word of sentences: the percentage itself",
    ("orchestration/judged.py", "held_on_habit"): "a figure of the ledger",
}


def texts_of(path: Path) -> Iterator[str]:
    """All texts in the module, those in parts of f-strings and docstrings included."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def texts_but(*declared_in: str) -> Iterator[tuple[str, str]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if name not in declared_in:
            yield from ((name, text) for text in texts_of(path))


def test_a_code_is_typed_nowhere_else() -> None:
    again = {(name, text) for name, text in texts_but("codes.py") if text in OF_THEIR_OWN}

    assert again == OTHER_MEANINGS.keys()


def test_no_statement_names_a_verdict_itself() -> None:
    """A view or a constraint has it from the declaration."""
    quoted = re.compile("|".join(f"'{verdict}'" for verdict in VERDICTS))

    assert [(name, text) for name, text in texts_but("codes.py") if quoted.search(text)] == []


def test_the_numbers_of_the_old_habit_are_told_by_its_declaration() -> None:
    told = re.compile("|".join(rf"\b{discount} ?%" for _, discount in HABIT))
    others = "sample/families.py"  # whose customers wait for discounts of their own

    assert {name for name, text in texts_but("old_habit.py", others) if told.search(text)} == set()
    assert HABIT_IN_SHORT == "30 % off, later 50 %"


def test_the_elasticity_is_told_at_the_cut_at_which_it_is_measured() -> None:
    assert np.isclose(times_as_many(2.0), np.exp(2.0 * TYPICAL_CUT))
