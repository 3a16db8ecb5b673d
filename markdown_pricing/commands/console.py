"""What commands print: their progress on standard error, their result on standard output."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from markdown_pricing.shown import plain

standard_output = Console()
standard_error = Console(stderr=True)


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
    """Print the rows as they read. What comes from the data is given as `shown.cell` has it."""
    table = Table(title=title, title_justify="left", header_style="bold")
    for place, name in enumerate(head):
        table.add_column(
            name, justify="right" if place >= numbers_from else "left", overflow="fold", no_wrap=place == 0
        )
    for row in rows:
        table.add_row(*(Text(plain(each)) for each in row))  # a text's brackets are no markup
    standard_output.print(table)


def print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, default=str))


def print_error(text: str) -> None:
    standard_error.print(plain(text), highlight=False, soft_wrap=True, markup=False)
