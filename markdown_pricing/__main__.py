"""The command line. Heavy libraries are imported by the command that needs them, so that help comes at once."""

import os
import sys
from datetime import date
from pathlib import Path
from typing import Any

import click

from markdown_pricing import __version__
from markdown_pricing.errors import PricingError, UsageError
from markdown_pricing.settings import Settings, in_container
from markdown_pricing.weeks import NotAWeek, parse_week

DONE, FAILED, BAD_USAGE = 0, 1, 2


class Week(click.ParamType[date]):
    name = "monday"

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> date:
        if isinstance(value, date):
            return value
        try:
            return parse_week(value)
        except NotAWeek as error:
            self.fail(str(error), param, context)


class CommaList(click.ParamType[tuple[str, ...]]):
    name = "list"

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> tuple[str, ...]:
        return value if isinstance(value, tuple) else tuple(value.split(","))


week_option = click.option("--week", type=Week(), metavar="MONDAY", help="ISO date of a Monday.")
countries_option = click.option("--countries", type=CommaList(), metavar="DEU,AUT", help="Comma-separated ISO codes.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON, for machines.")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="markdown-pricing")
def cli() -> None:
    """When and by how much to mark each article down, so that the whole stock sells at the highest price."""


@cli.command()
@click.option("--lake", required=True, help="URL or folder of the lake to write to.")
@week_option
@countries_option
@click.option("--articles", type=click.IntRange(min=1), help="Articles to price in each country; default: by its size.")
@click.option("--largest", type=click.IntRange(min=1), help="Instead: of the largest; others by Zipf's law.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same sample.")
@click.option("--real-sales", is_flag=True, help="Real grocery sales instead (needs the extra real-sales).")
@json_option
def sample(**options: Any) -> int:
    """Write a sample snapshot to try everything on; by default of this week."""
    from markdown_pricing.commands.sample import sample

    return sample(Settings.from_env(os.environ), **options)


@cli.command()
@week_option
@countries_option
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Processes to work in.")
@json_option
def run(**options: Any) -> int:
    """Price a week through Dagster and refresh the ERP; by default the newest week delivered, all countries.

    Without --countries the countries of COUNTRY_GROUP are priced. Each country is a run of its own in the Dagster UI.
    Exit code 1 when a country failed; the others are done.
    """
    from markdown_pricing.commands.run import run

    return run(Settings.from_env(os.environ, needs_places=in_container(os.environ)), **options)


@cli.command()
@click.option("--lake", required=True, help="URL or folder of the lake to read from.")
@click.option("--week", type=Week(), metavar="MONDAY", required=True, help="The snapshot's week, ISO date of a Monday.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="Parquet file to write.")
@countries_option
@click.option("--rules", type=click.Path(dir_okay=False, path_type=Path), help="Price under other rules.")
@click.option("--model", help="Another demand model, by name.")
@click.option("--compare", "with_standing", is_flag=True, help="Set what --rules brings beside the standing rules.")
@click.option("--picture", type=click.Path(dir_okay=False, path_type=Path), help="Draw --compare into this PNG file.")
@json_option
def price(**options: Any) -> int:
    """Price a snapshot into one Parquet file, with no ERP and no Dagster; nothing else is written.

    What if: --rules FILE --compare prices it under the standing rules as well, with the same models, and shows both.
    """
    from markdown_pricing.commands.price import price

    return price(Settings.from_env(os.environ), **options)


@cli.command()
@click.option("--lake", help="Replay real weeks of this lake's snapshot instead of simulated seasons.")
@week_option
@countries_option
@click.option("--families", type=CommaList(), metavar="A,B", help="Demand families to simulate; default: all.")
@click.option("--models", type=CommaList(), metavar="A,B", help="Demand models; default: the one that is set.")
@click.option("--articles", type=click.IntRange(min=4), default=60, show_default=True, help="On sale at a time.")
@click.option("--weeks", type=click.IntRange(min=1), help="To play (default 26), or to replay (8).")
@click.option("--seeds", type=click.IntRange(min=1), default=3, show_default=True, help="Markets of each family.")
@click.option("--workers", type=click.IntRange(min=1), default=2, show_default=True, help="Processes to work in.")
@click.option("--rules", type=click.Path(dir_okay=False, path_type=Path), help="Play under other rules.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="HTML report to write.")
@json_option
def backtest(**options: Any) -> int:
    """What a demand model's prices earn: simulated seasons, or with --lake real weeks forecast as they were.

    Every policy starts from the same stock and meets the same luck: holding the price, the fixed ladder, a tuned
    sell-through rule, a plain LightGBM, the models, and a planner who knows the true mean demand.
    Exit code 1 when a rule was broken, an article had no price, or a country could not be replayed.
    """
    from markdown_pricing.commands.backtest import backtest

    return backtest(Settings.from_env(os.environ), **options)


@cli.command()
@click.argument("challenger", required=False)
@click.option("--margin", type=float, default=0.5, show_default=True, help="Percent of revenue it must win by.")
@countries_option
@click.option("--families", type=CommaList(), metavar="A,B", help="Demand families to simulate; default: all.")
@click.option("--articles", type=click.IntRange(min=4), default=60, show_default=True, help="On sale at a time.")
@click.option("--weeks", type=click.IntRange(min=1), help="To play (default 26).")
@click.option("--seeds", type=click.IntRange(min=1), default=3, show_default=True, help="Markets of each family.")
@click.option("--workers", type=click.IntRange(min=1), default=2, show_default=True, help="Processes to work in.")
@click.option("--back", is_flag=True, help="Take the last promotion back.")
@click.option("--show", is_flag=True, help="Show the champion and how it came to be.")
@json_option
def promote(**options: Any) -> int:
    """Make CHALLENGER, a demand model, the champion that production uses, when it wins by a margin.

    It and the champion play the same seasons from the same stock with the same luck. Exit code 1 when it is refused.
    """
    from markdown_pricing.commands.promote import promote

    return promote(Settings.from_env(os.environ), **options)


@cli.command()
@click.argument("country")
@click.argument("article")
@week_option
@click.option("--lake", help="URL or folder of the lake to read from; default: MARKDOWN_PRICING_LAKE.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Draw the plan into this PNG file.")
@json_option
def explain(**options: Any) -> int:
    """Say why an article has its price: reason, money, price response and the plan week by week.

    Shows what the newest round kept of ARTICLE in COUNTRY, or that of --week.
    """
    from markdown_pricing.commands.explain import explain

    return explain(Settings.from_env(os.environ), **options)


@cli.command("metronome-jobs")
@click.option("--groups", type=click.IntRange(min=1), required=True, help="Contiguous groups of countries: jobs.")
@click.option("--image", required=True, help="Image of the container.")
@click.option("--secret", default="markdown-pricing/erp-password", show_default=True, help="Path of DB_PASSWORD's.")
@click.option("--prefix", default="markdown-pricing", show_default=True, help="Of the jobs' ids.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder to write to.")
@json_option
def metronome_jobs(**options: Any) -> int:
    """Write Metronome job definitions that price without a Dagster server, one for each group of countries.

    Each runs `markdown-pricing run` with its COUNTRY_GROUP on this installation's lake and ERP.
    """
    from markdown_pricing.commands.metronome_jobs import metronome_jobs

    return metronome_jobs(Settings.from_env(os.environ), **options)


@cli.command()
@click.argument("first")
@click.argument("second")
@click.option("--week", type=Week(), metavar="MONDAY", required=True, help="The week that both rounds priced.")
@countries_option
@click.option("--tolerance", type=float, default=0.0, show_default=True, help="Share up to which numbers are equal.")
@json_option
def shadow(**options: Any) -> int:
    """Compare two rounds of one week cell by cell: the ERP's rows, or the predictions kept on the lake.

    FIRST and SECOND are each an ERP (SQLAlchemy URL without password) or a lake (URL or folder). Exit code 1 when a
    cell differs; run ids and times, which always do, are left out.
    """
    from markdown_pricing.commands.shadow import shadow

    return shadow(Settings.from_env(os.environ), **options)


@cli.command()
@click.argument("server", type=click.Choice(["code-server", "web-server", "daemon"]))
@click.option("--host", default="0.0.0.0", show_default=True, help="Address to listen on.")
@click.option("--port", type=int, help="Of the web server; default: 3000.")
def serve(**options: Any) -> int:
    """Be one of Dagster's servers on a cluster; ends at once when a setting is wrong or missing, and says which.

    All read $DAGSTER_HOME/dagster.yaml. Web server and daemon find the code server by MARKDOWN_PRICING_CODE_SERVER.
    """
    from markdown_pricing.commands.serve import serve

    return serve(os.environ, **options)


@cli.command()
@week_option
@json_option
def doctor(**options: Any) -> int:
    """Look at settings, lake, snapshot, ERP rights and Dagster: each is ok, or what to do.

    With --week, the one to be priced next, also at what it stands on: last week's data, models and rows, a right to
    write and room in the lake. Dagster does the same every Sunday at 18:00.
    """
    from markdown_pricing.commands.doctor import doctor

    return doctor(os.environ, **options)


def main() -> None:
    """Run the command and leave with its exit code; our own errors are printed as they are, without a traceback."""
    try:
        code = cli.main(prog_name="markdown-pricing", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except click.exceptions.Abort:
        click.echo("Interrupted.", err=True)
        code = FAILED
    except PricingError as error:
        click.echo(str(error), err=True)
        code = BAD_USAGE if isinstance(error, UsageError) else FAILED
    sys.exit(code or DONE)


if __name__ == "__main__":
    main()
