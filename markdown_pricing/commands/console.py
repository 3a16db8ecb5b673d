"""What commands print: their progress on standard error, their result on standard output."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from rich.console import Console
from rich.measure import Measurement
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.table import Column, Table
from rich.text import Text

from markdown_pricing.texts.shown import plain

standard_output = Console()
standard_error = Console(stderr=True)
LEAST_TEXT = 12
"""Characters on a line of a column of text, so that at 40 columns two such columns stand side by side."""
ANY_WIDTH = 10_000
LEAST_TO_FORETELL = 0.05
"""The share of the work from which on the remaining time is foretold; chosen on 2026-11-28. Before it the start of the
processes is taken for work, which has foretold 276,478 minutes."""


class Advance(Protocol):
    def __call__(self, note: str, work: float = 1.0, /) -> None: ...


@contextmanager
def progress(what: str, total: int, work: float | None = None) -> Iterator[Advance]:
    """A progress bar that moves on with each call; where standard error is no terminal, each call prints a line.

    total : how many calls there will be
    work  : the sum of what the calls say to have done, by which the remaining time is foretold; `total` if not given
    """
    shown = _bar if standard_error.is_terminal else _lines
    with shown(what, total, work or total) as advance:
        yield advance


@contextmanager
def _lines(what: str, total: int, work: float) -> Iterator[Advance]:
    pace = _Pace(total, work)

    def line(note: str, share: float = 1.0, /) -> None:
        pace.advance(share)
        text = f"{what} {pace.done}/{total}: {note} ({pace})"
        standard_error.print(plain(text), highlight=False, soft_wrap=True, markup=False)

    yield line


@contextmanager
def _bar(what: str, total: int, work: float) -> Iterator[Advance]:
    pace = _Pace(total, work)
    columns = TextColumn("{task.description}"), BarColumn(bar_width=12), _Words(lambda task: f"{pace.done}/{total}")
    note = _Words(lambda task: task.fields["note"], may_be_cut=True)
    with Progress(*columns, _Words(lambda task: str(pace)), note, ROOM_FOR_CTRL_C, console=standard_error) as bar:
        task = bar.add_task(what, total=work, note="")

        def advance(note: str, share: float = 1.0, /) -> None:
            pace.advance(share)
            bar.update(task, advance=share, note=note)

        yield advance


class _Pace:
    """How far it is, how long it has taken, and how long it is likely to take; as words at any moment."""

    def __init__(self, total: int, work: float) -> None:
        self.done = 0
        self._total, self._left, self._worked = total, work, 0.0
        self._began = self._last = time.monotonic()

    def advance(self, work: float) -> None:
        self.done += 1
        self._worked += work
        self._left -= work
        self._last = time.monotonic()

    def __str__(self) -> str:
        now = time.monotonic()
        gone = _clock(now - self._began)
        if self._worked < LEAST_TO_FORETELL * (self._worked + self._left) or self.done == self._total:
            return gone
        left = (self._last - self._began) * self._left / self._worked - (now - self._last)
        return f"{gone}, about {_clock(max(left, 0))} left"


class _Words(ProgressColumn):
    """Words that are made anew at each look. Where the line is too long, those that may be cut are."""

    def __init__(self, words: Callable[[Task], str], may_be_cut: bool = False) -> None:
        super().__init__(Column(no_wrap=not may_be_cut))
        self._words = words

    def render(self, task: Task) -> Text:
        return Text(self._words(task), no_wrap=True, overflow="ellipsis")


ROOM_FOR_CTRL_C = TextColumn("  ")
"""At the end of the bar's line: where there is no room for its `^C`, the terminal begins another line."""


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def print_table(
    title: str,
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    numbers_from: int = 1,
    to: Console | None = None,
) -> None:
    """Print the rows as they read, as wide as `print_fitting` has it. What comes from the data is a `shown.cell`.

    to : by default standard output
    """
    to = to or standard_output
    table = Table(header_style="bold")
    for place, name in enumerate(head):
        table.add_column(name, justify="right" if place >= numbers_from else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(plain(each)) for each in row))  # a text's brackets are no markup
    to.print(title, style="italic", highlight=False, markup=False, soft_wrap=True)
    print_fitting(table, to)


def print_fitting(table: Table, to: Console | None = None) -> None:
    """Print a table as wide as the terminal; where it goes to none, as wide as the table itself.

    Text is wrapped and numbers, which are set to the right, are never broken. Columns for which there is no room are
    left out, beginning at the right, and named below the table.
    """
    to, whole = to or standard_output, width_of(table)
    if not to.is_terminal:
        Console(width=whole, stderr=to.stderr).print(table)
        return
    left_out: list[str] = []
    if whole > to.width:
        for column in table.columns:
            column.overflow, column.no_wrap = "fold", column.justify == "right"
            if column.no_wrap:
                column.header = "\n".join(str(column.header).split())
        while len(table.columns) > 1 and _least_width(table) > to.width:
            left_out.insert(0, " ".join(str(table.columns.pop().header).split()))
    to.print(table)
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
    """Print the value as JSON, for machines; dates and paths as texts."""
    print(json.dumps(value, indent=2, default=str))


def print_error(text: str) -> None:
    """Print a sentence for people on standard error, where it mixes with no result."""
    standard_error.print(plain(text), highlight=False, soft_wrap=True, markup=False)
