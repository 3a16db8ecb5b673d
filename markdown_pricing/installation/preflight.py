"""Is everything there that a round needs? The command `doctor` asks it, and a job of Dagster on Sundays."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache, partial

from markdown_pricing.countries import Countries
from markdown_pricing.demand.model import make_model
from markdown_pricing.erp.refresh import newest_refreshed_week
from markdown_pricing.erp.rights import check_rights
from markdown_pricing.errors import FinalError, PricingError, if_readable
from markdown_pricing.installation.finding import Finding
from markdown_pricing.installation.from_settings import countries_of, engine_of, lake_of, rules_of
from markdown_pricing.installation.settings import Settings
from markdown_pricing.installation.unmatched import matches_nothing, not_configured
from markdown_pricing.kept.across_countries import compare_countries
from markdown_pricing.kept.results import Results
from markdown_pricing.lake import paths
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.publish import countries_with_predictions, try_to_write
from markdown_pricing.lake.snapshot import Snapshot, UnreadFiles, delivered_weeks, find_snapshot
from markdown_pricing.lake.space import check_room
from markdown_pricing.texts.words import counted
from markdown_pricing.weeks import ONE_WEEK

Look = Callable[[], Snapshot | None]
"""The snapshot that is looked at, which is listed once; None when none is delivered yet."""


class CountriesLack(FinalError):
    def __init__(self, week: date, lacking: Sequence[str]) -> None:
        super().__init__(
            f"{week}: none that can be used for {', '.join(lacking)}. Look at their runs, and materialize what lacks."
        )


@dataclass(frozen=True)
class Preflight:
    """Looks whether everything is there that a round needs. It writes one file to the lake and takes it away again."""

    settings: Settings = field(repr=False)

    def findings(self, week: date | None = None) -> Iterator[Finding]:
        """What the installation has; with `week`, the one to be priced next, also what that stands on.

        That is last week's data, results and rows, a right to write and room in the lake: all that can be known before
        the week's own snapshot is delivered.
        """
        settings = self.settings
        lake = lake_of(settings)
        yield inspect("Countries", lambda: f"{len(countries_of(settings))} in {settings.countries_file}")
        yield inspect("Rules", lambda: f"version {rules_of(settings).version} in {settings.rules_file}")
        yield inspect("Demand model", lambda: type(make_model(settings.demand_model)).__name__)
        yield inspect("Lake", lambda: f"{lake.url}: {counted(len(delivered_weeks(lake)), 'delivered week')}")
        delivered = cache(partial(_delivered, lake, week))
        yield inspect("Snapshot", lambda: _snapshot(settings, delivered()))
        yield from _unread_files(lake, delivered)
        yield from _matches_nothing(lake, settings, delivered)
        yield from _across_countries(lake, delivered)
        yield from _erp(settings)
        if settings.metronome:
            yield _metronome(settings.metronome)
        if week is not None:
            yield from _last_week(lake, settings, week - ONE_WEEK)


def inspect(what: str, find: Callable[[], str]) -> Finding:
    """What `find` says; one of our errors is a finding that is not ok."""
    try:
        return Finding(what, ok=True, says=find())
    except PricingError as error:
        return Finding(what, ok=False, says=str(error))


def _delivered(lake: Lake, week: date | None) -> Snapshot | None:
    """The snapshot before the given week, or else of the newest week that is there; None when there is none yet."""
    if week is not None:
        return find_snapshot(lake, week - ONE_WEEK)
    weeks = delivered_weeks(lake)
    return find_snapshot(lake, max(weeks)) if weeks else None


def _snapshot(settings: Settings, snapshot: Snapshot | None) -> str:
    """The countries in the snapshot, and those that it lacks or has beyond the configured ones."""
    if snapshot is None:
        return "none delivered yet"
    configured = countries_of(settings)
    missing = [code for code in configured if code not in snapshot.bytes_by_country]
    lacking = f", but none for {', '.join(missing)}" if missing else ""
    if others := not_configured(snapshot, configured):
        lacking += f"; not configured, and so not priced: {', '.join(others)}"
    return f"{snapshot.week}: {counted(len(snapshot.bytes_by_country), 'country')}{lacking}"


def _unread_files(lake: Lake, delivered: Look) -> Iterator[Finding]:
    """A finding for each country in whose folder something lies that would not be read."""
    with suppress(PricingError):
        if (snapshot := delivered()) is None:
            return
        for country, names in snapshot.unread.items():
            yield Finding(f"Files of {country}", ok=False, says=str(UnreadFiles(lake, snapshot.week, country, names)))


def _matches_nothing(lake: Lake, settings: Settings, delivered: Look) -> Iterator[Finding]:
    """Rules and countries that match nothing of the newest snapshot; what can't be read has a finding of its own."""
    with suppress(PricingError):
        book = rules_of(settings)
        configured = countries_of(settings)
        snapshot = delivered()
        if snapshot and (said := matches_nothing(lake, snapshot, book, configured, settings.currencies_file)):
            yield Finding("What matches nothing", ok=False, says="\n  ".join(said))


def _across_countries(lake: Lake, delivered: Look) -> Iterator[Finding]:
    """Where the advice of the snapshot's week differs widely between countries, which is for a buyer to judge."""
    with suppress(PricingError):
        if (snapshot := delivered()) is None:
            return
        if (compared := compare_countries(lake, snapshot.week)).articles or compared.unread:
            yield Finding("The same article in several countries", ok=True, says=compared.text)


def _erp(settings: Settings) -> Iterator[Finding]:
    try:
        engine = engine_of(settings)
        for finding in check_rights(engine):
            yield replace(finding, what=f"ERP: {finding.what}")
    except PricingError as error:
        yield Finding("ERP", ok=False, says=str(error))


def _metronome(cluster: Mapping[str, str]) -> Finding:
    from markdown_pricing.metronome import MetronomeResource
    from markdown_pricing.metronome.errors import MetronomeError

    resource = MetronomeResource.model_validate(cluster)
    try:
        version = ".".join(map(str, resource.metronome.version()))
        ours = [job for job in resource.metronome.jobs() if job["id"].startswith(f"{resource.job_prefix}.")]
    except MetronomeError as error:
        return Finding("Metronome", ok=False, says=str(error))
    return Finding(
        "Metronome", ok=True, says=f"{version} at {resource.url}: {counted(len(ours), 'job')} of {resource.job_prefix}"
    )


def _last_week(lake: Lake, settings: Settings, last_week: date) -> Iterator[Finding]:
    """What the coming round stands on: a right to write, room, and what last week's round left behind."""
    yield inspect("Writing to the lake", lambda: _probe(lake))
    yield inspect("Room in the lake", lambda: check_room(lake, last_week))
    parts: dict[str, Callable[[Countries], Iterable[str]]] = {
        "predictions": lambda countries: countries_with_predictions(lake, last_week),
        "models": lambda countries: _with_models(lake, last_week, countries),
        "rows in the ERP": lambda countries: _with_rows(settings, last_week, countries),
    }
    for part, there in parts.items():
        yield inspect(f"Last week's {part}", partial(_all_countries, settings, last_week, there))


def _all_countries(settings: Settings, last_week: date, there: Callable[[Countries], Iterable[str]]) -> str:
    """Says that every country is among those that are `there`. Raises CountriesLack, which lists the others."""
    countries = countries_of(settings)
    lacking = countries.keys() - set(there(countries))
    if lacking:
        raise CountriesLack(last_week, sorted(lacking))
    return f"{last_week}: all of {counted(len(countries), 'country')}"


def _probe(lake: Lake) -> str:
    try_to_write(lake, paths.KEPT)
    return "a file was written and taken away"


def _with_models(lake: Lake, week: date, countries: Countries) -> Iterator[str]:
    """The countries whose model can be loaded by this version, as a step down to it would need."""
    for country in countries:
        if if_readable(Results(lake, week, country).model.read) is not None:
            yield country


def _with_rows(settings: Settings, week: date, countries: Countries) -> Iterator[str]:
    """The countries whose rows in the ERP are of that week or of a newer one."""
    engine = engine_of(settings)
    for country in countries:
        held = newest_refreshed_week(engine, country)
        if held is not None and held >= week:
            yield country
