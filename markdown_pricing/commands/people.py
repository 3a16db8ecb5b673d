"""The commands of what people decide about prices, and of the comparison of the plan with the old habit.

Heavy libraries are imported by the command that needs them, so that help comes at once.
"""

import os
from datetime import date
from pathlib import Path
from typing import Any

import click

from markdown_pricing.commands.parameters import json_option, refuse_others, week_option
from markdown_pricing.installation.settings import Settings
from markdown_pricing.process.imported import imported_for_good


@click.command(short_help="Add people's decisions to the ERP, from a CSV file.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Check the file and show what would be written; write nothing.")
@json_option
def decide(**options: Any) -> int:
    """Add the decisions of a CSV file to the ERP's table markdown_decisions: all of them, or none.

    FILE has the columns country, article_id, week, verdict and, where they apply, price, lock_until, decision_reason,
    note, decided_by, decision_id. Each fault is named with its line. What is there already is done. The exit code is 1
    when the account may not write or somebody decided meanwhile.
    """
    with imported_for_good():
        from markdown_pricing.commands.decisions import decide

    return decide(Settings.from_env(os.environ), **options)


@click.command(short_help="Show what people decided about a country's prices.")
@click.argument("country", required=False)
@week_option
@click.option(
    "--pseudonymise", is_flag=True, help="Take the names and notes out of all decisions older than 26 weeks instead."
)
@json_option
def decisions(country: str | None, week: date | None, pseudonymise: bool, as_json: bool) -> int:
    """Show the decisions about COUNTRY in the week that the ERP shows, or of --week, and the locks that hold in it.

    What is odd about a decision, or makes it void, is said on standard error. --pseudonymise needs an account of its
    own, which may change these two columns; the exit code is 1 for one that may not.
    """
    with imported_for_good():
        from markdown_pricing.commands import decisions as command

    settings = Settings.from_env(os.environ)
    if pseudonymise:
        refuse_others("--pseudonymise", "pseudonymise", "as_json")
        return command.pseudonymise(settings, as_json)
    if country is None:
        raise click.UsageError("Name a COUNTRY, or give --pseudonymise.")
    return command.decisions(settings, country, week, as_json)


@click.group(short_help="Compare the plan with the old habit, by cells that are held on it.")
def arms() -> None:
    """Compare the plan with the old habit, by cells of country and category that are held on it for a season.

    Without a draw nothing is compared, and no price is other than without these commands.
    """


@arms.command("draw", short_help="Draw the cells of a season.")
@click.argument("season")
@click.option(
    "--share",
    type=click.IntRange(1, 50),
    metavar="PERCENT",
    help="Hold so many percent of the cells, whatever it costs.",
)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Draw by this seed; the default is today's date.")
@click.option("--dry-run", is_flag=True, help="Show what shares would tell and cost, and draw nothing.")
@json_option
def arms_draw(**options: Any) -> int:
    """Draw the cells of SEASON that are held on the old habit, from the next Monday on.

    First the command shows, for several shares of the cells, which effect each would find with 4 chances in 5, and what
    holding them costs by the model's own reckoning. It draws the smallest share that would find what the model reckons
    the plan to bring. Where none would, it draws nothing unless --share names one, and the exit code is 1.
    """
    with imported_for_good():
        from markdown_pricing.commands.arms import draw

    return draw(Settings.from_env(os.environ), **options)


@arms.command("show", short_help="Show what comparisons have found until now.")
@json_option
def arms_show(as_json: bool) -> int:
    """Show the seasons that were drawn, the cells that are held, and what is known of each effect until now."""
    with imported_for_good():
        from markdown_pricing.commands.arms import show

    return show(Settings.from_env(os.environ), as_json)
