"""Rules, countries and settings that match nothing, each said in a sentence: they are more often a slip than meant."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache, partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from markdown_pricing.countries import Countries
from markdown_pricing.defaults import CURRENCIES_FILE
from markdown_pricing.errors import PricingError
from markdown_pricing.installation.settings import PREFIX, VARIABLES
from markdown_pricing.lake import paths
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.snapshot import Snapshot, read_country
from markdown_pricing.markdown.rules import Override, RuleBook

_OF_KUBERNETES = re.compile(r".*_(SERVICE_HOST|SERVICE_PORT.*|PORT(_.*)?)")
"""Variables that Kubernetes makes for each of its services, in every container."""


@dataclass(frozen=True)
class DeliveredNames:
    """What a country's delivery has that rules can name: the categories to price and the names of the columns."""

    categories: frozenset[str]
    columns: frozenset[str]


Look = Callable[[str], DeliveredNames | None]
"""What a country's delivery holds; None when that is not known."""


def matches_nothing(
    lake: Lake,
    snapshot: Snapshot,
    book: RuleBook,
    configured: Countries,
    currencies: Path,
    unconfigured_are_priced: bool = False,
) -> list[str]:
    """The rules and countries that match nothing of the configured countries and of the snapshot.

    Only what rules name is looked up: the categories of one country after the other until all are found.
    """
    known = {*configured, *(snapshot.bytes_by_country if unconfigured_are_priced else ())}
    delivered = [code for code in snapshot.bytes_by_country if code in known]
    said = [f"{lake.where(paths.snapshot_folder(snapshot.week))}/{name} is not read." for name in snapshot.beside]
    said += list(_rules(book, snapshot, known, delivered, cache(lambda code: held(lake, snapshot, code))))
    if currencies != CURRENCIES_FILE:  # the package's own file has lines for countries that others leave out
        said += [f"{currencies}: {code} is not configured." for code in configured.changeovers if code not in known]
    return said


def not_configured(snapshot: Snapshot, configured: Countries) -> list[str]:
    """The countries that are delivered and that `run` leaves out; it may be meant so."""
    return [code for code in snapshot.bytes_by_country if code not in configured]


def unknown_settings(environ: Mapping[str, str]) -> list[str]:
    """Variables that look like settings of ours and are none."""
    said = []
    for name in sorted(environ):
        if name.startswith(PREFIX) and name not in VARIABLES and not _OF_KUBERNETES.fullmatch(name):
            near = get_close_matches(name, VARIABLES, 1)
            said.append(f"{name} is no setting, and nobody reads it." + (f" Is {near[0]} meant?" if near else ""))
    return said


def held(lake: Lake, snapshot: Snapshot, country: str) -> DeliveredNames | None:
    """The columns and categories of a country's delivery; None where it cannot be read."""
    columns: list[str] = []

    def read(available: list[str]) -> list[str]:
        columns.extend(available)
        return [name for name in ("week", "category") if name in available]

    # What can't be read is said where the country is priced.
    with suppress(PricingError, pa.ArrowException, KeyError, ValueError):
        rows = read_country(lake, snapshot, country, read)
        now = pc.equal(rows["week"].cast(pa.date32()), pa.scalar(snapshot.week, pa.date32()))
        categories = pc.unique(rows["category"].filter(now).cast(pa.string())).to_pylist()
        return DeliveredNames(frozenset(categories) - {None}, frozenset(columns))
    return None


def _rules(
    book: RuleBook, snapshot: Snapshot, known: Collection[str], delivered: Sequence[str], look: Look
) -> Iterator[str]:
    week = snapshot.week
    default = book.default
    changes = {"same_price_by": default.same_price_by, "no_touch_weeks": default.no_touch_weeks}
    defaults = Override(None, None, changes)
    for number, override in enumerate((defaults, *book.overrides)):
        where = f"The rules' override {number}" if number else "The rules' default"
        country, category = override.country, override.category
        there = [code for code in delivered if country in (None, code)]
        if country is not None and not there:
            why = f"is not in the snapshot of {week}" if country in known else "is not configured"
            yield f"{where} holds for nobody: {country} {why}."
            continue
        if category is not None and _is_nowhere(there, look, partial(_has_category, category)):
            yield f"{where} holds for nobody: in week {week} {_named(there)} the category {category!r}."
        if (column := override.changes.get("same_price_by")) and _is_nowhere(there, look, partial(_has_column, column)):
            yield f"{where} groups nothing: in the snapshot of {week} {_named(there)} the column {column!r}."
        if (weeks := override.changes.get("no_touch_weeks")) and max(weeks) < week:
            yield f"{where} has no_touch_weeks that are all before {week}."


def _has_category(category: str, held: DeliveredNames) -> bool:
    return category in held.categories


def _has_column(column: str, held: DeliveredNames) -> bool:
    return column in held.columns


def _is_nowhere(countries: Sequence[str], look: Look, has: Callable[[DeliveredNames], bool]) -> bool:
    """Whether none of the countries has it. Nothing is said where one of them is not known."""
    for country in countries:
        held = look(country)
        if held is None or has(held):
            return False
    return True


def _named(countries: Sequence[str]) -> str:
    return f"{countries[0]} does not have" if len(countries) == 1 else "no country has"
