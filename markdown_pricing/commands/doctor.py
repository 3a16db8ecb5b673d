"""`markdown-pricing doctor`: is everything there that a round needs? Each line is ok, or what to do."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass

from markdown_pricing.commands.console import print_json, print_table
from markdown_pricing.countries import read_countries
from markdown_pricing.demand.model import make_model
from markdown_pricing.erp.rights import check_rights
from markdown_pricing.erp.tables import engine_for
from markdown_pricing.errors import PricingError
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.snapshot import delivered_weeks, find_snapshot
from markdown_pricing.markdown.rules import read_rules
from markdown_pricing.settings import Settings


@dataclass(frozen=True)
class Finding:
    what: str
    ok: bool
    says: str


def doctor(environ: Mapping[str, str], as_json: bool) -> int:
    findings = list(_findings(environ))
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        rows = [(finding.what, "ok" if finding.ok else "to do", finding.says) for finding in findings]
        print_table("What a round needs", ("", "", ""), rows, numbers_from=3)
    return 0 if all(finding.ok for finding in findings) else 1


def _findings(environ: Mapping[str, str]) -> Iterator[Finding]:
    settings: Settings | None = None

    def read_settings() -> str:
        nonlocal settings
        settings = Settings.from_env(environ)
        return f"{settings.environment}, weeks from {settings.start_week}"

    yield _look("Settings", read_settings)
    if settings is None:
        return
    lake = Lake(settings.lake_url)
    yield _look("Countries", lambda: f"{len(read_countries(settings.countries_file))} in {settings.countries_file}")
    yield _look("Rules", lambda: f"version {read_rules(settings.rules_file).version} in {settings.rules_file}")
    yield _look("Demand model", lambda: type(make_model(settings.demand_model)).__name__)
    yield _look("Lake", lambda: _lake(lake))
    yield _look("Snapshot", lambda: _snapshot(lake, settings))
    yield from _erp(settings)
    yield _look("Dagster", lambda: _dagster(settings))
    if settings.metronome:
        yield _metronome(settings.metronome)


def _look(what: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(what, ok=True, says=look())
    except PricingError as error:
        return Finding(what, ok=False, says=str(error))


def _lake(lake: Lake) -> str:
    weeks = delivered_weeks(lake)
    return f"{lake.url}: {len(weeks)} delivered weeks"


def _snapshot(lake: Lake, settings: Settings) -> str:
    weeks = delivered_weeks(lake)
    if not weeks:
        return "none delivered yet"
    snapshot = find_snapshot(lake, max(weeks))
    missing = [code for code in read_countries(settings.countries_file) if code not in snapshot.bytes_by_country]
    lacking = f", but none for {', '.join(missing)}" if missing else ""
    return f"{snapshot.week}: {len(snapshot.bytes_by_country)} countries{lacking}"


def _erp(settings: Settings) -> Iterator[Finding]:
    try:
        engine = engine_for(settings.erp_url, settings.erp_user, settings.erp_password, settings.erp_schema)
        for right in check_rights(engine):
            yield Finding(f"ERP: {right.what}", right.ok, right.advice)
    except PricingError as error:
        yield Finding("ERP", ok=False, says=str(error))


def _dagster(settings: Settings) -> str:
    yaml = settings.dagster_home / "dagster.yaml"
    state = f"{yaml}" if yaml.exists() else f"{yaml} will be made by the first run"
    from markdown_pricing.definitions import defs

    return f"{state}; {len(list(defs.resolve_all_asset_keys()))} assets load"


def _metronome(cluster: Mapping[str, str]) -> Finding:
    from markdown_pricing.metronome import MetronomeResource
    from markdown_pricing.metronome.errors import MetronomeError

    resource = MetronomeResource.model_validate(cluster)
    try:
        version = ".".join(map(str, resource.metronome.version()))
        ours = [job for job in resource.metronome.jobs() if job["id"].startswith(f"{resource.job_prefix}.")]
    except MetronomeError as error:
        return Finding("Metronome", ok=False, says=str(error))
    return Finding("Metronome", ok=True, says=f"{version} at {resource.url}: {len(ours)} jobs of {resource.job_prefix}")
