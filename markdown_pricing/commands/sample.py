"""`markdown-pricing sample` writes a sample lake to try everything on."""

from collections.abc import Sequence
from datetime import UTC, date, datetime

from markdown_pricing.commands.console import print_json, progress
from markdown_pricing.commands.places import check_writable
from markdown_pricing.installation.from_settings import countries_of
from markdown_pricing.installation.settings import Settings
from markdown_pricing.lake import paths
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.texts.words import counted
from markdown_pricing.weeks import this_week


def sample(
    settings: Settings,
    lake: str,
    week: date | None,
    countries: Sequence[str] | None,
    articles: int | None,
    largest: int | None,
    seed: int,
    real_sales: bool,
    as_json: bool,
) -> int:
    """Write a snapshot, of the sample market or of real sales; the parameters are the options of the command.

    returns the exit code
    """
    target, week = Lake(lake), week or this_week(datetime.now(UTC))
    if not real_sales:
        from markdown_pricing.sample.season import opening_of

        opening_of(week)  # refuses a week that is too early before a file is tried on the lake
    check_writable(target, paths.SNAPSHOTS)
    if real_sales:
        from markdown_pricing.sample.grocery import COUNTRY, deliver_grocery

        deliver_grocery(target, week)
        chosen = [COUNTRY]
    else:
        from markdown_pricing.sample.deliver import deliver_sample
        from markdown_pricing.sample.sizes import zipf_sizes

        configured = countries_of(settings)
        chosen = configured.choose(countries) if countries else list(configured)
        sizes = articles if largest is None else zipf_sizes(configured, largest)
        with progress(f"Sample of {week}", len(chosen)) as advance:
            deliver_sample(target, week, [configured[code] for code in chosen], sizes, seed, advance)
    if as_json:
        print_json({"lake": lake, "week": week, "countries": chosen})
    else:
        print(f"{lake} holds a snapshot of {week} for {counted(len(chosen), 'country')}.")
    return 0
