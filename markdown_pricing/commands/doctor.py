"""`markdown-pricing doctor` checks everything that a round needs, and says for each that it is ok or what to do."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from functools import partial
from pathlib import Path

import yaml  # type: ignore[import-untyped]

from markdown_pricing.commands.console import print_json, print_table
from markdown_pricing.commands.places import named_lake
from markdown_pricing.errors import UsageError
from markdown_pricing.installation.finding import Finding
from markdown_pricing.installation.from_settings import countries_of
from markdown_pricing.installation.preflight import Preflight, inspect
from markdown_pricing.installation.settings import Settings
from markdown_pricing.installation.unmatched import unknown_settings
from markdown_pricing.texts.words import counted


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

    settings = Settings.from_env(environ)
    configured = countries_of(settings)
    yield from delivery_findings(named_lake(settings, lake), week, configured)


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
        yield inspect("Dagster", partial(_dagster, settings))


class TagsForNobody(UsageError):
    def __init__(self, file: Path, codes: Sequence[str]) -> None:
        super().__init__(
            f"tags_by_country in {file} names {', '.join(codes)}, which no configured country is called: these tags "
            "hold for no run. Correct the codes or take the lines out."
        )


class UnreadableDagsterYaml(UsageError):
    def __init__(self, file: Path, why: Exception) -> None:
        super().__init__(f"{file} cannot be read: {why}. Correct the file; nothing can be started with it.")


def _dagster(settings: Settings) -> str:
    """Raises TagsForNobody and UnreadableDagsterYaml."""
    path = settings.dagster_home / "dagster.yaml"
    state = f"{path}" if path.exists() else f"{path} will be made by the first run"
    if unknown := sorted(_tagged(path) - countries_of(settings).keys()):
        raise TagsForNobody(path, unknown)
    from markdown_pricing.definitions import defs

    return f"{state}; {counted(len(list(defs().resolve_all_asset_keys())), 'asset')} can be loaded"


def _tagged(path: Path) -> set[str]:
    """The countries that the run coordinator in dagster.yaml has tags for. Raises UnreadableDagsterYaml."""
    try:
        whole = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else None
        return set((((whole or {}).get("run_coordinator") or {}).get("config") or {}).get("tags_by_country") or {})
    except (OSError, UnicodeDecodeError, yaml.YAMLError, AttributeError) as error:
        raise UnreadableDagsterYaml(path, error) from error
