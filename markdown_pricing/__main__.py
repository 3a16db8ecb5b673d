"""The command line. Heavy libraries are imported by the command that needs them, so that help comes at once."""

import errno
import os
import sys
from contextlib import suppress
from io import TextIOWrapper
from typing import Any

import click

from markdown_pricing import __version__
from markdown_pricing.commands.parameters import (
    Out,
    Week,
    articles_option,
    check_encoding,
    countries_option,
    families_option,
    json_option,
    models_option,
    refuse_others,
    rules_option,
    sample_options,
    seeds_option,
    week_option,
)
from markdown_pricing.commands.people import arms, decide, decisions
from markdown_pricing.errors import PricingError, UsageError
from markdown_pricing.installation.settings import Settings
from markdown_pricing.process.imported import imported_for_good

DONE, FAILED, BAD_USAGE = 0, 1, 2
"""Exit codes: the command did what it was asked; something failed; its usage or a setting is wrong."""
OF_A_PLACE = frozenset(
    {
        errno.EPIPE,
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EFBIG,
        errno.EIO,
        errno.EROFS,
        errno.EACCES,
        errno.EPERM,
        errno.ENOENT,
        errno.ENOTDIR,
        errno.EISDIR,
        errno.ENAMETOOLONG,
        errno.EBADF,
    }
)
"""What the system says of a place that cannot be written or read: no fault of the code."""


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="markdown-pricing")
def cli() -> None:
    """Find when and by how much to mark each article down, so that the whole stock sells at the highest price.

    The exit code is 0 when the command did what it was asked, 1 when something failed, and 2 when the usage or a
    setting is wrong. The help of each command says what its 1 means.
    """


for command in (decide, decisions, arms):
    cli.add_command(command)


@cli.command(short_help="Write a sample snapshot to try everything on.")
@click.option("--lake", required=True, help="Write to the lake at this URL or in this folder.")
@week_option
@countries_option
@sample_options
@json_option
def sample(next_week: bool, not_applied: float | None, **options: Any) -> int:
    """Write a sample snapshot to try everything on. The default is the week that has begun.

    With --next-week the sample that lies in the lake goes on: its newest week is sold at the prices that people decided
    (markdown_decisions) or else that were advised, on the same market, and the next week is delivered. The week has to
    be priced before. The exit code is 1 when it is not, or when the ERP does not answer.
    """
    settings = Settings.from_env(os.environ)
    if next_week:
        with imported_for_good():
            from markdown_pricing.commands.next_week import next_week as play_on

        refuse_others("--next-week", "lake", "next_week", "not_applied", "as_json")
        return play_on(settings, options["lake"], not_applied or 0.0, options["as_json"])
    if not_applied is not None:
        raise click.UsageError("--not-applied is of use with --next-week only.")
    with imported_for_good():
        from markdown_pricing.commands.sample import sample

    return sample(settings, **options)


@cli.command(short_help="Price a week through Dagster and refresh the ERP.")
@week_option
@countries_option
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Work in so many processes.")
@click.option("--again", is_flag=True, help="Price anew what an earlier run has refreshed already.")
@json_option
def run(**options: Any) -> int:
    """Price a week through Dagster and refresh the ERP. The default is the newest week that was delivered.

    Without --countries the countries of the setting COUNTRY_GROUP are priced, and without that setting all of them, as
    far as the snapshot holds them.
    Each country is a run of its own in Dagster. What an earlier run has refreshed from the same snapshot, code, rules,
    settings, champion and locks is not priced again, so that a second call goes on where the first was interrupted. The
    exit code is 1 when a country failed, and then the others are done, or when the command was interrupted.
    """
    with imported_for_good():
        from markdown_pricing.commands.run import run

    return run(os.environ, **options)


@cli.command(short_help="Price a snapshot into one file, without ERP or Dagster.")
@click.option("--lake", required=True, help="Read from the lake at this URL or in this folder.")
@click.option(
    "--week", type=Week(), metavar="MONDAY", required=True, help="Price the snapshot of this week, named by its Monday."
)
@click.option("--out", type=Out(), required=True, help="Write the rows to this Parquet file.")
@countries_option
@rules_option
@click.option("--model", help="Price with the demand model of this name instead of the champion.")
@click.option(
    "--compare",
    "with_standing",
    is_flag=True,
    help="Price under the standing rules as well, and show what the rules of --rules change.",
)
@click.option(
    "--picture",
    type=Out(),
    help="Draw what --compare shows into this PNG file.",
)
@json_option
def price(**options: Any) -> int:
    """Price a snapshot into one Parquet file, without an ERP and without Dagster. Nothing else is written.

    With --rules FILE --compare the snapshot is priced under both sets of rules with the same models, and a table shows
    what the other rules change. The exit code is 1 when a country failed; the others are then in the file.
    """
    with imported_for_good():
        from markdown_pricing.commands.price import price

    return price(os.environ, **options)


@cli.command(short_help="Show what a demand model's prices earn, or its errors.")
@click.option("--lake", help="Replay real weeks of the snapshot on this lake instead of simulating seasons.")
@week_option
@countries_option
@families_option
@click.option(
    "--world",
    type=click.Choice(["plain", "substitution", "lasting_weather", "stockpiling"]),
    default="plain",
    show_default=True,
    help="Play in a market where articles stand for each other, weather stays, or customers stockpile.",
)
@models_option
@articles_option
@click.option(
    "--weeks",
    type=click.IntRange(min=1),
    help="Play so many weeks; the default is 26, and 8 when real weeks are replayed.",
)
@seeds_option
@click.option("--workers", type=click.IntRange(min=1), default=2, show_default=True, help="Work in so many processes.")
@rules_option
@click.option("--out", type=Out(), help="Write the report to this HTML file.")
@json_option
def backtest(**options: Any) -> int:
    """Show what a demand model's prices earn in simulated seasons, or with --lake how it forecasts real weeks.

    The policies are holding the price, the fixed ladder, a tuned sell-through rule, a plain LightGBM, the models, and a
    planner who knows the true mean demand. All start from the same stock and meet the same luck. The exit code is 1
    when a rule was broken, an article had no price, or a country could not be replayed.
    """
    with imported_for_good():
        from markdown_pricing.commands.backtest import backtest

    return backtest(Settings.from_env(os.environ), **options)


@cli.command(short_help="Make a demand model that wins the champion.")
@click.argument("challenger", required=False)
@click.option(
    "--margin",
    type=float,
    default=0.5,
    show_default=True,
    help="Ask for so many percent more revenue than the champion's.",
)
@countries_option
@families_option
@articles_option
@click.option("--weeks", type=click.IntRange(min=1), help="Play so many weeks; the default is 26.")
@seeds_option
@click.option("--workers", type=click.IntRange(min=1), default=2, show_default=True, help="Work in so many processes.")
@click.option("--back", is_flag=True, help="Take the last promotion back.")
@click.option("--show", is_flag=True, help="Show the champion and all promotions.")
@json_option
def promote(**options: Any) -> int:
    """Make the demand model CHALLENGER the champion, which production uses, when it wins by a margin.

    It and the champion play the same seasons, from the same stock and with the same luck. When it wins, both forecast
    the last weeks of the lake, and it is refused if it forecasts them worse. The exit code is 1 when it is refused.
    """
    with imported_for_good():
        from markdown_pricing.commands.promote import promote

    return promote(Settings.from_env(os.environ), **options)


@cli.command(short_help="Explain why an article has its price.")
@click.argument("country")
@click.argument("article")
@week_option
@click.option("--lake", help="Read from this lake; the default is the setting MARKDOWN_PRICING_LAKE.")
@click.option("--out", type=Out(), help="Draw the plan into this PNG file.")
@json_option
def explain(**options: Any) -> int:
    """Explain why an article has its price, by its reason, this week's prices, the money and the weekly plan.

    The command shows what the newest round, or the round of --week, recommended for ARTICLE in COUNTRY.
    """
    with imported_for_good():
        from markdown_pricing.commands.explain import explain

    return explain(Settings.from_env(os.environ), **options)


@cli.command("metronome-jobs", short_help="Write DC/OS job definitions, by groups of countries.")
@click.option(
    "--groups",
    type=click.IntRange(min=1),
    required=True,
    help="Split the countries into so many groups, one for each job.",
)
@click.option("--image", required=True, help="Run the jobs in containers of this image.")
@click.option(
    "--secret",
    default="markdown-pricing/erp-password",
    show_default=True,
    help="Take DB_PASSWORD from this path in the cluster's secret store.",
)
@click.option(
    "--prefix", default="markdown-pricing", show_default=True, help="Begin the ids of the jobs with this text."
)
@click.option(
    "--out",
    type=Out(folder=True),
    required=True,
    help="Write the definitions to this folder, which is made when it is not there.",
)
@json_option
def metronome_jobs(**options: Any) -> int:
    """Write Metronome job definitions that price without a Dagster server, one for each group of countries.

    Each job runs `markdown-pricing run` with its COUNTRY_GROUP on this installation's lake and ERP.
    """
    with imported_for_good():
        from markdown_pricing.commands.metronome_jobs import metronome_jobs

    return metronome_jobs(Settings.from_env(os.environ), **options)


@cli.command(short_help="Compare two rounds of one week cell by cell.")
@click.argument("first")
@click.argument("second")
@click.option(
    "--week", type=Week(), metavar="MONDAY", required=True, help="Compare this week, which both rounds priced."
)
@countries_option
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0),
    default=0.0,
    show_default=True,
    help="Take numbers for equal that differ by at most this share of the larger one.",
)
@json_option
def shadow(**options: Any) -> int:
    """Compare two rounds of one week cell by cell, in the ERP's rows or in the predictions kept on the lake.

    FIRST and SECOND are each an ERP (a SQLAlchemy URL without a password) or a lake (a URL or a folder). Run ids, times
    and the models' versions, which hold the code's hash, are left out; columns that only one round has are named. The
    exit code is 1 when a cell differs.
    """
    with imported_for_good():
        from markdown_pricing.commands.shadow import shadow

    return shadow(Settings.from_env(os.environ), **options)


@cli.command(short_help="Start one of Dagster's servers on a cluster.")
@click.argument("server", type=click.Choice(["code-server", "web-server", "daemon"]))
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Listen on this address. Neither the page nor the code server asks anybody for a password.",
)
@click.option(
    "--port", type=click.IntRange(1, 65_535), help="Let the web server listen on this port; the default is 3000."
)
@click.option("--read-only", is_flag=True, help="Let the page only show: it starts, stops and switches nothing.")
@click.option("--path-prefix", default="", help="Serve the page below this path, as a proxy in front of it may want.")
def serve(**options: Any) -> int:
    """Start one of Dagster's servers on a cluster.

    The command ends at once with exit code 2 when a setting is wrong or missing, and says which. All servers read
    $DAGSTER_HOME/dagster.yaml. The web server and the daemon find the code server by MARKDOWN_PRICING_CODE_SERVER.
    """
    with imported_for_good():
        from markdown_pricing.commands.serve import serve

    return serve(os.environ, **options)


@cli.command(short_help="Check what a round needs, and say what to do.")
@week_option
@click.option("--lake", help="Look only at what is delivered in this lake: what is missing or odd in it, in one list.")
@json_option
def doctor(**options: Any) -> int:
    """Check the settings, the lake, the snapshot, the rights on the ERP and Dagster, and say what to do.

    With --week, the week to be priced next, the command also checks what that week depends on: last week's data, models
    and rows, the right to write to the lake, and the room in it. Dagster does the same every Sunday at 18:00. The exit
    code is 1 when there is something to do.
    """
    with imported_for_good():
        from markdown_pricing.commands.doctor import doctor

    return doctor(os.environ, **options)


def main() -> None:
    """Run the command and leave with its exit code; our own errors are printed as they are, without a traceback.

    What the output cannot show is printed as an escape. Nobody need read the output to its end.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = _exit_code()
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        if error.errno not in OF_A_PLACE:
            raise
        code = FAILED
        with suppress(OSError):
            if error.errno != errno.EPIPE:
                click.echo(
                    f"{error.filename or 'The output'} could not be written or read: {error.strerror}.", err=True
                )
        _write_to_nobody()
    sys.exit(code or DONE)


def _exit_code() -> int | None:
    try:
        check_encoding(sys.argv[1:])
        answer: int | None = cli.main(prog_name="markdown-pricing", standalone_mode=False)
        return answer
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.exceptions.Abort:
        click.echo("Interrupted.", err=True)
        return FAILED
    except PricingError as error:
        click.echo(str(error), err=True)
        return BAD_USAGE if isinstance(error, UsageError) else FAILED


def _write_to_nobody() -> None:
    """Python would otherwise try once more, at its end, to write what is left, and complain."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
