"""Options that commands share, and the kinds of values they take; what cannot be used is found before the work."""

import os
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import click
from click.core import ParameterSource

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


week_option = click.option(
    "--week", type=Week(), metavar="MONDAY", help="Take this week, named by its Monday's ISO date."
)
countries_option = click.option(
    "--countries", type=CommaList(), metavar="DEU,AUT", help="Take only these countries, named by their ISO codes."
)
families_option = click.option(
    "--families", type=CommaList(), metavar="A,B", help="Simulate these demand families; the default is all."
)
articles_option = click.option(
    "--articles",
    type=click.IntRange(min=4),
    default=60,
    show_default=True,
    help="Have so many articles on sale in a week.",
)
seeds_option = click.option(
    "--seeds", type=click.IntRange(min=1), default=3, show_default=True, help="Play so many markets of each family."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON, for machines.")
models_option = click.option(
    "--models", type=CommaList(), metavar="A,B", help="Play these demand models; the default is the one that is set."
)
rules_option = click.option(
    "--rules",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Take the rules of this file instead of the standing rules.",
)
_OF_A_SAMPLE = (
    click.option(
        "--articles",
        type=click.IntRange(min=1),
        help="Give each country so many articles to price; the default depends on its size.",
    ),
    click.option(
        "--largest",
        type=click.IntRange(min=1),
        help="Give the largest country so many articles and the others fewer by Zipf's law.",
    ),
    click.option(
        "--seed", type=int, default=1, show_default=True, help="Draw by this seed; the same seed gives the same sample."
    ),
    click.option(
        "--real-sales",
        is_flag=True,
        help="Write a grocer's real sales instead, which need the package's extra real-sales.",
    ),
    click.option(
        "--next-week",
        is_flag=True,
        help="Sell the sample's newest week at the prices that were decided or advised, and write the week after it.",
    ),
    click.option(
        "--not-applied",
        type=click.FloatRange(0, 1),
        help="With --next-week: leave this share of the new prices unchanged, as shops do that forget them.",
    ),
)


def sample_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What only `sample` takes, in the order in which its help has it."""
    for option in reversed(_OF_A_SAMPLE):
        command = option(command)
    return command


def refuse_others(option: str, *allowed: str) -> None:
    """Refuse options that were given on the command line beside `option`, which does without them."""
    context = click.get_current_context()
    others = [
        parameter.opts[-1] if isinstance(parameter, click.Option) else parameter.human_readable_name
        for parameter in context.command.params
        if parameter.name not in allowed
        and context.get_parameter_source(str(parameter.name)) is ParameterSource.COMMANDLINE
    ]
    if others:
        raise click.UsageError(f"{option} takes no {', '.join(others)}.")
