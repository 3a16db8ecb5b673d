"""The kinds of values that options take: what cannot be used is bad usage, found out before the work."""

import os
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import click

from markdown_pricing.errors import UsageError
from markdown_pricing.weeks import NotAWeek, parse_week


class Week(click.ParamType[date]):
    """A week, named by the ISO date of its Monday."""

    name = "monday"

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> date:
        if isinstance(value, date):
            return value
        try:
            return parse_week(value)
        except NotAWeek as error:
            self.fail(str(error), param, context)


class CommaList(click.ParamType[tuple[str, ...]]):
    """Texts with commas between them, and blanks around them as they come."""

    name = "list"

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> tuple[str, ...]:
        names = value if isinstance(value, tuple) else tuple(name.strip() for name in value.split(","))
        if not all(names):
            self.fail(f"{value!r} has an empty place. Give names with commas between them.", param, context)
        return names


class Out(click.Path):
    """A file or folder to write. What cannot be written is bad usage, found out before the work and not after it."""

    def __init__(self, folder: bool = False) -> None:
        super().__init__(file_okay=not folder, dir_okay=folder, writable=True, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> Path:
        path = Path(os.fsdecode(super().convert(value, param, context)))
        folder = path if path.is_dir() else path.parent
        if not folder.is_dir():
            self.fail(f"There is no folder {folder}. Make it first, or name another place.", param, context)
        try:
            with TemporaryFile(dir=folder):
                return path
        except OSError as error:
            self.fail(f"Nothing can be written to the folder {folder}: {error.strerror}.", param, context)


def check_encoding(arguments: Sequence[str]) -> None:
    """Refuse arguments that are no UTF-8. Raises UsageError."""
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError:
            raise UsageError(
                f"The argument {argument!a} is not written in UTF-8. Write it so, or rename the file."
            ) from None
