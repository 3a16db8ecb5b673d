"""`markdown-pricing price` prices a snapshot into one file, without an ERP and without an orchestrator."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from markdown_pricing import pricing
from markdown_pricing.columns import ROW_COLUMNS
from markdown_pricing.commands.console import (
    print_error,
    print_json,
    progress,
)
from markdown_pricing.commands.places import named_lake, write_whole
from markdown_pricing.commands.rules_compared import draw_rules, machine_readable, show_rules
from markdown_pricing.countries import Countries, Country, unconfigured
from markdown_pricing.currencies import Changeover
from markdown_pricing.decisions.decision import Decision, read
from markdown_pricing.delivered import learn_from_delivery, origin_of_delivery, take_in_delivery
from markdown_pricing.demand.model import check_allowed, make_model
from markdown_pricing.demand.step_down import OWN
from markdown_pricing.errors import FinalError, PricingError, UsageError
from markdown_pricing.installation.files import read_reason_codes
from markdown_pricing.installation.from_settings import champion_of, countries_of, rules_of
from markdown_pricing.installation.settings import Settings
from markdown_pricing.installation.unmatched import matches_nothing, unknown_settings
from markdown_pricing.kept.results import Results
from markdown_pricing.kept.shared_demand import SharedAtHand, version_of
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.seal import ResultChanged
from markdown_pricing.lake.snapshot import Snapshot, find_snapshot
from markdown_pricing.learnt_together import NothingShared
from markdown_pricing.markdown.changes import Stability, stability
from markdown_pricing.markdown.other_rules import compare_rules
from markdown_pricing.markdown.reasons import ReasonCodes
from markdown_pricing.markdown.rules import RuleBook
from markdown_pricing.process.device import choose_device
from markdown_pricing.process.threads import limit_threads
from markdown_pricing.texts.words import counted


class NothingPriced(FinalError):
    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__(
            f"No country of {snapshot.week} could be priced; nothing was written. The messages above say why."
        )


class NotInTheSnapshot(UsageError):
    def __init__(self, snapshot: Snapshot, absent: Sequence[str]) -> None:
        super().__init__(
            f"The snapshot of {snapshot.week} has no {', '.join(absent)}. It holds "
            f"{', '.join(snapshot.bytes_by_country) or 'no country at all'}: name some of these."
        )


class NothingToCompare(UsageError):
    def __init__(self) -> None:
        super().__init__(
            "--compare needs --rules FILE, the rules that are compared with the standing rules. Give both."
        )


class NothingToDraw(UsageError):
    def __init__(self) -> None:
        super().__init__("--picture draws what --compare shows. Give both.")


def price(
    environ: Mapping[str, str],
    lake: str,
    week: date,
    out: Path,
    countries: Sequence[str] | None,
    rules: Path | None,
    model: str | None,
    with_standing: bool,
    picture: Path | None,
    as_json: bool,
) -> int:
    """Price a snapshot into one file; the parameters are the options of the command.

    returns the exit code, which is 1 when a country failed and others were priced; raises NothingPriced when none was
    """
    settings = Settings.from_env(environ)
    books, codes = _read_books(settings, rules, with_standing, picture), read_reason_codes()
    named = _codes(countries)
    source = named_lake(settings, lake)
    model = model or check_allowed(champion_of(settings, source), source.models)
    make_model(model)
    choose_device(settings.device)
    limit_threads()
    configured = countries_of(settings)
    snapshot = find_snapshot(source, week)
    chosen = _chosen(snapshot, named)
    said = matches_nothing(source, snapshot, books[-1], configured, settings.currencies_file, True)
    for sentence in (*unknown_settings(environ), *said):
        print_error(sentence)
    priced, failed = _price_each(source, snapshot, chosen, configured, books, codes, model)
    if not priced:
        raise NothingPriced(snapshot)
    by_book = zip(*(each.tables for each in priced.values()), strict=True)
    tables = [pd.concat(rows, ignore_index=True) for rows in by_book]
    table = tables[-1][ROW_COLUMNS]
    write_whole(out, lambda file: table.to_parquet(file, index=False))
    summary = _summary(week, out, table, priced, failed)
    compared = compare_rules(*tables) if with_standing else []
    if picture is not None:
        draw_rules(compared, week, rules, picture)
    if as_json:
        print_json({**summary, "compared": [machine_readable(group) for group in compared]} if compared else summary)
    else:
        if compared and rules is not None:
            show_rules(compared, rules.name)
        print(f"{counted(len(table), 'article')} of {counted(len(priced), 'country')} in {out}.")
    return 1 if failed else 0


@dataclass(frozen=True)
class CountryPriced:
    """One country's prices.

    tables : its rows under each set of rules, with ROW_COLUMNS and the country's currency ; grade : of the model
    steady : how steady the plans under the last rules are; None where last week's are not known
    """

    tables: Sequence[pd.DataFrame]
    grade: str
    steady: Stability | None


def _price_each(
    lake: Lake,
    snapshot: Snapshot,
    countries: Sequence[str],
    configured: Countries,
    books: Sequence[RuleBook],
    codes: ReasonCodes,
    model: str,
) -> tuple[dict[str, CountryPriced], dict[str, str]]:
    """The countries that could be priced, and why the others could not; each is shown when it is done."""
    how = pricing.HowToLearn(model)
    price_one = partial(
        _price_country,
        lake,
        snapshot,
        books=books,
        codes=codes,
        how=how,
        shared=_share_demand(lake, snapshot, countries, configured, how),
        run_id=str(uuid.uuid4()),
    )
    priced, failed = dict[str, CountryPriced](), dict[str, str]()
    with progress(f"Pricing {snapshot.week}", len(countries)) as advance:
        for code in countries:
            try:
                country = _country(code, configured, snapshot.week)
                priced[code] = own = price_one(country, changeovers=configured.changes_of(code))
            except PricingError as error:
                failed[code] = str(error)
                print_error(f"{code}: {error}")
                advance(f"{code} failed")
            else:
                grade = f", model grade {own.grade}" if own.grade != OWN else ""
                advance(f"{code} {counted(len(own.tables[-1]), 'article')}{grade}")
    return priced, failed


def _codes(countries: Sequence[str] | None) -> list[str]:
    """The codes of countries that were named. Raises a UsageError for what is no country's code."""
    return [unconfigured(code).code for code in countries or ()]


def _chosen(snapshot: Snapshot, countries: Sequence[str]) -> list[str]:
    """The countries to price, each once, in the order given or that of the snapshot. Raises NotInTheSnapshot."""
    chosen = list(dict.fromkeys(countries or snapshot.bytes_by_country))
    if absent := [code for code in chosen if code not in snapshot.bytes_by_country]:
        raise NotInTheSnapshot(snapshot, absent)
    return chosen


def _read_books(settings: Settings, rules: Path | None, with_standing: bool, picture: Path | None) -> list[RuleBook]:
    """The rules to price under. The rows under the last are written; to compare, the standing rules come before them.

    Raises NothingToCompare and NothingToDraw.
    """
    if with_standing and rules is None:
        raise NothingToCompare()
    if picture is not None and not with_standing:
        raise NothingToDraw()
    standing = [rules_of(settings)] if with_standing else []
    return [*standing, rules_of(settings, rules)]


def _summary(
    week: date, out: Path, table: pd.DataFrame, priced: Mapping[str, CountryPriced], failed: Mapping[str, str]
) -> dict[str, Any]:
    """What was priced and what failed, and how steady the plans are where last week's are known."""
    summary = {"week": week, "file": out, "articles": len(table), "countries": len(priced), "failed": failed}
    steady = {code: each.steady for code, each in priced.items() if each.steady is not None}
    if not steady:
        return summary
    by_country = {code: {**asdict(own), "unexplained_pct": own.unexplained_pct} for code, own in steady.items()}
    return {**summary, "stability": by_country}


def _country(code: str, configured: Countries, week: date) -> Country:
    if code in configured:
        return configured.in_week(code, week)
    print_error(
        f"{code} is not configured: it is priced under the default rules, as if its prices were euros and ended in "
        ".99 or .95. Where that is wrong, add its row to the countries file (MARKDOWN_PRICING_COUNTRIES)."
    )
    return unconfigured(code)


def _share_demand(
    lake: Lake, snapshot: Snapshot, countries: Sequence[str], configured: Countries, how: pricing.HowToLearn
) -> SharedAtHand:
    """What the countries to price share, or nothing: a single country has nobody to share with."""
    if len(countries) < 2:
        return SharedAtHand()
    try:
        learnt = learn_from_delivery(lake, snapshot, countries, configured.changeovers, how)
    except NothingShared:
        return SharedAtHand()  # the message comes where each country is priced
    for line in learnt.not_learnt_by(how.model):
        print_error(line)
    return SharedAtHand(learnt.shared, version_of(learnt.shared.to_bytes()))


def _price_country(
    lake: Lake,
    snapshot: Snapshot,
    country: Country,
    books: Sequence[RuleBook],
    codes: ReasonCodes,
    how: pricing.HowToLearn,
    shared: SharedAtHand,
    run_id: str,
    changeovers: Sequence[Changeover],
) -> CountryPriced:
    """The country's prices under each set of rules, all by one model."""
    week = snapshot.week
    taken = take_in_delivery(lake, snapshot, country.code, changeovers)
    sold = pricing.CountryWeek.of(taken.rows, week, country.code, taken.planned)
    for note in taken.notes:
        print_error(f"{country.code}: {note}")
    choice = pricing.fit_or_step_down(sold, how, shared.shared)
    delivery = origin_of_delivery(snapshot, country.code, changeovers)
    origin = pricing.modelled_by(delivery, choice, how, shared.version)
    results = Results(lake, week, country.code)
    now, last_rows, decided = datetime.now(UTC), results.recommendations.rows_before(), _decided(results)
    inputs = (pricing.PricingInputs(country, book, codes, last_rows, decided, changeovers) for book in books)
    priced = (pricing.price_as_decided(sold, choice.model, each, origin, run_id, now) for each in inputs)
    tables = [each.recommendations.rows.assign(currency=country.currency) for each in priced]
    return CountryPriced(tables, choice.grade, stability(tables[-1], last_rows, sold.history))


def _decided(results: Results) -> Sequence[Decision]:
    """What people had decided when a round priced the week; none where no round has, or its copy cannot be read."""
    try:
        return read(results.decisions.read() or ()).decisions
    except ResultChanged as error:
        print_error(f"{results.country}: priced without people's decisions. {error}")
        return ()
