"""What commands print: their progress on standard error, their result on standard output."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from rich.console import Console
from rich.measure import Measurement
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from markdown_pricing.shown import plain

standard_output = Console()
standard_error = Console(stderr=True)
LEAST_TEXT = 12
"""Characters on a line of a column of text, so that at 40 columns two such columns stand side by side."""
ANY_WIDTH = 10_000


class Advance(Protocol):
    def __call__(self, note: str) -> None: ...


@contextmanager
def progress(what: str, total: int) -> Iterator[Advance]:
    """A progress bar that moves on with each call; where standard error is no terminal, each call prints a line."""
    if not standard_error.is_terminal:
        done = 0

        def line(note: str) -> None:
            nonlocal done
            done += 1
            standard_error.print(f"{what} {done}/{total}: {note}", highlight=False, soft_wrap=True, markup=False)

        yield line
        return
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, TextColumn("{task.fields[note]}"), console=standard_error) as bar:
        task = bar.add_task(what, total=total, note="")
        yield lambda note: bar.update(task, advance=1, note=note)


def print_table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]], numbers_from: int = 1) -> None:
    """Print the rows as they read, as wide as `print_fitting` has it. What comes from the data is a `shown.cell`."""
    table = Table(header_style="bold")
    for place, name in enumerate(head):
        table.add_column(name, justify="right" if place >= numbers_from else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(plain(each)) for each in row))  # a text's brackets are no markup
    standard_output.print(title, style="italic", highlight=False, markup=False, soft_wrap=True)
    print_fitting(table)


def print_fitting(table: Table) -> None:
    """Print a table as wide as the terminal; where standard output is none, as wide as the table itself.

    Text is wrapped and numbers, which are set to the right, are never broken. Columns for which there is no room are
    left out, beginning at the right, and named below the table.
    """
    whole = width_of(table)
    if not standard_output.is_terminal:
        Console(width=whole).print(table)
        return
    left_out: list[str] = []
    if whole > standard_output.width:
        for column in table.columns:
            column.overflow, column.no_wrap = "fold", column.justify == "right"
            if column.no_wrap:
                column.header = "\n".join(str(column.header).split())
        while len(table.columns) > 1 and _least_width(table) > standard_output.width:
            left_out.insert(0, " ".join(str(table.columns.pop().header).split()))
    standard_output.print(table)
    if named := ", ".join(name for name in left_out if name):
        print_error(f"There is no room for {named}. A wider terminal or a pipe shows them.")


def width_of(table: Table) -> int:
    """The characters on a line of the table when nothing in it is wrapped."""
    return _width(table).maximum


def _least_width(table: Table) -> int:
    """The width below which numbers would break, or text would have less than LEAST_TEXT characters a line."""
    texts = [column for column in table.columns if column.justify != "right"]
    for column in texts:
        column.max_width = LEAST_TEXT
    least = _width(table).minimum
    for column in texts:
        column.max_width = None
    return least


def _width(table: Table) -> Measurement:
    return Measurement.get(standard_output, standard_output.options.update(width=ANY_WIDTH), table)


def print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, default=str))


def print_error(text: str) -> None:
    standard_error.print(plain(text), highlight=False, soft_wrap=True, markup=False)
