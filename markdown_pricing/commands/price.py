"""`markdown-pricing price`: a snapshot priced into one file, with no ERP and no orchestrator."""

import os
import secrets
import uuid
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd

from markdown_pricing import pricing
from markdown_pricing.commands.console import print_error, print_json, progress
from markdown_pricing.countries import Countries, Country, read_countries
from markdown_pricing.demand.elsewhere import SharedDemand
from markdown_pricing.demand.model import make_model
from markdown_pricing.demand.step_down import OWN
from markdown_pricing.device import choose_device
from markdown_pricing.errors import FinalError, PricingError
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.snapshot import Snapshot, find_snapshot, read_country
from markdown_pricing.markdown.rules import RuleBook, read_rules
from markdown_pricing.orchestration.results import version_of
from markdown_pricing.provenance import provenance
from markdown_pricing.settings import Settings
from markdown_pricing.training_data.schema import columns_to_read


class NothingPriced(FinalError):
    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__(f"No country of {snapshot.week} could be priced; nothing was written. The faults stand above.")


def price(
    settings: Settings,
    lake: str,
    week: date,
    out: Path,
    countries: Sequence[str] | None,
    rules: Path | None,
    model: str | None,
    as_json: bool,
) -> int:
    book, model = read_rules(rules or settings.rules_file), model or settings.demand_model
    make_model(model)
    choose_device(settings.device)
    configured = read_countries(settings.countries_file)
    source = Lake(lake)
    snapshot = find_snapshot(source, week)
    run_id = str(uuid.uuid4())
    priced: list[pd.DataFrame] = []
    failed: dict[str, str] = {}
    chosen = list(dict.fromkeys(countries or snapshot.bytes_by_country))
    shared = _share_demand(source, snapshot, chosen)
    with progress(f"Pricing {week}", len(chosen)) as advance:
        for code in chosen:
            try:
                country = _country(code, configured)
                rows, grade = _price_country(source, snapshot, country, book, model, shared, run_id)
            except PricingError as error:
                failed[code] = str(error)
                print_error(f"{code}: {error}")
                advance(f"{code} failed")
            else:
                priced.append(rows)
                advance(f"{code} {len(rows):,} articles" + (f", model grade {grade}" if grade != OWN else ""))
    if not priced:
        raise NothingPriced(snapshot)
    table = pd.concat(priced, ignore_index=True)
    _write(table, out)
    if as_json:
        print_json({"week": week, "file": out, "articles": len(table), "countries": len(priced), "failed": failed})
    else:
        print(f"{len(table):,} articles of {len(priced)} countries in {out}.")
    return 1 if failed else 0


def _country(code: str, configured: Countries) -> Country:
    if code in configured:
        return configured[code]
    print_error(f"{code} is not configured: priced under the default rules, prices ending in .99 or .95.")
    return Country(code)


def _share_demand(lake: Lake, snapshot: Snapshot, countries: Sequence[str]) -> SharedDemand | None:
    """What the countries to price share; a single one has nobody to share with."""
    if len(countries) < 2:
        return None
    try:
        return pricing.learn_shared(
            snapshot.week, countries, lambda code: read_country(lake, snapshot, code, columns_to_read)
        ).shared
    except pricing.NothingShared:
        return None  # each country's own fault is told where it is priced


def _price_country(
    lake: Lake,
    snapshot: Snapshot,
    country: Country,
    book: RuleBook,
    model_name: str,
    shared: SharedDemand | None,
    run_id: str,
) -> tuple[pd.DataFrame, str]:
    """The country's rows, and the grade of the model that they rest on."""
    week = snapshot.week
    rows = read_country(lake, snapshot, country.code, columns_to_read)
    sold = pricing.CountryWeek.of(pricing.make_training_data(rows, week, country.code), week, country.code)
    choice = pricing.fit_or_step_down(sold, model_name, shared=shared)
    version = "none" if shared is None else version_of(shared.to_bytes())
    origin = provenance(week.isoformat(), country.code, snapshot.stamp)
    origin = pricing.modelled_by(origin, choice, pricing.SEED, version)
    origin = pricing.priced_under(origin, book, country)
    priced = pricing.price_articles(sold, choice.model, country, book, origin, run_id, datetime.now(UTC))
    return priced.rows, choice.grade


def _write(table: pd.DataFrame, out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    beside = out.with_name(f".{out.name}.{secrets.token_hex(4)}.tmp")
    try:
        table.to_parquet(beside, index=False)
        os.replace(beside, out)
    finally:
        beside.unlink(missing_ok=True)
