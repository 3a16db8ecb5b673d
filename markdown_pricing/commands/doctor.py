"""`markdown-pricing doctor` checks everything that a round needs, and says for each that it is ok or what to do."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import date
from functools import partial
from pathlib import Path

from markdown_pricing.commands.console import print_json, print_table
from markdown_pricing.commands.places import named_lake
from markdown_pricing.countries import read_countries
from markdown_pricing.finding import Finding
from markdown_pricing.preflight import Preflight, inspect
from markdown_pricing.settings import Settings
from markdown_pricing.unmatched import unknown_settings
from markdown_pricing.words import counted


def doctor(environ: Mapping[str, str], week: date | None, lake: str | None, as_json: bool) -> int:
    """Print what a round needs and whether it is there. Returns 1 when there is something to do.

    lake : a lake of which only the delivery is looked at, whatever the installation's own is
    """
    title = "What a round needs" if lake is None else f"What is delivered in {lake}"
    lines = list(_findings(environ, week) if lake is None else _delivered(environ, lake, week))
    if as_json:
        print_json([asdict(finding) for finding in lines])
    else:
        rows = [(finding.what, "ok" if finding.ok else "to do", finding.says) for finding in lines]
        print_table(title, ("", "", ""), rows, numbers_from=3)
    return 0 if all(finding.ok for finding in lines) else 1


def _delivered(environ: Mapping[str, str], lake: str, week: date | None) -> Iterator[Finding]:
    from markdown_pricing.commands.delivery import delivery_findings  # here: pandas is slow to load

    yield from delivery_findings(named_lake(lake), week, read_countries(Settings.from_env(environ).countries_file))


def _findings(environ: Mapping[str, str], week: date | None) -> Iterator[Finding]:
    settings: Settings | None = None

    def read_settings() -> str:
        nonlocal settings
        settings = Settings.from_env(environ)
        return f"{settings.environment}, weeks from {settings.start_week}"

    yield inspect("Settings", read_settings)
    if unknown := unknown_settings(environ):
        yield Finding("Unknown settings", ok=False, says="\n  ".join(unknown))
    if settings is not None:
        yield from Preflight(settings).findings(week)
        yield inspect("Dagster", partial(_dagster, settings.dagster_home))


def _dagster(home: Path) -> str:
    yaml = home / "dagster.yaml"
    state = f"{yaml}" if yaml.exists() else f"{yaml} will be made by the first run"
    from markdown_pricing.definitions import defs

    return f"{state}; {counted(len(list(defs().resolve_all_asset_keys())), 'asset')} can be loaded"
